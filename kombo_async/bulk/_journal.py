"""The journal of a bulk run: what is being sent, done, refused or in doubt. It lets a run survive being killed.

`SqliteJournal` (in `sqlite.py`) is the default. Another store, such as one that several machines share, implements
`Journal`; it must then give each row to one worker at a time, and distinguish live workers' rows from dead workers'.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import attrs
import msgspec

from kombo_async._escaping import escaped

State: TypeAlias = Literal["sending", "done", "refused", "in_doubt", "unsent", "given_up"]
"""What is known of a row.

- `sending`: its request is about to be sent, or was sent, and there is no response yet.
- `done`: Kombo did it, in this run or an earlier one.
- `refused`: it was not done, and would be refused again if sent unchanged.
- `in_doubt`: it may have been done.
- `unsent`: it was definitely not done, for a temporary reason such as a rate limit; the next run sends it.
- `given_up`: it was in doubt, and a person decided to leave it; it is never sent again.
"""

Proof: TypeAlias = Literal["", "answer", "look", "person"]
"""How we know that a row is done: Kombo's response named what was created, a search found it, or a person did."""


class JournalError(Exception):
    """The journal cannot be used, or no longer; nothing is sent without it."""


class JournalLocked(JournalError):
    """Another live run uses the journal, or has taken over from this one."""


class JournalDamaged(JournalError):
    """The file is not a journal, is damaged, or is not the journal that was opened."""


class JournalMismatch(JournalError):
    """The journal belongs to another job: another input, or another base URL."""


def _valid(text: str) -> str:
    """Make *text* storable: invalid Unicode is escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _valid_values(ids: Mapping[str, str]) -> Mapping[str, str]:
    return {name: _valid(value) for name, value in ids.items()}


def _all_escaped(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(escaped, texts))


@attrs.frozen(cache_hash=True)
class RowKey:
    """The key of a row, in this run and the next."""

    key: str
    """The caller's key, or a digest of the row's identity."""
    kind: str
    """What the row creates (`application`), or the ID of its operation."""
    integration_id: str


@attrs.frozen(kw_only=True)
class Match:
    """A record that a search found: a row's result, or a possible one."""

    ids: Mapping[str, str] = attrs.field(converter=_valid_values)
    """Its `id`, and `candidate_id`, `job_id` and others if it has them, under the names in Kombo's responses."""
    created: datetime | None = None
    """When it was created, according to the connected system."""
    url: str | None = attrs.field(default=None, converter=attrs.converters.optional(escaped))
    """Its page in the connected system."""
    why: str = attrs.field(default="", converter=escaped)
    """Why it is not proof; empty if it is."""


@attrs.frozen(kw_only=True)
class Entry:
    """What the journal knows about a row. All times are the server's."""

    state: State
    digest: str
    """A digest of the request as last sent, to see whether the row's details have changed since."""
    subject: str = ""
    """A digest of the row's identity, to see whether its key came back with another person; empty if unknown."""
    shows: str = ""
    """A digest of what a record must show to be proof of it, such as the names that were sent."""
    about: str = attrs.field(default="", converter=_valid)
    """A description for people, while it is in progress or in doubt; after that, the journal deletes it."""
    row: str = attrs.field(default="", converter=_valid)
    """The row's tag, such as its number in a file, if that is a number or text; text goes with `about`."""
    first_sent: datetime | None = None
    """The earliest time that it may have been done: the start of its first sending with an unknown end, or earlier."""
    first_sent_by: datetime | None = None
    """The latest time at which that sending can have started: the server's clock is known only within bounds."""
    last_sent: datetime | None = None
    """When it was last sent, or later."""
    finished: datetime | None = None
    """When the response (or the final decision) came."""
    ids: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_valid_values)
    """The IDs of what was created: `id`, and `remote_id`, `candidate_id`, `job_id` if the response had them."""
    proof: Proof = ""
    found: tuple[Match, ...] = ()
    """What a search found: the proof that it is done, or possible matches."""
    warnings: tuple[str, ...] = attrs.field(default=(), converter=_all_escaped)
    """Kombo's warnings: something could not be done as asked."""
    status_code: int | None = None
    code: str | None = attrs.field(default=None, converter=attrs.converters.optional(escaped))
    message: str = attrs.field(default="", converter=escaped)
    """Why it was refused or is in doubt."""
    log_url: str | None = attrs.field(default=None, converter=attrs.converters.optional(escaped))

    @property
    def is_sent_before(self) -> bool:
        """Whether it may have been done by an earlier sending."""
        return self.is_unfinished or self.first_sent is not None or self.last_sent is not None

    @property
    def is_unfinished(self) -> bool:
        """Whether it may have been done, without anyone knowing."""
        return self.state in ("sending", "in_doubt")

    @property
    def times(self) -> dict[str, Any]:
        """When the row may have been sent: these of its fields."""
        return {"first_sent": self.first_sent, "first_sent_by": self.first_sent_by, "last_sent": self.last_sent}

    def at_times_of(self, other: Entry) -> Entry:
        """This entry with the times of sending of *other*."""
        return attrs.evolve(self, **other.times)


