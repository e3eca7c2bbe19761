"""A request: a typed value that knows its operation and the type of its response."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import attrs

from kombo_async.model import UNSET, Model, field_names

if TYPE_CHECKING:
    from kombo_async._generated.events import ModelName

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen(kw_only=True, slots=False)
class Operation:
    """One operation of Kombo's API: what all its calls share."""

    id: str
    """Kombo's operationId, such as `PostAtsCandidates`."""
    method: str
    path: str
    """The path below the base URL, with `{names}` for values."""
    action: bool = False
    """Whether it is an action in the connected system; at most 30 run at once per integration."""
    paged: bool = False
    integration: bool = True
    """Whether it needs an integration (`X-Integration-Id`)."""
    query: tuple[str, ...] = ()
    body: tuple[str, ...] | None = None
    """The fields sent in the body: an empty tuple sends an empty object, None sends no body."""
    ndjson: bool = False
    """Whether the body is JSON Lines, one for each item of its only field."""
    renamed: tuple[str, ...] = ()
    """Body fields that hold a model with wire names that are not valid Python identifiers."""
    timeout: float | None = None
    """How long one call may take, in seconds, if Kombo documents it for this operation."""
    max_body_bytes: int | None = None
    """The largest body that Kombo accepts, in bytes, if it documents one."""
    blind_spots: tuple[tuple[str, ModelName], ...] = ()
    """Fields whose changes `updated_after` does not catch, each with the model that `data-changed` names for them."""

    @property
    def idempotent(self) -> bool:
        """Whether doing it twice has the same effect as once (RFC 9110, 9.2.2)."""
        return self.method in ("GET", "PUT", "DELETE")

    @property
    def safe(self) -> bool:
        """Whether it changes nothing (RFC 9110, 9.2.1)."""
        return self.method == "GET"

    @property
    def content_type(self) -> str:
        """The content type of the body, if there is one."""
        return "application/x-ndjson" if self.ndjson else "application/json"

    @cached_property
    def path_parts(self) -> tuple[str, ...]:
        """The path cut at its parameters: literal text at even indexes, names at odd ones."""
        return tuple(re.split(r"\{(\w+)\}", self.path))


class Request(Model, Generic[T_co]):
    """The base of all requests; `T` is the type of `Success.data` in the response.

    Printing one shows which fields are set, not their values, since those are people's data; use `to_dict` for them.
    """

    __slots__ = ()
    operation: ClassVar[Operation]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build the request from plain data with wire names.

        Raises `InvalidInput`, a `ValueError` whose `faults` name the path (`candidate.email_address`) of each field
        that is unknown, missing or of another type.
        """
        from kombo_async._codec.strict import structure_strictly

        return structure_strictly(data, cls)

    def __repr__(self) -> str:
        fields = ", ".join(name for name in field_names(type(self)) if getattr(self, name) is not UNSET)
        return f"<{type(self).__name__}: {fields or 'no fields'} set>"


def data_type(request: type[Request[Any]]) -> Any:
    """The `T` of a request class: the type of `Success.data`."""
    for base in getattr(request, "__orig_bases__", ()):
        return base.__args__[0]
    raise TypeError(f"{request.__name__} has no response type: derive it from Request[...]")
