"""A list of Kombo's that is kept as a local table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import attrs

from kombo_async.model import UNSET, field_names
from kombo_async.pages import Page
from kombo_async.request import Request

Namespace: TypeAlias = Literal["hris", "ats", "lms", "assessment"]
"""What Kombo's categories of systems and the names of its models begin with."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS = ("cursor", "updated_after", "include_deleted")


@attrs.frozen
class Table:
    """A list of Kombo's under the name that the app gives it."""

    name: str
    request: Request[Page[Any]]
    """What to read, such as `hris.GetEmployees()`. What drops out of a filter of it stays until the next full pass."""
    columns: Sequence[str] = ()
    """Fields that get a column of their own beside the whole record; `name.inner` for one in an object."""

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.startswith(("kombo_", "sqlite_")):
            raise ValueError(f"name: {self.name!r} is no name for a table")
        operation = self.request.operation
        if not operation.paged or not operation.integration:
            raise ValueError(f"request: {operation.id} is no list of an integration's records")
        for name in _OURS:
            if getattr(self.request, name, UNSET) is not UNSET:
                raise ValueError(f"request: leave out {name}; the mirror sets it")

    @property
    def namespace(self) -> str:
        """Of which systems the list is: `hris`, `ats`, `lms` or `assessment`."""
        return self.request.operation.path.split("/")[1]

    @property
    def tells_changes(self) -> bool:
        """Whether the list can be asked for what changed; if not, each pass is a full one."""
        return "updated_after" in field_names(type(self.request))

    def reading(self, since: str | None) -> Request[Page[Any]]:
        """The request for what changed *since*, deleted records included; for all there is if None."""
        changes: dict[str, Any] = {}
        if getattr(self.request, "page_size", None) is UNSET:
            changes["page_size"] = 250
        if since is not None:
            changes |= {"updated_after": since, "include_deleted": True}
        request: Request[Page[Any]] = attrs.evolve(self.request, **changes)  # type: ignore[misc]
        return request
