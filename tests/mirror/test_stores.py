"""Both stores keep the promises of the protocol."""

from __future__ import annotations

import pytest

from kombo_async.mirror.testing import STORE_CHECKS, Check
from tests.mirror.stores import Place

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
async def test_promises(check: Check, place: Place) -> None:
    """Each promise, under each event loop that the store is for."""
    await check(place.store)
