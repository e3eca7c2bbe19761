"""How a bulk run treats a kind of request: its identity, the IDs of its result, and how to search for it.

Kombo's lists come from its synced copy of the connected system. A record that is there and certainly the row's proves
that the work was done. A missing one proves nothing by itself: the server may still be working, or the copy may be
older. So a reconciler says what it sees, and the run decides whether that is enough (`resend_after`, `synced_since`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard, cast

import attrs

from kombo_async.bulk._identity import Identity
from kombo_async.bulk._journal import Entry, Match, RowKey
from kombo_async.errors import Failure
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient


LONGEST_ACTION = timedelta(minutes=15)
"""How long after sending an action may still be in progress, according to Kombo ("up to minutes")."""

LONGEST_SKEW = timedelta(days=1)
"""How far behind Kombo's the clock of a connected system may be: its own time zone, reported as UTC, too."""


@attrs.frozen
class Found:
    """It was done: this record is the row's, and no other can be."""

    match: Match


@attrs.frozen
class NotThere:
    """A complete search (all pages, deleted records too) found neither it nor a possible match."""


@attrs.frozen
class NotSure:
    """There is a possible match, or the search was incomplete; a person must look."""

    why: str
    found: tuple[Match, ...] = ()
    """Possible matches."""


@attrs.frozen
class Repeat:
    """Doing it again does no harm, whatever happened: it is sent again."""


Verdict: TypeAlias = Found | NotThere | NotSure | Repeat


@attrs.frozen(kw_only=True)
class Look:
    """The search for one row in doubt."""

    kombo: AsyncKomboClient = attrs.field(repr=False)
    """A client for the row's integration."""
    request: Request[Any]
    identity: Identity | None
    integration_id: str | None
    entry: Entry
    """What is known about the row. It cannot have been created before `entry.first_sent`, on the server's clock.

    That is None if unknown; then nothing that is found can be proof.
    """
    owners: Callable[[Sequence[str]], Awaitable[Mapping[str, RowKey]]] = attrs.field(repr=False)
    """Returns which IDs are the proof of other rows."""

    def is_new(self, created: datetime | None) -> bool | None:
        """Whether a record created then is certainly newer, or older, than the row's first attempt; None if unknown."""
        first, by = self.entry.first_sent, self.entry.first_sent_by
        if first is None or not is_time(created):
            return None
        if by is not None and created >= by:
            return True
        return False if is_before(created, first) else None

    def is_old(self, moment: datetime | None) -> bool:
        """Whether *moment* is before the row's first attempt, even if it comes from a clock that is behind."""
        first = self.entry.first_sent
        return first is not None and is_time(moment) and is_before(moment, first - LONGEST_SKEW)

    def is_close(self, created: datetime | None) -> bool:
        """Whether *created* is too close to the row's first sending to say which came first."""
        return self.entry.first_sent is not None and is_time(created) and self.is_new(created) is None

    def is_too_late(self, created: datetime | None) -> bool:
        """Whether a record created at *created* is from a time when the row was no longer being sent."""
        last = self.entry.last_sent
        return last is not None and created is not None and created > last + LONGEST_ACTION


def is_time(moment: datetime | None) -> TypeGuard[datetime]:
    """Whether *moment* is a time with a time zone, and not a value of another type."""
    return isinstance(cast("object", moment), datetime) and moment is not None and moment.tzinfo is not None


def is_before(moment: datetime, limit: datetime) -> bool:
    """Whether something that a system says happened at *moment* certainly happened before *limit*.

    Systems truncate times to milliseconds, seconds, minutes, or to days, which start at a whole quarter hour in UTC.
    """
    if moment.microsecond:
        cut = timedelta(microseconds=1 if moment.microsecond % 1000 else 1000)
    elif moment.second:
        cut = timedelta(seconds=1)
    else:
        cut = timedelta(minutes=1) if moment.minute % 15 else timedelta(days=1)
    return moment + cut <= limit


class Reconciler(Protocol):
    """How a bulk run treats one class of requests. Subclass it, and override what differs."""

    def identity(self, request: Request[Any]) -> Identity | None:
        """The request's identity; None uses a digest of the whole request, details included.

        Raises `InvalidInput` if the request does not say.
        """
        return None

    def ids(self, request: Request[Any], data: Any) -> Mapping[str, str]:
        """The IDs in the data of a success.

        Without any, the row is in doubt, if responses to this request normally name what was created.
        """
        return ids_of(data)

    def already_there(self, failure: Failure) -> bool:
        """Whether Kombo refused the request because what it creates already exists."""
        return False

    async def look(self, look: Look) -> Verdict:
        """Search for the result of a row in doubt. Raising a `KomboError` leaves the row in doubt."""
        ...


class Repeatable(Reconciler):
    """The reconciler for operations that can safely be repeated (GET, PUT, DELETE): send again."""

    async def look(self, look: Look) -> Verdict:
        """See `Reconciler.look`."""
        return Repeat()


ID_NAMES = ("id", "remote_id", "candidate_id", "application_id", "job_id")


def ids_of(data: Any) -> dict[str, str]:
    """The IDs in a response, by name."""
    plain: Mapping[str, Any] = (
        cast("Mapping[str, Any]", data)
        if isinstance(data, Mapping)
        else {name: getattr(data, name, None) for name in ID_NAMES}
    )
    return {name: value for name in ID_NAMES if isinstance(value := plain.get(name), str) and value.strip()}
