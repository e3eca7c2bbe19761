"""The settings of a bulk run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias, cast

import attrs

from kombo_async.bulk._reconcile import Reconciler
from kombo_async.options import Options, check_number, number
from kombo_async.request import Request

DEFAULT_CONCURRENCY = 100
"""How many rows are in progress at once, including those waiting for a place (30 actions per integration)."""

SyncedSince: TypeAlias = Callable[[str | None, datetime], "bool | Awaitable[bool | None] | None"]
"""Whether a full sync of this integration that began after this time (on the server's clock) has succeeded."""
_RECONCILES = ("identity", "ids", "already_there", "look")


def _not_negative(settings: Settings, field: attrs.Attribute[timedelta | None], value: timedelta | None) -> None:
    if value is not None and not isinstance(cast("object", value), timedelta):
        raise ValueError(f"{field.name}: must be a timedelta or None, not a {type(value).__name__}")
    if value is not None and value < timedelta():
        raise ValueError(f"{field.name}: must not be negative")


def _callable(_: Settings, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise ValueError(f"{field.name}: must be a function, not a {type(value).__name__}")


def _yes_or_no(_: Settings, field: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{field.name}: must be True or False, not a {type(value).__name__}")


def _by_class(_: Settings, field: attrs.Attribute[Mapping[Any, Any]], value: Mapping[Any, Any]) -> None:
    for request, reconciler in value.items():
        if not isinstance(request, type) or not issubclass(request, Request):
            raise ValueError(f"{field.name}: the keys must be classes of requests, such as ats.CreateApplication")
        where = f"{field.name}[{request.__name__}]"
        if isinstance(reconciler, type):
            raise ValueError(f"{where}: must be an instance of {reconciler.__name__}, not the class")
        missing = [name for name in _RECONCILES if not callable(getattr(reconciler, name, None))]
        if missing:
            kind = type(reconciler).__name__
            raise ValueError(f"{where}: must be a bulk.Reconciler; a {kind} has no {', '.join(missing)}")


def _known(_: Settings, field: attrs.Attribute[Options], value: Options) -> None:
    """Validate options: errors here are no row's fault."""
    if not isinstance(cast("object", value), Mapping):
        raise ValueError(f"{field.name}: must be a mapping, not a {type(value).__name__}")
    if unknown := [name for name in value if name not in Options.__annotations__]:
        raise ValueError(f"{field.name}: there is no option {', '.join(map(repr, unknown))}")
    if "timeout" in value:
        check_number(f"{field.name}.timeout", value["timeout"])
    if "deadline" in value:
        check_number(f"{field.name}.deadline", value["deadline"])


@attrs.frozen(kw_only=True)
class Settings:
    """The settings of a run; `AsyncKomboClient.bulk` says what each means."""

    key: Callable[[Request[Any]], str] | None = attrs.field(default=None, validator=_callable)
    concurrency: int = attrs.field(default=DEFAULT_CONCURRENCY, validator=number(1, whole=True))
    ordered: bool = attrs.field(default=False, validator=_yes_or_no)
    retry_refused: bool = attrs.field(default=False, validator=_yes_or_no)
    reconcilers: Mapping[type[Request[Any]], Reconciler] = attrs.field(validator=_by_class)
    resend_after: timedelta | None = attrs.field(default=None, validator=_not_negative)
    synced_since: SyncedSince | None = attrs.field(default=None, validator=_callable)
    settle_wait: float = attrs.field(default=60.0, validator=number(0))
    grace: float = attrs.field(default=10.0, validator=number(0))
    options: Options = attrs.field(factory=Options, validator=_known)
