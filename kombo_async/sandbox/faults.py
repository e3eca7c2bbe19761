"""Faults on demand: which calls go wrong, how, and how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, Literal, TypeAlias

import attrs

from kombo_async.sandbox.answers import Answer, Refusal, failure
from kombo_async.sandbox.clock import Clock

Break: TypeAlias = Literal["reset", "close", "cut", "hang"]

HTML = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)
DEFAULT_MESSAGE = "This fault was asked for."


@attrs.define(kw_only=True)
class Fault:
    """A rule for calls that go wrong."""

    id: int
    operation: frozenset[str] | None = None
    """OperationIds; None for all."""
    integration: str | None = None
    status: int | None = None
    """The status to answer; None keeps the real answer (delayed, slowed or broken)."""
    code: str | None = None
    message: str = DEFAULT_MESSAGE
    title: str | None = None
    body: str | None = None
    """Another body than Kombo's JSON, as it is."""
    html: bool = False
    """Answer a load balancer's HTML page."""
    content_type: str | None = None
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    connection: Break | None = None
    """What happens to the connection instead: `reset` (RST), `close` (without an answer), `cut` (in the middle
    of the body), `hang` (no answer at all)."""
    after_performing: bool = False
    """Whether the work is done first: only the answer is lost."""
    delay: float = 0.0
    """Seconds to wait before the answer."""
    slow: float = 0.0
    """Seconds over which the body is spread."""
    jump: float = 0.0
    """Seconds by which the sandbox's clock jumps."""
    times: int | None = None
    """How often it strikes at most."""
    skip: int = 0
    """How many calls that it is for go well first."""
    every: int = 1
    """Strikes each so-manieth call that it is for."""
    probability: float = 1.0
    starts: float | None = None
    """When it begins to strike, by the sandbox's clock (seconds since 1970)."""
    ends: float | None = None
    """When it ceases to."""
    seen: int = 0
    """How many calls it was for."""
    struck: int = 0
    """How often it struck."""

    def strikes(self, operation_id: str | None, integration_id: str | None, now: float, random: Random) -> bool:
        """Count a call that it may be for, and say whether it goes wrong."""
        if self.operation is not None and operation_id not in self.operation:
            return False
        if self.integration is not None and integration_id != self.integration:
            return False
        if (self.starts is not None and now < self.starts) or (self.ends is not None and now >= self.ends):
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
        """What it answers instead; None where it leaves the real answer."""
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


class Faults:
    """All faults that are set; the first one that strikes a call counts."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._faults: list[Fault] = []
        self._next = 1

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def __len__(self) -> int:
        return len(self._faults)

    def add(
        self,
        operation: str | Sequence[str] | None = None,
        *,
        integration: str | None = None,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        title: str | None = None,
        body: str | None = None,
        html: bool = False,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        connection: Break | None = None,
        after_performing: bool = False,
        delay: float = 0.0,
        slow: float = 0.0,
        jump: float = 0.0,
        times: int | None = None,
        skip: int = 0,
        every: int = 1,
        probability: float = 1.0,
        after: float | None = None,
        lasting: float | None = None,
    ) -> Fault:
        """Add a fault, for all calls unless *operation* or *integration* says which; see `Fault` for its parts.

        *after* and *lasting* are seconds of the sandbox's clock, from now: when it begins to strike, and for how long.
        Raises `ValueError` for an operation that there is none of, and for a fault that would change nothing.
        """
        operations = [operation] if isinstance(operation, str) else operation
        starts = None if after is None else self._clock.time() + after
        ends = None if lasting is None else (starts or self._clock.time()) + lasting
        _check(operations, status, every)
        fault = Fault(
            id=self._next,
            operation=None if operations is None else frozenset(operations),
            integration=integration,
            status=status,
            code=code,
            message=message or DEFAULT_MESSAGE,
            title=title,
            body=body,
            html=html,
            content_type=content_type,
            headers=dict(headers or {}),
            connection=connection,
            after_performing=after_performing,
            delay=delay,
            slow=slow,
            jump=jump,
            times=times,
            skip=skip,
            every=every,
            probability=probability,
            starts=starts,
            ends=ends,
        )
        if fault.answer(None) is None and not (connection or delay or slow or jump):
            raise ValueError("this fault changes nothing: give it a status, a code, a body, a connection, a delay, ...")
        self._next += 1
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault | int) -> None:
        """Remove a fault, or the one with this ID. Nothing happens if it is gone."""
        id = fault if isinstance(fault, int) else fault.id
        self._faults = [each for each in self._faults if each.id != id]

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def strike(self, operation_id: str | None, integration_id: str | None) -> Fault | None:
        """The fault that this call meets, if it meets one."""
        now = self._clock.time()
        return next((f for f in self._faults if f.strikes(operation_id, integration_id, now, self._random)), None)


def _check(operations: Sequence[str] | None, status: int | None, every: int) -> None:
    from kombo_async._generated.operations import REQUESTS

    for id in operations or ():
        if id not in REQUESTS:
            raise ValueError(f"operation: there is no {id!r}; see kombo_async._generated.operations.REQUESTS")
    if status is not None and not 200 <= status <= 599:
        raise ValueError("status: must be from 200 to 599")
    if every < 1:
        raise ValueError("every: must be at least 1")


def describe(fault: Fault) -> dict[str, Any]:
    """*fault* as plain data."""
    plain = attrs.asdict(fault)
    plain["operation"] = None if fault.operation is None else sorted(fault.operation)
    return plain
