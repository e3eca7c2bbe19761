"""What goes into a bulk run, and what comes out of it: one outcome for each row."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, TypeAlias

import attrs
import msgspec

from kombo_async.attachments import FileData
from kombo_async.bulk._journal import Entry
from kombo_async.request import Request
from kombo_async.response import Response

Result: TypeAlias = Literal["done", "refused", "in_doubt", "unsent", "duplicate"]
"""What became of a row: as `journal.State`, and `duplicate` for one whose key came before, or is another worker's."""


@attrs.frozen
class Row:
    """A request of a bulk run, with what it needs beside its fields. A bare request is a row, too."""

    request: Request[Any]
    key: str | None = None
    """What the row is known by in the journal; None for the run's `key=`, or a digest of the request."""
    integration_id: str | None = None
    """In place of the client's own."""
    tag: Any = None
    """Anything of the caller's, handed through to the outcome, such as the row's number in a file."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one row."""

    key: str
    request: Request[Any] = attrs.field(repr=False)
    integration_id: str | None
    tag: Any = None
    result: Result
    response: Response[Any] | None = attrs.field(default=None, repr=False)
    """Kombo's answer, None where none came in this run."""
    error: Exception | None = attrs.field(default=None, repr=False)
    """What was raised instead: `NoResponse`, or a `ValueError` of this row, such as for a file that is missing."""
    entry: Entry = attrs.field(repr=False)
    """What the journal says now."""
    earlier: bool = False
    """Whether an earlier run came to this: nothing was sent for it now."""
    seconds: float = 0.0
    """How long its call took, with waits and retries."""

    @property
    def ids(self) -> dict[str, str]:
        """The IDs of what was made: `id`, and `remote_id`, `candidate_id`, `job_id` where the answer had them."""
        return dict(self.entry.ids)

    @property
    def message(self) -> str:
        """Why it is refused, in doubt or unsent, in one line."""
        return self.entry.message

    @property
    def attempts(self) -> int:
        """How many requests were made for it in this run."""
        return int(getattr(self.response or self.error, "attempts", 0))


def digest(request: Request[Any], integration_id: str | None) -> str:
    """A digest of the request: its operation, integration and fields, with files by their names, not their content.

    A file that changes between two runs must not make a row a new one, or its candidate would be created twice.
    """
    fields = msgspec.json.encode(request, enc_hook=_file_name, order="deterministic")
    where = f"{request.operation.id} {integration_id} ".encode()
    return hashlib.blake2b(where + fields, digest_size=16).hexdigest()


def _file_name(value: Any) -> str:
    if isinstance(value, FileData):
        return value.name
    raise ValueError(f"key: a request that holds a {type(value).__name__} has no digest; pass key=")
