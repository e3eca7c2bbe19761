"""Parsed rows of an input: a request each, or faults that name row, column and cure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import attrs

from kombo_async._cli.cells import CellRules
from kombo_async._cli.columns import Choices
from kombo_async._cli.faults import RowFault
from kombo_async._cli.jobs import Jobs
from kombo_async._cli.people_files import PeopleFiles
from kombo_async._cli.plain_data import is_object
from kombo_async.request import Request


@attrs.frozen
class ParsedRow:
    """A row of the input: a request, or what is wrong with it."""

    number: int
    request: Request[Any] | None
    faults: list[RowFault] = attrs.field(factory=list[RowFault])
    integration_id: str | None = None
    """Set if the row names its own."""
    key: str | None = None

    person: str = ""
    """The person that the row is about, for display."""
    email: str = ""
    """That person's e-mail address."""


class Input(Protocol):
    """A file of rows; it can be read any number of times."""

    notes: list[str]
    """Notes for the user on how it is read."""
    jobs: Jobs

    def __iter__(self) -> Iterator[ParsedRow]: ...

    def integrations_with_jobs(self) -> set[str | None]:
        """The integrations whose jobs must be looked up to read the rows; None is the client's own."""
        ...


@attrs.frozen(kw_only=True)
class RowOptions:
    """How the user wants rows to be read."""

    choices: Choices = attrs.field(factory=Choices)
    rules: CellRules = attrs.field(factory=CellRules)
    files: PeopleFiles


def person_of(data: dict[str, Any]) -> tuple[str, str]:
    """The name and e-mail address of the person that a row is about, if it has them."""
    for each in (data.get("candidate"), data):
        if is_object(each):
            name = " ".join(str(each[part]) for part in ("first_name", "last_name") if each.get(part))
            email = each.get("email_address") or each.get("work_email") or ""
            if name or email:
                return name, str(email)
    return "", ""
