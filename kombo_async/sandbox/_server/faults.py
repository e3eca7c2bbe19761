"""Faults on demand: which calls fail, how, and how often."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from inspect import Parameter, Signature, signature
from random import Random
from typing import Any, Concatenate, Literal, ParamSpec, TypeAlias, cast, get_args

import attrs

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox._api.answers import Answer, failure
from kombo_async.sandbox._state.clock import LONGEST, Clock
from kombo_async.sandbox._state.models import operation_suggestion, suggestion
from kombo_async.sandbox._state.refusals import Refusal

P = ParamSpec("P")

Break: TypeAlias = Literal["reset", "close", "cut", "hang"]

HTML = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)
DEFAULT_MESSAGE = "This fault was requested."
BODILESS = (204, 205, 304)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?")


def _is(*kinds: type) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """A validator for types: settings may come from JSON."""

    def check_type(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        if value is None and field.default is None:
            return
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"{field.name}: must be {' or '.join(kind.__name__ for kind in kinds)}, not {value!r}")

    return check_type


def _number(least: float, most: float = math.inf) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    def check_number(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
        _is(int, float)(_, field, value)
        if value is not None and not (least <= value <= most and value != math.inf):
            upper = "" if math.isinf(most) else f" and at most {most:g}"
            raise ValueError(f"{field.name}: must be at least {least:g}{upper}, not {value!r}")

    return check_number


def _count(least: int) -> Any:
    return [_is(int), _number(least)]


def _known_operations(_: Any, field: attrs.Attribute[Any], value: frozenset[str] | None) -> None:
    for id in sorted(value or ()):
        if id not in REQUESTS:
            raise ValueError(f"operation: there is no operation {id!r}{operation_suggestion(id, REQUESTS)}")


def _known_break(_: Any, field: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and value not in get_args(Break):
        raise ValueError(f"connection: must be one of {', '.join(get_args(Break))}, not {value!r}")


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("headers: must be an object of names and values")
    headers = {str(name): str(text) for name, text in cast("Any", value).items()}
    for name, text in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"headers: {name}: {text!r} cannot be sent as a header")
    return headers


def _sendable(_: Any, field: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and not _HEADER_VALUE.fullmatch(value):
        raise ValueError(f"{field.name}: {value!r} cannot be sent as a header")


def _operations(value: str | Sequence[str] | None) -> frozenset[str] | None:
    given: Any = [value] if isinstance(value, str) else value
    if given is None:
        return None
    if not isinstance(given, Collection) or not all(isinstance(each, str) for each in cast("Any", given)):
        raise ValueError(f"operation: must be an operationId or a list of them, not {value!r}")
    return frozenset(cast("Collection[str]", given))


@attrs.define
class Fault:
    """A rule that makes calls fail. Raises `ValueError` for settings that are invalid or have no effect."""

    operation: frozenset[str] | None = attrs.field(default=None, converter=_operations, validator=_known_operations)
    """OperationIds; None for all calls."""
    integration: str | None = attrs.field(default=None, validator=_is(str), kw_only=True)
    actions: bool = attrs.field(default=False, validator=_is(bool), kw_only=True)
    """Whether it is only for actions in the connected system."""
    status: int | None = attrs.field(default=None, validator=[_is(int), _number(200, 599)], kw_only=True)
    """The response's status; None keeps the real response (delayed, slowed or broken)."""
    code: str | None = attrs.field(default=None, validator=_is(str), kw_only=True)
    message: str = attrs.field(default=DEFAULT_MESSAGE, validator=_is(str), kw_only=True)
    title: str | None = attrs.field(default=None, validator=_is(str), kw_only=True)
    body: str | None = attrs.field(default=None, validator=_is(str), kw_only=True)
    """A literal body in place of Kombo's JSON."""
    html: bool = attrs.field(default=False, validator=_is(bool), kw_only=True)
    """Respond with a load balancer's HTML page."""
    content_type: str | None = attrs.field(default=None, validator=[_is(str), _sendable], kw_only=True)
    headers: dict[str, str] = attrs.field(factory=dict[str, str], converter=_texts, kw_only=True)
    connection: Break | None = attrs.field(default=None, validator=_known_break, kw_only=True)
    """What happens to the connection instead: `reset` (RST), `close` (without a response), `cut` (in the middle
    of the body), `hang` (no response at all)."""
    after_performing: bool = attrs.field(default=False, validator=_is(bool), kw_only=True)
    """Whether the work is done first: only the response is lost."""
    delay: float = attrs.field(default=0.0, validator=_number(0, LONGEST), kw_only=True)
    """Seconds to wait before the response."""
    slow: float = attrs.field(default=0.0, validator=_number(0, LONGEST), kw_only=True)
    """Seconds over which the body is spread."""
    jump: float = attrs.field(default=0.0, validator=_number(-1e9, 1e9), kw_only=True)
    """Seconds by which the sandbox's clock jumps."""
    times: int | None = attrs.field(default=None, validator=_count(1), kw_only=True)
    """How many calls it hits at most."""
    skip: int = attrs.field(default=0, validator=_count(0), kw_only=True)
    """How many matching calls succeed first."""
    every: int = attrs.field(default=1, validator=_count(1), kw_only=True)
    """Applies to every nth matching call."""
    probability: float = attrs.field(default=1.0, validator=_number(0, 1), kw_only=True)
    after: float | None = attrs.field(default=None, validator=_number(0), kw_only=True)
    """Seconds until it takes effect, by the sandbox's clock."""
    lasting: float | None = attrs.field(default=None, validator=_number(0), kw_only=True)
    """Seconds that it stays in effect, by the sandbox's clock."""
    id: int = attrs.field(default=0, init=False)
    added_at: float = attrs.field(default=0.0, init=False)
    """When it was added, by the sandbox's clock (seconds since 1970)."""
    seen: int = attrs.field(default=0, init=False)
    """How many calls matched."""
    struck: int = attrs.field(default=0, init=False)
    """How many calls it hit."""

    def __attrs_post_init__(self) -> None:
        if self.answer(None) is None and not (self.connection or self.delay or self.slow or self.jump):
            raise ValueError("this fault has no effect: set a status, a code, a body, a connection, a delay, ...")

    def is_on(self, now: float) -> bool:
        """Whether it is in effect at *now*."""
        starts = self.added_at + (self.after or 0.0)
        return starts <= now and (self.lasting is None or now < starts + self.lasting)

    def strikes(self, operation_id: str | None, integration_id: str | None, now: float, random: Random) -> bool:
        """Count a matching call, and return whether it fails."""
        if self.operation is not None and operation_id not in self.operation:
            return False
        if self.actions and (operation_id is None or not REQUESTS[operation_id].operation.action):
            return False
        if self.integration is not None and integration_id != self.integration:
            return False
        if not self.is_on(now):
            return False
        if self.times is not None and self.struck >= self.times:
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.seen - self.skip - 1) % self.every:
            return False
        if self.probability < 1.0 and random.random() >= self.probability:
            return False
        self.struck += 1
        return True

    def answer(self, log_url: str | None) -> Answer | None:
        """The response in place of the real one; None to keep the real one."""
        if self.status in BODILESS:
            return Answer(status=self.status, content_type=None, headers=self.headers)
        if self.html:
            return Answer(
                status=self.status or 502,
                body=HTML,
                content_type=self.content_type or "text/html",
                headers=self.headers,
            )
        if self.body is not None:
            kind = self.content_type or "text/plain"
            return Answer(status=self.status or 500, body=self.body.encode(), content_type=kind, headers=self.headers)
        if self.status is None and self.code is None:
            return None
        refusal = Refusal(self.status or 500, self.code, self.message, title=self.title, headers=self.headers)
        return failure(refusal, log_url)


