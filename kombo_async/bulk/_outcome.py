"""What goes into a bulk run, and what comes out of it: one outcome for each row."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

from kombo_async.bulk._journal import Entry, Match
from kombo_async.request import Request
from kombo_async.response import Response

Result: TypeAlias = Literal["done", "refused", "in_doubt", "unsent", "duplicate", "changed", "held"]
"""What became of a row.

- `done`: Kombo named what was created (`ids`), or it was found and is known to be this row's.
- `refused`: it was not done, and would not be if it were sent again as it is.
- `in_doubt`: it may have been done, and a person must look: `found` says what there is.
- `unsent`: it was not done for a reason that passes; the next run sends it.
- `duplicate`: duplicate of an earlier row in this run.
- `changed`: it is done (or under way) with other details; those of this row were not sent.
- `held`: another run that is alive is working on it.
"""

EXPLANATIONS: dict[Result, str] = {
    "done": "Done.",
    "refused": "Not done, and sending it again as it is would not help. Correct the row.",
    "in_doubt": "It may have been done: nobody can tell from here. Look in the connected system, then settle it.",
    "unsent": "Not done for a reason that passes. The next run sends it.",
    "duplicate": "The same row came before in this run. It was sent once.",
    "changed": "It was sent before with other details, and is not sent again. Change it in the connected system.",
    "held": "Another run is working on it. Nothing was sent by this one.",
}
"""A sentence on each result, for people."""


@attrs.frozen
class Row:
    """A request of a bulk run, with what it needs beside its fields. A bare request is a row, too."""

    request: Request[Any]
    key: str | None = None
    """What the row is known by in the journal; None for the run's `key=`, or what the request itself says."""
    integration_id: str | None = None
    """In place of the client's own."""
    tag: Any = None
    """Anything of yours, handed through to the outcome, such as the row's number in a file."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one row."""

    key: str
    """What the row is known by; empty for one that is refused because it cannot be told what it is."""
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
        """The IDs of what was created: `id`, and `remote_id`, `candidate_id`, `job_id` where the response had them."""
        return dict(self.entry.ids)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What Kombo warned of when it was done, such as a CV that could not be uploaded."""
        return self.entry.warnings

    @property
    def found(self) -> tuple[Match, ...]:
        """What a look found: the proof that it is done, or what may be it and why that is not sure."""
        return self.entry.found

    @property
    def message(self) -> str:
        """Why it is refused, in doubt or unsent, in one line."""
        return self.entry.message

    @property
    def explanation(self) -> str:
        """What the result means, in a sentence for people."""
        return EXPLANATIONS[self.result]

    @property
    def attempts(self) -> int:
        """How many requests were made for it in this run."""
        return int(getattr(self.response or self.error, "attempts", 0))
