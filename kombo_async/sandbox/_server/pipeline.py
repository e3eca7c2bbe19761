"""One call from end to end: who asks, for which integration, within which limits, and what comes of it."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from inspect import isawaitable
from typing import Any, get_origin

import anyio
import attrs

from kombo_async.pages import Page
from kombo_async.request import Operation, Request, answer_type
from kombo_async.sandbox._api.answers import Answer, failure, success
from kombo_async.sandbox._api.lists import read_page
from kombo_async.sandbox._api.projection import shape
from kombo_async.sandbox._api.request_parsing import read_request
from kombo_async.sandbox._api.routes import Route, find
from kombo_async.sandbox._handlers.availability import check_available
from kombo_async.sandbox._handlers.registry import HANDLERS, LISTINGS, Context, load
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._server.faults import Fault
from kombo_async.sandbox._server.logged_request import LoggedRequest
from kombo_async.sandbox._state.integrations import Integration
from kombo_async.sandbox._state.refusals import InputInvalid, Refusal

logger: logging.Logger = logging.getLogger(__name__)

SILENT = ("reset", "close", "hang")
"""What can happen to a connection so that no answer comes."""


@attrs.frozen(kw_only=True)
class Incoming:
    """A call as it came over HTTP."""

    method: str
    path: str
    """Below the base URL, as it was sent."""
    query: str
    headers: dict[str, str]
    body: bytes = attrs.field(repr=False)
    root: str
    """Where the caller found the sandbox: scheme, host and port."""


@attrs.frozen
class Outgoing:
    """What is to be sent, and the fault that it meets on the way."""

    answer: Answer
    fault: Fault | None = None


async def process(sandbox: SandboxCore, incoming: Incoming) -> Outgoing:
    """Answer a call, and take it down in the request_log."""
    started = time.perf_counter()
    route = find(incoming.method, incoming.path)
    call = _open(sandbox, incoming, route)
    fault = sandbox.faults.strike(call.operation, call.integration)
    log_url = f"{incoming.root}/#call-{call.number}"
    try:
        if fault is None:
            answer = await _perform(sandbox, incoming, route, call, log_url)
        else:
            call.fault = fault.id
            answer, fault = await _fail(sandbox, incoming, route, call, log_url, fault)
        if fault is None or fault.connection not in SILENT:
            call.status, call.code = answer.status, answer.code
            call.answered(answer.body)
        return Outgoing(answer, fault)
    finally:
        call.milliseconds = (time.perf_counter() - started) * 1000
        sandbox.request_log.close(call)


async def _fail(
    sandbox: SandboxCore, incoming: Incoming, route: Route, call: LoggedRequest, log_url: str, fault: Fault
) -> tuple[Answer, Fault | None]:
    """The answer to a call that a fault strikes, and the fault, unless it had nothing to spoil."""
    sandbox.clock.advance(fault.jump)
    instead = fault.answer(log_url)
    answer = instead or Answer()
    if fault.after_performing or not (instead or fault.connection in SILENT):
        answer = await _perform(sandbox, incoming, route, call, log_url)
        if call.performed:
            call.answered(answer.body, "done")
    if fault.delay:
        await anyio.sleep(fault.delay)
    if fault.after_performing and not call.performed:
        return answer, None
    return instead or answer, fault


def _open(sandbox: SandboxCore, incoming: Incoming, route: Route) -> LoggedRequest:
    return sandbox.request_log.open(
        incoming.method,
        f"{incoming.path}?{incoming.query}" if incoming.query else incoming.path,
        incoming.body,
        at=sandbox.clock.stamp(),
        operation=route.operation.id if route.operation is not None else None,
        integration=incoming.headers.get("x-integration-id"),
    )


async def _perform(sandbox: SandboxCore, incoming: Incoming, route: Route, call: LoggedRequest, log_url: str) -> Answer:
    try:
        _authenticate(sandbox, incoming)
        sandbox.rate_limit.check()
        request_class = route.request
        if request_class is None:
            if route.allowed:
                raise Refusal(
                    405, None, f"{incoming.method} is not allowed here.", headers={"Allow": ", ".join(route.allowed)}
                )
            raise Refusal(404, None, f"There is nothing at {incoming.path}.")
        operation = request_class.operation
        integration = _integration(sandbox, incoming, operation)
        if integration is not None:
            load(request_class)
            check_available(integration, operation)
        limited = operation.action and integration is not None
        place = sandbox.concurrency.place(integration.id) if limited and integration is not None else nullcontext()
        headers: dict[str, str] = {}
        with place:
            kind = incoming.headers.get("content-type", "")
            request = read_request(request_class, route.parameters, incoming.query, kind, incoming.body)
            call.valid = True
            await _wait(sandbox, operation)
            data, warnings = await _do(sandbox, incoming, integration, request)
            call.performed = True
            if limited and integration is not None:
                headers["Concurrency-Remaining"] = str(sandbox.concurrency.remaining(integration.id))
        return success(data, warnings=warnings if operation.action else None, headers=headers)
    except Refusal as refusal:
        return failure(refusal, log_url)
    except Exception:
        logger.exception("The sandbox failed at %s %s", incoming.method, call.operation or incoming.path)
        message = "The sandbox has failed here, by a fault of its own; its log says more."
        return failure(Refusal(500, "PLATFORM.UNKNOWN_ERROR", message), log_url)


def _authenticate(sandbox: SandboxCore, incoming: Incoming) -> None:
    scheme, _, key = incoming.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or key.strip() != sandbox.api_key:
        raise Refusal(
            401,
            "PLATFORM.AUTHENTICATION_INVALID",
            "The Authorization header is missing, or its API key is none of this sandbox's.",
            title="Authentication invalid",
        )


def _integration(sandbox: SandboxCore, incoming: Incoming, operation: Operation) -> Integration | None:
    if not operation.integration:
        return None
    id = incoming.headers.get("x-integration-id")
    if not id:
        raise InputInvalid(f"X-Integration-Id: {operation.id} needs this header")
    integration = sandbox.integration(id)
    # These reach the connected system itself, or start what is being waited for.
    needs_sync = operation.id not in ("PostForceSync", "PostPassthroughToolApi")
    integration.check(needs_sync=needs_sync)
    return integration


async def _wait(sandbox: SandboxCore, operation: Operation) -> None:
    latency = sandbox.action_latency if operation.action else sandbox.read_latency
    if latency is not None:
        await anyio.sleep(latency.draw(sandbox.random))


async def _do(
    sandbox: SandboxCore, incoming: Incoming, integration: Integration | None, request: Request[Any]
) -> tuple[Any, list[str]]:
    """Do it: gives the `data` of the answer, and warnings."""
    cls = type(request)
    load(cls)
    world = sandbox.world(integration.id if integration is not None else None)
    listing = LISTINGS.get(cls.operation.id)
    if listing is not None:
        return read_page(world, listing, request), []
    handler = HANDLERS[cls.operation.id]
    context = Context(
        environment=sandbox.environment,
        webhooks=sandbox.webhooks,
        world=world,
        integration=integration,
        root=incoming.root,
        number=sandbox.request_log.total,
        allow_duplicates=sandbox.allow_duplicates,
    )
    data = handler(context, request)
    if isawaitable(data):
        data = await data
    answer: Any = answer_type(cls)
    if get_origin(answer) is not Page:
        data = shape(data, answer)
    sandbox.changed(world)
    return data, context.warnings