def _takes(cls: Callable[P, Fault]) -> Callable[[Any], Callable[Concatenate[Faults, P], Fault]]:
    """Give a method the parameters of *cls*, to define them only once."""

    def decorate(method: Any) -> Any:
        own = Parameter("self", Parameter.POSITIONAL_ONLY)
        method.__signature__ = Signature([own, *signature(cls).parameters.values()])
        return method

    return decorate


class Faults:
    """All faults; the first that hits a call applies."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._faults: list[Fault] = []
        self._next = 1

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __len__(self) -> int:
        return len(self._faults)

    @_takes(Fault)
    def add(self, *operation: Any, **settings: Any) -> Fault:
        """Add a fault, for all calls unless *operation* or *integration* is given; see `Fault` for the settings.

        Raises `ValueError` for an unknown operation, an invalid setting, and a fault without an effect.
        """
        known = [field.name for field in attrs.fields(Fault) if field.init]
        for name in settings:
            if name not in known:
                raise ValueError(f"{name}: faults have no such setting{suggestion(name, known)}")
        fault = Fault(*operation, **settings)
        fault.id, fault.added_at = self._next, self._clock.time()
        self._next += 1
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault | int) -> None:
        """Remove a fault, or the one with this ID. Does nothing if it is gone."""
        id = fault if isinstance(fault, int) else fault.id
        self._faults = [each for each in self._faults if each.id != id]

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def strike(self, operation_id: str | None, integration_id: str | None) -> Fault | None:
        """The fault that hits this call, if any."""
        now = self._clock.time()
        return next((f for f in self._faults if f.strikes(operation_id, integration_id, now, self._random)), None)


def describe(fault: Fault) -> dict[str, Any]:
    """*fault* as plain data."""
    plain = attrs.asdict(fault)
    plain["operation"] = None if fault.operation is None else sorted(fault.operation)
    return plain
