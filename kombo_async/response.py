"""What a call returns: `Success[T]`, or a failure with its own class."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import attrs

from kombo_async.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    SyncPending,
    Unauthorized,
    UnexpectedResponse,
    without_request,
)
from kombo_async.model import Model, field_names, model

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


@model
class ActionWarning(Model):
    """Something that an action could not do, or did differently, in the connected system."""

    message: str


@attrs.frozen
class Drift:
    """One place in a response that did not match the types of this version; its value was kept as it came."""

    path: str
    """Where: `data.results[3].gender`."""
    expected: str
    """The documented type."""
    got: str
    """The JSON type that came (`null`, `string`, ...) or `missing`; never the value."""


def _restore(fields: dict[str, Any]) -> Success[Any]:
    return Success(**fields)


@attrs.frozen(kw_only=True, repr=False)
class Success(Generic[T]):
    """A 2xx response. It never raises: what does not match the types is kept as it came, and listed in `drift`.

    Printing one shows the type and the IDs of its data, but not the rest, since that is people's data.
    """

    status: ClassVar[Literal["success"]] = "success"

    data: T
    warnings: list[ActionWarning] = attrs.field(factory=list[ActionWarning])
    """What the action could not do as asked; empty for most calls."""
    drift: list[Drift] = attrs.field(factory=list[Drift])
    """Where the response did not match the types, at most a thousand places; empty if all is as documented."""
    more_drift: int = 0
    """How many more places there are than `drift` lists."""
    confirmed: bool = True
    """Whether this is Kombo's success envelope with its data. False for other JSON with a 2xx (`{"ok": true}`, `[]`,
    no data): it does not show whether a write was done, and may come from something on the way."""
    status_code: int
    raw_response: httpx.Response = attrs.field(repr=False)
    """The response as it came, read to its end."""
    attempts: int = 1
    """How many requests were made."""

    @property
    def content_type(self) -> str | None:
        """The response's `Content-Type`."""
        content_type: str | None = self.raw_response.headers.get("content-type")
        return content_type

    def unwrap(self) -> T:
        """Return the data. (A failure raises itself instead.)"""
        return self.data

    def __repr__(self) -> str:
        drift = len(self.drift) + self.more_drift
        notes = [f"{len(self.warnings)} warnings"] if self.warnings else []
        notes += [f"{drift} spots of drift"] if drift else []
        notes += [] if self.confirmed else ["not confirmed"]
        return f"<Success {self.status_code}: {', '.join([_described(self.data), *notes])}>"

    def __reduce__(self) -> tuple[Callable[..., Success[Any]], tuple[dict[str, Any]]]:
        fields = {name: getattr(self, name) for name in field_names(type(self))}
        return _restore, ({**fields, "raw_response": without_request(self.raw_response)},)


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _described(data: Any) -> str:
    """The type of *data* and Kombo's IDs in it. (A remote ID may be an e-mail address.)"""
    records: Any = getattr(data, "results", data)
    name = type(data).__name__
    if _is_list(records):
        kinds = [type(each).__name__ for each in records]
        return f"{name} of {len(kinds)} {' | '.join(sorted({*kinds}))}".rstrip()
    if not isinstance(data, Model):
        return name
    ids = [each for each in field_names(type(data)) if each == "id" or (each.endswith("_id") and "remote" not in each)]
    values = ((each, getattr(data, each)) for each in ids)
    return " ".join([name, *(f"{each}={value}" for each, value in values if _is_id(value))])


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


Response: TypeAlias = (
    Success[T]
    | BadRequest
    | Unauthorized
    | Forbidden
    | NotFound
    | SyncPending
    | Conflict
    | RateLimited
    | ServerError
    | UnexpectedResponse
)
"""The tagged union of all responses: `match` on it is exhaustive."""
