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
- `refused`: it was not done, and would be refused again if sent unchanged.
- `in_doubt`: it may have been done, and a person must look: `found` lists possible matches.
- `unsent`: it was not done for a temporary reason; the next run sends it.
- `duplicate`: duplicate of an earlier row in this run.
- `changed`: it is done (or in progress) with different details; those of this row were not sent.
- `held`: another live run is working on it.
"""

EXPLANATIONS: dict[Result, str] = {
    "done": "Done.",
    "refused": "Not done, and sending it again unchanged would not help. Correct the row.",
    "in_doubt": "It may have been done, and we cannot tell. Look in the connected system, then settle it.",
    "unsent": "Not done, for a temporary reason. The next run sends it.",
    "duplicate": "A duplicate of an earlier row in this run, which was sent once.",
    "changed": "It was sent earlier with different details, and is not sent again. Change it in the connected system.",
    "held": "Another run is working on it. This one sent nothing.",
}
"""A sentence about each result, for people."""


@attrs.frozen
class Row:
    """A request of a bulk run with its key, integration and tag. A bare request is a row, too."""

    request: Request[Any]
    key: str | None = None
    """The row's key in the journal; None for the run's `key=`, or the request's own identity."""
    integration_id: str | None = None
    """In place of the client's own."""
    tag: Any = None
    """Anything you want passed through to the outcome, such as the row's number in a file."""


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one row."""

    key: str
    """The row's key; empty if the row was refused because its key could not be determined."""
    request: Request[Any] = attrs.field(repr=False)
    integration_id: str | None
    tag: Any = None
    result: Result
    response: Response[Any] | None = attrs.field(default=None, repr=False)
    """Kombo's response; None if none came in this run."""
    error: Exception | None = attrs.field(default=None, repr=False)
    """What was raised instead: `NoResponse`, or a `ValueError` about this row, for example for a missing file."""
    entry: Entry = attrs.field(repr=False)
    """The journal entry now."""
    earlier: bool = False
    """Whether the result is from an earlier run: nothing was sent for it now."""
    seconds: float = 0.0
    """How long its call took, including waits and retries."""

    @property
    def ids(self) -> dict[str, str]:
        """The IDs of what was created: `id`, and `remote_id`, `candidate_id`, `job_id` if the response had them."""
        return dict(self.entry.ids)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Kombo's warnings, such as a CV that could not be uploaded."""
        return self.entry.warnings

    @property
    def found(self) -> tuple[Match, ...]:
        """What a search found: the proof that it is done, or possible matches and why they are not certain."""
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
