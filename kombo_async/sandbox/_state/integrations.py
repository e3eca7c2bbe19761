"""Integrations: connections to customers' systems, and their possible states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, cast, get_args

import attrs

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox._state.clock import Clock, duration
from kombo_async.sandbox._state.models import MODELS, suggestion
from kombo_async.sandbox._state.refusals import Refusal
from kombo_async.sandbox._state.tools import Category

Permission: TypeAlias = Literal["MISSING", "DISABLED", "NOT_AVAILABLE"]
Kind: TypeAlias = Literal["ACTION", "MODEL"]
SyncStatus: TypeAlias = Literal[409, 503]


def _one_of(*words: object) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    def check_word(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if value not in words:
            raise ValueError(f"{field.name}: must be one of {', '.join(map(str, words))}, not {value!r}")

    return check_word


def _text(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{field.name}: must be text, not {value!r}")


def _text_or_none(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None:
        _text(_, field, value)


def _yes_or_no(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{field.name}: must be true or false, not {value!r}")


def _known_permissions(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueError("permissions: must be an object, such as {'ats_candidates': 'MISSING'}")
    for name, permission in cast("dict[str, Any]", value).items():
        if name not in REQUESTS and name not in MODELS:
            raise ValueError(
                f"permissions: there is no operation or model {name!r}{suggestion(name, (*REQUESTS, *MODELS))}"
            )
        if permission not in get_args(Permission):
            raise ValueError(
                f"permissions: {name} must be one of {', '.join(get_args(Permission))}, not {permission!r}"
            )


@attrs.define(kw_only=True)
class Sync:
    """Whether an integration's first sync has finished; until then, Kombo refuses every call for it."""

    clock: Clock = attrs.field(repr=False)
    until: float | None = None
    """The time (of the sandbox's clock) at which it finishes."""
    calls: int = 0
    """How many more calls are refused before it finishes."""
    status: SyncStatus = attrs.field(default=409, validator=_one_of(409, 503))
    """409 with a code, as Kombo has answered since 2026-05-19, or 503 without one, as before."""
    announced: bool = True
    """Whether a webhook was sent for the end of the sync."""

    @property
    def pending(self) -> bool:
        """Whether it still runs."""
        return self.calls > 0 or (self.until is not None and self.clock.time() < self.until)

    def start(
        self, *, seconds: float | None = None, calls: int | None = None, status: SyncStatus | None = None
    ) -> None:
        """Restart: pending for *seconds*, for *calls* calls, or (with neither) until `finish`."""
        if calls is not None and calls < 0:
            raise ValueError(f"calls: must be at least 0, not {calls!r}")
        self.status = status or self.status
        if seconds is not None:
            self.until = self.clock.time() + duration(seconds, "seconds")
        else:
            self.until = None if calls else float("inf")
        self.calls = calls or 0
        self.announced = False

    def finish(self) -> None:
        """End it now."""
        self.calls, self.until = 0, None

    def check(self) -> None:
        """Count a call; raises `Refusal` while the sync runs."""
        if not self.pending:
            return
        self.calls = max(0, self.calls - 1)
        if self.status == 503:
            raise Refusal(503, None, "No sync of this integration has finished successfully yet.")
        raise Refusal(
            409,
            "INTEGRATION.SETUP_SYNC_PENDING",
            "The first sync of this integration has not finished yet. Try again later.",
            title="Sync pending",
        )


@attrs.define(kw_only=True)
class Integration:
    """A connection to one customer's system."""

    id: str
    """What callers send as `X-Integration-Id`."""
    tool: str
    category: Category = attrs.field(validator=_one_of("HRIS", "ATS", "ASSESSMENT", "LMS"))
    sync: Sync
    active: bool = attrs.field(default=True, validator=_yes_or_no)
    """Whether it is switched on; if not, calls get `INTEGRATION.INACTIVE`."""
    setup_complete: bool = attrs.field(default=True, validator=_yes_or_no)
    """If not, calls get `INTEGRATION.SETUP_INCOMPLETE`."""
    qa_passed: bool = attrs.field(default=True, validator=_yes_or_no)
    """If not, calls get `INTEGRATION.QA_FAILED`."""
    authenticated: bool = attrs.field(default=True, validator=_yes_or_no)
    """Whether its credentials work; if not, calls get `INTEGRATION.AUTHENTICATION_INVALID`."""
    permissions: dict[str, Permission] = attrs.field(factory=dict[str, Permission], validator=_known_permissions)
    """What is not allowed, by operationId or model (`ats_candidates`); everything else is."""
    organization: str = attrs.field(default="Acme GmbH", validator=_text)
    """The customer."""
    email: str | None = attrs.field(default="admin@acme.example", validator=_text_or_none)
    """The e-mail address of the person who set it up."""
    origin_id: str | None = attrs.field(default=None, validator=_text_or_none)
    """Your own ID of the customer."""
    created_at: str = ""
    deleted: bool = False
    token: str | None = None
    """The token of the connection flow that created it."""

    @property
    def status(self) -> str:
        """Its status as Kombo names it."""
        if not self.active:
            return "INACTIVE"
        return "ACTIVE" if self.authenticated else "INVALID"

    @property
    def setup_status(self) -> str:
        """The progress of its setup, as Kombo names it."""
        if not self.setup_complete:
            return "INCOMPLETE"
        return "FINAL_SYNC_PENDING" if self.sync.pending else "COMPLETED"

    @property
    def state(self) -> str:
        """Its state in a word, for people."""
        for bad, word in (
            (not self.active, "inactive"),
            (not self.setup_complete, "setup incomplete"),
            (not self.qa_passed, "QA failed"),
            (not self.authenticated, "credentials invalid"),
            (self.sync.pending, "sync pending"),
        ):
            if bad:
                return word
        return "active"

    def check(self, *, needs_sync: bool) -> None:
        """Raises `Refusal` if the state of the integration forbids a call."""
        if not self.active:
            raise Refusal(403, "INTEGRATION.INACTIVE", "This integration is inactive.", title="Integration inactive")
        if not self.setup_complete:
            raise Refusal(409, "INTEGRATION.SETUP_INCOMPLETE", "The setup of this integration has not been finished.")
        if not self.qa_passed:
            raise Refusal(409, "INTEGRATION.QA_FAILED", "This integration has not passed quality assurance.")
        if not self.authenticated:
            raise Refusal(
                400, "INTEGRATION.AUTHENTICATION_INVALID", "The connected system refuses the integration's credentials."
            )
        if needs_sync:
            self.sync.check()

    def check_permission(self, names: tuple[str, ...], *, action: bool) -> None:
        """Raises `Refusal` if one of *names* (an operationId, a model) is not allowed."""
        for name in names:
            permission = self.permissions.get(name)
            if permission is None:
                continue
            if permission == "MISSING":
                raise Refusal(
                    403, "INTEGRATION.PERMISSION_MISSING", f"The integration lacks the permission for {name}."
                )
            kind: Kind = "ACTION" if action else "MODEL"
            raise unavailable(kind, f"{name} is {permission.replace('_', ' ').lower()} for it", permission)


def unavailable(kind: Kind, why: str, permission: str = "NOT_AVAILABLE") -> Refusal:
    """The refusal of an operation that an integration does not support."""
    return Refusal(400, f"INTEGRATION.{kind}_{permission}", f"This integration cannot do that: {why}.")