_NOTHING = Entry(state="sending", digest="")
_FIELDS = [field.name for field in attrs.fields(Entry) if field.name not in ("state", "digest")]


def encode_entry(entry: Entry) -> bytes:
    """*entry* as JSON, without empty fields."""
    said = {name: value for name in _FIELDS if (value := getattr(entry, name)) != getattr(_NOTHING, name)}
    return msgspec.json.encode({"state": entry.state, "digest": entry.digest, **said})


decode_entry = msgspec.json.Decoder(Entry).decode


@attrs.frozen
class Claim:
    """What a worker may do with a row."""

    entry: Entry | None = None
    """What is known about it; None for a new row. `sending` means that a dead run was sending it."""
    status: Literal["ours", "met", "held"] = "ours"
    """Whether it is this worker's now; if not, this run has `met` it before, or another live run has it (`held`)."""


class Journal(Protocol):
    """Where a bulk run keeps its records. All methods raise `JournalError` if they fail."""

    durable: ClassVar[bool] = True
    """Whether recorded entries survive the process."""

    async def open(self, address: str | None) -> None:
        """Begin a run against the API at *address*; with None, only to inspect and settle, whatever its address.

        Raises `JournalLocked`, `JournalDamaged` or `JournalMismatch` if this run must not continue from it.
        """
        ...

    async def claim(self, key: RowKey) -> Claim:
        """Take the row for this run, and return what is known about it. It stays taken until `record` or `release`."""
        ...

    def check(self) -> None:
        """Raise `JournalError` if this run must not send anything more: its lease has lapsed, or the journal is gone.

        Called right before anything of a request is sent: it must be quick, use the monotonic clock, and not wait.
        """
        ...

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """Store *entry*; once this returns, it survives the process.

        Only `sending` and *hold* keep the row taken, since a row in doubt is still this run's while it searches.

        False if `entry.proof` is "look" or "person" and `proof_of(entry)` belongs to another row: nothing was written.
        """
        ...

    async def owners(self, ids: Sequence[str]) -> Mapping[str, RowKey]:
        """The rows that these IDs are the proof of, by ID (see `proof_of`); IDs without a row are left out."""
        ...

    async def release(self, key: RowKey) -> None:
        """Give the row back unchanged."""
        ...

    def unfinished(self) -> AsyncIterator[tuple[RowKey, Entry]]:
        """The rows that are in doubt or being sent."""
        ...

    async def aclose(self) -> None:
        """End the run."""
        ...


def proof_of(entry: Entry) -> str:
    """The ID that proves that a row is done, which can belong to only one row; empty if there is none.

    It is the application's if there is one, since a candidate may have applied for several jobs.
    """
    return entry.ids.get("application_id") or entry.ids.get("id", "") if entry.state == "done" else ""


def without_people(entry: Entry) -> Entry:
    """*entry* without people's data, once nobody has to search for them any more.

    A tag can hold personal data, such as an address, so only short numbers stay.
    """
    row = entry.row if entry.row.isdecimal() and len(entry.row) < 9 else ""
    if entry.is_unfinished or not (entry.about or row != entry.row):
        return entry
    return attrs.evolve(entry, about="", row=row)


def plain(entry: Entry) -> dict[str, Any]:
    """*entry* as plain data, for people and programs to read."""
    data: dict[str, Any] = msgspec.json.decode(encode_entry(entry))
    return data
