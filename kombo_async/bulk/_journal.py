"""The journal of a bulk run: what is being sent, what is done, refused or in doubt, so that a run can be killed.

`SqliteJournal` (in `sqlite.py`) is the default. Another store, such as one that several machines share, implements
`Journal`; it must then give each row to one worker at a time, and tell rows of living workers from those of dead ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import attrs
import msgspec

State: TypeAlias = Literal["sending", "done", "refused", "in_doubt", "unsent", "given_up"]
"""What is known of a row.

- `sending`: its request is about to leave, or has left, and there is no answer yet.
- `done`: Kombo did it, in this run or an earlier one.
- `refused`: it was not done, and sending it again unchanged would be refused again.
- `in_doubt`: it may have been done.
- `unsent`: it was definitely not done, for a reason that passes, such as a rate limit; the next run sends it.
- `given_up`: it was in doubt, and a person decided to leave it at that; it is never sent again.
"""

Proof: TypeAlias = Literal["", "answer", "look", "person"]
"""How it is known that a row is done: Kombo's response named what was created, a look found it, or a person did."""


class JournalError(Exception):
    """The journal cannot be used (any more); nothing is sent without it."""


class JournalLocked(JournalError):
    """A run that is still alive uses the journal, or took over from this one."""


class JournalDamaged(JournalError):
    """The journal is not one, is no longer whole, or is not the one that was opened."""


class JournalMismatch(JournalError):
    """The journal belongs to another job: another input, or another address of Kombo's API."""


def _valid(text: str) -> str:
    """*text* as something that can be written down: what is not valid Unicode is escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _valid_values(ids: Mapping[str, str]) -> Mapping[str, str]:
    return {name: _valid(value) for name, value in ids.items()}


def _valid_texts(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(_valid, texts))


@attrs.frozen(cache_hash=True)
class RowKey:
    """What a row is known by, in this run and the next."""

    key: str
    """The caller's own, or a digest of what the row is."""
    kind: str
    """What the row makes (`application`), or the ID of its operation."""
    integration_id: str


@attrs.frozen(kw_only=True)
class Match:
    """A record that a look found, which is a row's work, or may be."""

    ids: Mapping[str, str] = attrs.field(converter=_valid_values)
    """Its `id`, and `candidate_id`, `job_id` and others where it has them; by the names that Kombo's answers use."""
    created: datetime | None = None
    """When it was made, as the connected system says."""
    url: str | None = None
    """Its page in the connected system."""
    why: str = attrs.field(default="", converter=_valid)
    """Why it is no proof; empty where it is."""


@attrs.frozen(kw_only=True)
class Entry:
    """What the journal knows of a row. All times are the server's."""

    state: State
    digest: str
    """Of the request as it was sent last: tells whether the row's details have changed since."""
    subject: str = ""
    """Of who and what the row is: tells whether its key came back with another person; empty where nothing says so."""
    shows: str = ""
    """Of what a record must show to be proof of it, such as the names that were sent."""
    about: str = attrs.field(default="", converter=_valid)
    """Who and what it is, for people, while it is under way or in doubt; after that the journal forgets it."""
    row: str = attrs.field(default="", converter=_valid)
    """The row's tag, such as its number in a file, where that is a number or a text."""
    first_sent: datetime | None = None
    """The earliest that it may have been done: when its first sending whose end is not known began, or before that."""
    last_sent: datetime | None = None
    """When it was sent last, or after that."""
    finished: datetime | None = None
    """When the answer (or the last word on it) came."""
    ids: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_valid_values)
    """The IDs of what was created: `id`, and `remote_id`, `candidate_id`, `job_id` where the response had them."""
    proof: Proof = ""
    found: tuple[Match, ...] = ()
    """What a look found: the proof that it is done, or what may be it."""
    warnings: tuple[str, ...] = attrs.field(default=(), converter=_valid_texts)
    """What Kombo warned of: something could not be done as asked."""
    status_code: int | None = None
    code: str | None = attrs.field(default=None, converter=attrs.converters.optional(_valid))
    message: str = attrs.field(default="", converter=_valid)
    """Why it was refused, or is in doubt."""
    log_url: str | None = attrs.field(default=None, converter=attrs.converters.optional(_valid))

    @property
    def is_sent_before(self) -> bool:
        """Whether it may have been done by an earlier sending."""
        return self.is_unfinished or self.first_sent is not None or self.last_sent is not None

    @property
    def is_unfinished(self) -> bool:
        """Whether it may have been done, and nobody knows."""
        return self.state in ("sending", "in_doubt")


_NOTHING = Entry(state="sending", digest="")
_FIELDS = [field.name for field in attrs.fields(Entry) if field.name not in ("state", "digest")]


def encode_entry(entry: Entry) -> bytes:
    """*entry* as JSON, without what says nothing."""
    said = {name: value for name in _FIELDS if (value := getattr(entry, name)) != getattr(_NOTHING, name)}
    return msgspec.json.encode({"state": entry.state, "digest": entry.digest, **said})


decode_entry = msgspec.json.Decoder(Entry).decode


@attrs.frozen
class Claim:
    """What a worker may do with a row."""

    entry: Entry | None = None
    """What is known of it; None for a new row. `sending` is what a dead run was sending."""
    status: Literal["ours", "met", "held"] = "ours"
    """Whether it is this worker's now; else this run has `met` it before, or another live run has it (`held`)."""


class Journal(Protocol):
    """Where a bulk run keeps what it must not forget. All methods raise `JournalError` when they cannot do it."""

    durable: ClassVar[bool] = True
    """Whether what is recorded survives the process."""

    async def open(self, address: str | None) -> None:
        """Begin a run against the API at *address*; None to look and settle only, whatever it is for.

        Raises `JournalLocked`, `JournalDamaged` or `JournalMismatch` where this run must not continue from it.
        """
        ...

    async def claim(self, key: RowKey) -> Claim:
        """Take the row for this run, and tell what is known of it. It stays taken until `record` or `release`."""
        ...

    def check(self) -> None:
        """Raise `JournalError` if this run may send nothing more: its lease has lapsed, or the journal is gone.

        Called right before anything of a request leaves: quick, by the monotonic clock, without waiting.
        """
        ...

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """Write *entry* down; once this returns, it survives the process.

        Only `sending` and *hold* keep the row taken: what is in doubt is still this run's while it looks for it.

        False if `entry.proof` is "look" or "person" and `proof_of(entry)` is another row's: then nothing was written.
        """
        ...

    async def owners(self, ids: Sequence[str]) -> Mapping[str, RowKey]:
        """The rows that these IDs are the proof of, by `proof_of`; without those that are nobody's."""
        ...

    async def release(self, key: RowKey) -> None:
        """Give the row back as it was before `claim`."""
        ...

    def unfinished(self) -> AsyncIterator[tuple[RowKey, Entry]]:
        """The rows that are in doubt, or being sent."""
        ...

    async def aclose(self) -> None:
        """End the run."""
        ...


def proof_of(entry: Entry) -> str:
    """The ID that proves that a row is done, which can be one row's alone; empty where there is none.

    It is the application's where there is one: one candidate may have applied for several jobs.
    """
    return entry.ids.get("application_id") or entry.ids.get("id", "") if entry.state == "done" else ""


def without_people(entry: Entry) -> Entry:
    """*entry* without what names people, once nobody has to look for them any more."""
    return entry if entry.is_unfinished or not entry.about else attrs.evolve(entry, about="")


def plain(entry: Entry) -> dict[str, Any]:
    """*entry* as plain data, for people and programs to read."""
    data: dict[str, Any] = msgspec.json.decode(encode_entry(entry))
    return data
