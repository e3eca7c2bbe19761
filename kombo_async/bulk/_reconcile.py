"""What a kind of request is to a bulk run: who and what it is, what names its result, and how to look for it.

Kombo's lists answer from its synced copy of the connected system. A record that is there, and is certainly the row's,
proves that the work was done. One that is not there proves nothing by itself: the server may still be at it, or the
copy may be older. So a reconciler says what it sees, and the run decides whether that is enough (`resend_after`,
`synced_since`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import attrs

from kombo_async.bulk._identity import Identity
from kombo_async.bulk._journal import Entry, Match, RowKey
from kombo_async.errors import Failure
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient


LONGEST_ACTION = timedelta(minutes=15)
"""How long after it was sent an action may still be under way, by what Kombo says of them ("up to minutes")."""


@attrs.frozen
class Found:
    """It was done: this record is the row's, and no other can be."""

    match: Match


@attrs.frozen
class NotThere:
    """A whole look (all pages, deleted records too) does not show it, nor anything that might be it."""


@attrs.frozen
class NotSure:
    """Something may be it, or the look was not whole; a person must look."""

    why: str
    found: tuple[Match, ...] = ()
    """What may be it."""


@attrs.frozen
class Repeat:
    """Doing it again does no harm, whatever became of it: it is sent again."""


Verdict: TypeAlias = Found | NotThere | NotSure | Repeat


@attrs.frozen(kw_only=True)
class Look:
    """A look for one row in doubt."""

    kombo: AsyncKomboClient = attrs.field(repr=False)
    """A client for the row's integration."""
    request: Request[Any]
    identity: Identity | None
    integration_id: str | None
    entry: Entry
    """What is known of the row; `entry.first_sent` is the earliest that it may have been made, on the server's clock.

    It is None where nobody knows; then nothing that is found can be proof.
    """
    owners: Callable[[Sequence[str]], Awaitable[Mapping[str, RowKey]]] = attrs.field(repr=False)
    """Tells which IDs are the proof of other rows."""

    def is_new(self, created: datetime | None) -> bool | None:
        """Whether a record that was made at *created* was made since the row was first sent; None if nobody knows.

        Times without a fraction were cut to the second, so the row's time is cut, too.
        """
        first = self.entry.first_sent
        if first is None or not isinstance(cast("object", created), datetime) or created is None:
            return None
        if created.tzinfo is None:
            return None
        return created >= (first if created.microsecond else first.replace(microsecond=0))

    def is_too_late(self, created: datetime | None) -> bool:
        """Whether a record that was made at *created* was made when no sending of the row was under way any more."""
        last = self.entry.last_sent
        return last is not None and created is not None and created > last + LONGEST_ACTION


class Reconciler(Protocol):
    """How a bulk run treats one class of requests. Derive from it, and override what differs."""

    def identity(self, request: Request[Any]) -> Identity | None:
        """What the request is to make; None takes a digest of all of it, details included.

        Raises `InvalidInput` for a request that does not say.
        """
        return None

    def ids(self, request: Request[Any], data: Any) -> Mapping[str, str]:
        """The IDs in the data of a success.

        Without any it is in doubt whether something was created, if responses to this request name what was created.
        """
        return ids_of(data)

    def already_there(self, failure: Failure) -> bool:
        """Whether Kombo refused the request since what it is to make is there already."""
        return False

    async def look(self, look: Look) -> Verdict:
        """Look for the work of a row in doubt. A `KomboError` that this raises leaves the row in doubt."""
        ...


class Repeatable(Reconciler):
    """The reconciler of operations that may be done twice without harm (GET, PUT, DELETE): send it again."""

    async def look(self, look: Look) -> Verdict:
        """See `Reconciler.look`."""
        return Repeat()


ID_NAMES = ("id", "remote_id", "candidate_id", "application_id", "job_id")


def ids_of(data: Any) -> dict[str, str]:
    """The IDs in an answer, by their names."""
    plain: Mapping[str, Any] = (
        cast("Mapping[str, Any]", data)
        if isinstance(data, Mapping)
        else {name: getattr(data, name, None) for name in ID_NAMES}
    )
    return {name: value for name in ID_NAMES if isinstance(value := plain.get(name), str) and value.strip()}
