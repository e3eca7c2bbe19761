"""A server that fails, for each test its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.fault_server import FaultServer


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that is well until it is told otherwise."""
    with FaultServer() as running:
        yield running
