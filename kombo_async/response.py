"""What a call gives: `Success[T]`, or a failure with a class of its own."""

from __future__ import annotations

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
    """Something that an action could not do, or did otherwise, in the connected system."""

    message: str


@attrs.frozen
class Drift:
    """One spot of an answer that did not fit the types of this version; its value came through as it was."""

    path: str
    """Where: `data.results[3].gender`."""
    expected: str
    """The type that was promised."""
    got: str
    """The JSON type that came (`null`, `string`, ...) or `missing`; never the value."""


def _restore(fields: dict[str, Any]) -> Success[Any]:
    return Success(**fields)


@attrs.frozen(kw_only=True)
class Success(Generic[T]):
    """A 2xx answer. It never raises: what does not fit the types is kept as it came, and listed in `drift`."""

    status: ClassVar[Literal["success"]] = "success"

    data: T
    warnings: list[ActionWarning] = attrs.field(factory=list[ActionWarning])
    """What the action could not do as asked; empty for most calls."""
    drift: list[Drift] = attrs.field(factory=list[Drift])
    """Where the answer did not fit the types; empty as long as Kombo answers as documented."""
    status_code: int
    raw_response: httpx.Response = attrs.field(repr=False)
    """The answer as it came, read to its end."""
    attempts: int = 1
    """How many requests were made."""

    @property
    def content_type(self) -> str | None:
        """The answer's `Content-Type`."""
        content_type: str | None = self.raw_response.headers.get("content-type")
        return content_type

    def unwrap(self) -> T:
        """The data; a failure raises itself instead."""
        return self.data

    def __reduce__(self) -> tuple[Callable[..., Success[Any]], tuple[dict[str, Any]]]:
        fields = {name: getattr(self, name) for name in field_names(type(self))}
        return _restore, ({**fields, "raw_response": without_request(self.raw_response)},)


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
"""The tagged union of all answers: `match` on it is exhaustive."""
