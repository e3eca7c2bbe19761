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


def _not_negative(settings: Settings, field: attrs.Attribute[timedelta | None], value: timedelta | None) -> None:
    if value is not None and not isinstance(cast("object", value), timedelta):
        raise ValueError(f"{field.name}: must be a timedelta or None, not a {type(value).__name__}")
    if value is not None and value < timedelta():
        raise ValueError(f"{field.name}: must not be negative")


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

    key: Callable[[Request[Any]], str] | None = None
    concurrency: int = attrs.field(default=DEFAULT_CONCURRENCY, validator=number(1, whole=True))
    ordered: bool = False
    retry_refused: bool = False
    reconcilers: Mapping[type[Request[Any]], Reconciler]
    resend_after: timedelta | None = attrs.field(default=None, validator=_not_negative)
    synced_since: SyncedSince | None = None
    settle_wait: float = attrs.field(default=60.0, validator=number(0))
    grace: float = attrs.field(default=10.0, validator=number(0))
    options: Options = attrs.field(factory=Options, validator=_known)
