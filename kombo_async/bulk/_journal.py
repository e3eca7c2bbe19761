"""The journal of a bulk run: what is being sent, what is done, refused or in doubt, so that a run can be killed.

`SqliteJournal` (in `sqlite.py`) is the default. Another store, such as one that several machines share, implements
`Journal`; it must then give each row to one worker at a time, and tell rows of living workers from those of dead ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

import attrs

State: TypeAlias = Literal["sending", "done", "refused", "in_doubt", "unsent"]
"""What is known of a row.

- `sending`: its request is about to leave, or has left, and there is no answer yet.
- `done`: Kombo did it, in this run or an earlier one.
- `refused`: it was surely not done, and would not be if it were sent again as it is.
- `in_doubt`: it may have been done.
- `unsent`: it was surely not done for a reason that passes, such as a rate limit; the next run sends it.
"""


class JournalError(Exception):
    """The journal cannot be used (any more); nothing is sent without it."""


class JournalLocked(JournalError):
    """A run that is still alive uses the journal."""


class JournalDamaged(JournalError):
    """The file is no journal, or no longer a whole one."""


class JournalMismatch(JournalError):
    """The journal belongs to another job: another input, or another address of Kombo's API."""


@attrs.frozen(cache_hash=True)
class RowKey:
    """What a row is known by, in this run and the next."""

    key: str
    """The caller's own, or a digest of the request."""
    operation: str
    integration_id: str


@attrs.frozen(kw_only=True)
class Entry:
    """What the journal knows of a row."""

    state: State
    digest: str
    """Of the request: tells whether a row with a key of the caller's has changed since."""
    first_sent: datetime | None = None
    """When it may have been done first: its earliest sending whose end is not known."""
    last_sent: datetime | None = None
    finished: datetime | None = None
    """When the answer (or the last word on it) came."""
    ids: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """The IDs of what was made: `id`, and `remote_id`, `candidate_id`, `job_id` where the answer had them."""
    found: bool = False
    """Whether it is done because it was found there, and not because its own answer said so."""
    status_code: int | None = None
    code: str | None = None
    message: str = ""
    """Why it was refused, or is in doubt."""
    log_url: str | None = None


@attrs.frozen
class Claim:
    """What a worker may do with a row."""

    entry: Entry | None = None
    """What earlier runs left behind; None for a new row. `sending` is what a dead run was sending."""
    taken: bool = False
    """Whether it is not this worker's: another works on it, or this run has met it before."""


class Journal(Protocol):
    """Where a bulk run keeps what it must not forget. All methods raise `JournalError` when they cannot do it."""

    async def open(self, address: str) -> None:
        """Begin a run against the API at *address*.

        Raises `JournalLocked`, `JournalDamaged` or `JournalMismatch` where this run must not go on from it.
        """
        ...

    async def claim(self, key: RowKey) -> Claim:
        """Take the row for this run, and tell what is known of it. It stays taken until `record` or `release`."""
        ...

    async def record(self, key: RowKey, entry: Entry) -> None:
        """Write *entry* down; once this returns, it survives the process. Only `sending` keeps the row taken."""
        ...

    async def release(self, key: RowKey) -> None:
        """Give the row back as it was before `claim`."""
        ...

    async def aclose(self) -> None:
        """End the run."""
        ...


class NoJournal:
    """Remembers nothing: for runs that need not survive."""

    async def open(self, address: str) -> None:
        """Nothing to open."""

    async def claim(self, key: RowKey) -> Claim:
        """Each row is new."""
        return Claim()

    async def record(self, key: RowKey, entry: Entry) -> None:
        """Nothing is kept."""

    async def release(self, key: RowKey) -> None:
        """Nothing was taken."""

    async def aclose(self) -> None:
        """Nothing to close."""
