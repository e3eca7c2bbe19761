"""Settling what is in doubt by looking: was it done or not?

Kombo's lists answer from its synced copy of the connected system, so a record that is there proves that the work was
done, but one that is not there may only not be there *yet*: the server may still be at it, or the copy may be older.
So "surely not there" needs time: see `applications.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs

from kombo_async.bulk._journal import Entry
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient


@attrs.frozen
class Found:
    """It was done."""

    ids: Mapping[str, str]


@attrs.frozen
class NotThere:
    """It was surely not done, or doing it again does no harm: it is sent (again)."""


@attrs.frozen
class NotSure:
    """Nobody can tell yet; the row is reported as in doubt."""

    why: str
    look_again: datetime | None = None
    """When looking again could tell, None where a person must look."""


Verdict: TypeAlias = Found | NotThere | NotSure


class Reconciler(Protocol):
    """Finds out whether a request that is in doubt was done."""

    async def __call__(
        self, kombo: AsyncKomboClient, request: Request[Any], entry: Entry, integration_id: str | None
    ) -> Verdict:
        """Look, through a client for the row's integration; *entry* says when the request was first and last sent.

        A `KomboError` that this raises leaves the row in doubt.
        """
        ...


async def repeat(kombo: AsyncKomboClient, request: Request[Any], entry: Entry, integration_id: str | None) -> Verdict:
    """The reconciler of operations that may be done twice without harm (GET, PUT, DELETE): send it again."""
    return NotThere()
