"""One call from end to end: authentication, integration, limits, and the result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from inspect import isawaitable
from typing import Any, TypeVar, get_origin

import anyio.lowlevel
import attrs

from kombo_async.pages import Page
from kombo_async.request import Operation, Request, data_type
from kombo_async.sandbox._api.answers import Answer, failure, success
from kombo_async.sandbox._api.lists import read_page
from kombo_async.sandbox._api.projection import shape
from kombo_async.sandbox._api.request_parsing import read_request
from kombo_async.sandbox._api.routes import Route, find
from kombo_async.sandbox._handlers.availability import check_available
from kombo_async.sandbox._handlers.references import resolve
from kombo_async.sandbox._handlers.registry import HANDLERS, LISTINGS, Context, load
from kombo_async.sandbox._handlers.uploads import fetch_files
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._server.faults import Fault
from kombo_async.sandbox._server.logged_request import LoggedRequest
from kombo_async.sandbox._state.indexes import IndexNeeded
from kombo_async.sandbox._state.integrations import Integration
from kombo_async.sandbox._state.refusals import InputInvalid, Refusal
from kombo_async.sandbox._state.store import World

logger: logging.Logger = logging.getLogger(__name__)

T = TypeVar("T")

SILENT = ("reset", "close", "hang")
"""What can happen to a connection in place of a response."""


@attrs.frozen(kw_only=True)
class Incoming:
    """A call as it came over HTTP."""

    method: str
    path: str
    """The path below the base URL, as it was sent."""
    query: str
    headers: dict[str, str]
    body: bytes = attrs.field(repr=False)
    root: str
    """The sandbox's address from the caller's side: scheme, host and port."""


@attrs.frozen
class Outgoing:
    """What to send, and the fault that applies to it."""

    answer: Answer
    fault: Fault | None = None


async def process(sandbox: SandboxCore, incoming: Incoming) -> Outgoing:
    """Answer a call, and record it in the request log."""
    started = time.perf_counter()
    sandbox.clock.tick()
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
    """The response to a call hit by a fault, and the fault, unless it has no effect."""
    with suppress(ValueError):  # the clock stays between 1970 and 9999
        sandbox.clock.advance(fault.jump)
    instead = fault.answer(log_url)
    answer = instead or Answer()
    if fault.after_performing or not (instead or fault.connection in SILENT):
        answer = await _perform(sandbox, incoming, route, call, log_url)
        if call.performed:
            call.answered(answer.body, "done")
    if fault.delay:
        await sandbox.clock.sleep(fault.delay)
    if fault.after_performing and not call.performed:
        return answer, None
    if instead is not None and not (fault.html or fault.body is not None):
        instead = _with_limits(sandbox, instead, route, call.integration)
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
        request_class, integration = _admit(sandbox, incoming, route)
        acting = integration if request_class.operation.action else None
        with sandbox.concurrency.place(acting.id) if acting is not None else nullcontext():
            answer = await _answer(sandbox, incoming, route, call, integration)
            return _with_limits(sandbox, answer, route, call.integration)
    except Refusal as refusal:
        answer = failure(refusal, log_url)
    except Exception:
        logger.exception("The sandbox failed at %s %s", incoming.method, call.operation or incoming.path)
        message = "This is a bug in the sandbox; its log says more."
        answer = failure(Refusal(500, "PLATFORM.UNKNOWN_ERROR", message), log_url)
    return _with_limits(sandbox, answer, route, call.integration)


def _admit(sandbox: SandboxCore, incoming: Incoming, route: Route) -> tuple[type[Request[Any]], Integration | None]:
    """Determine the operation and integration of a call. Raises `Refusal` if it is not allowed."""
    _authenticate(sandbox, incoming)
    sandbox.rate_limit.check()
    request_class = route.request
    if request_class is None:
        if route.allowed:
            headers = {"Allow": ", ".join(route.allowed)}
            raise Refusal(405, None, f"{incoming.method} is not allowed here.", headers=headers)
        raise Refusal(404, None, f"There is nothing at {incoming.path}.")
    integration = _integration(sandbox, incoming, request_class.operation)
    if integration is not None:
        load(request_class)
        check_available(integration, request_class.operation)
    return request_class, integration


async def _answer(
    sandbox: SandboxCore, incoming: Incoming, route: Route, call: LoggedRequest, integration: Integration | None
) -> Answer:
    assert route.request is not None  # noqa: S101 - it was admitted
    operation = route.request.operation
    kind = incoming.headers.get("content-type", "")
    if operation.max_body_bytes is not None and len(incoming.body) > operation.max_body_bytes:
        raise Refusal(413, "PLATFORM.INPUT_INVALID", f"The body has more than {operation.max_body_bytes} bytes.")
    unknown: list[str] | None = None if sandbox.strict else call.unknown
    request = read_request(route.request, route.parameters, incoming.query, kind, incoming.body, unknown)
    call.valid = True
    with sandbox.imports.running(route.parameters["job_feed_id"]) if operation.ndjson else nullcontext():
        await _wait(sandbox, operation)
        data, warnings = await _do(sandbox, incoming, integration, request)
    call.performed = True
    return success(data, warnings=warnings if operation.action else None)


def _with_limits(sandbox: SandboxCore, answer: Answer, route: Route, integration_id: str | None) -> Answer:
    """Every response, even a refusal, says what is left of the rate limit, and to an action, how many places are free.

    A call with a wrong key is nobody's, so it has no limit. What a fault says in its own headers stays.
    """
    headers = {} if answer.status == 401 else sandbox.rate_limit.headers()
    operation = route.operation
    if operation is not None and operation.action and integration_id in sandbox.environment:
        headers |= sandbox.concurrency.headers(integration_id)
    own = {name.lower() for name in answer.headers}
    headers = {name: value for name, value in headers.items() if name.lower() not in own}
    return attrs.evolve(answer, headers=headers | answer.headers) if headers else answer


def _authenticate(sandbox: SandboxCore, incoming: Incoming) -> None:
    scheme, _, key = incoming.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or key.strip() != sandbox.api_key:
        raise Refusal(
            401,
            "PLATFORM.AUTHENTICATION_INVALID",
            "The Authorization header is missing, or its API key is not this sandbox's.",
            title="Authentication invalid",
        )


def _integration(sandbox: SandboxCore, incoming: Incoming, operation: Operation) -> Integration | None:
    if not operation.integration:
        return None
    id = incoming.headers.get("x-integration-id")
    if not id:
        raise InputInvalid(f"X-Integration-Id: {operation.id} needs this header")
    integration = sandbox.integration(id)
    # These reach the connected system itself, or start the sync.
    needs_sync = operation.id not in ("PostForceSync", "PostPassthroughToolApi")
    integration.check(needs_sync=needs_sync)
    return integration


async def _wait(sandbox: SandboxCore, operation: Operation) -> None:
    latency = sandbox.action_latency if operation.action else sandbox.read_latency
    if latency is not None:
        await sandbox.clock.sleep(latency.draw(sandbox.random))


def _resolved(world: World, incoming: Incoming, request: Request[Any]) -> Request[Any]:
    # Most requests have no remote ID, and checking their bytes is quicker than checking their values.
    named = b"remote:" in incoming.body or "remote" in incoming.path or "remote" in incoming.query
    return resolve(world, request) if named else request


async def _do(
    sandbox: SandboxCore, incoming: Incoming, integration: Integration | None, request: Request[Any]
) -> tuple[Any, list[str]]:
    """Perform the request: returns the `data` of the response, and warnings."""
    cls = type(request)
    load(cls)
    id = integration.id if integration is not None else None
    world = sandbox.world(id)
    listing = LISTINGS.get(cls.operation.id)
    if listing is not None:
        copy = sandbox.environment.copy(id)
        resolved = await _prepared(world, lambda: _resolved(world, incoming, request))
        return await _prepared(copy, lambda: read_page(copy, listing, resolved)), []
    request = await _prepared(world, lambda: _resolved(world, incoming, request))
    handler = HANDLERS[cls.operation.id]
    fetched = await fetch_files(request) if b'"data_url"' in incoming.body else None

    def handle() -> tuple[Any, list[str]]:
        context = Context(
            environment=sandbox.environment,
            webhooks=sandbox.webhooks,
            world=world,
            integration=integration,
            root=incoming.root,
            number=sandbox.request_log.total,
            allow_duplicates=sandbox.allow_duplicates,
            fetched=fetched or {},
        )
        world.acting = True
        try:
            return handler(context, request), context.warnings
        finally:
            world.acting = False

    data, warnings = await _prepared(world, handle)
    if isawaitable(data):
        data = await data
    answer: Any = data_type(cls)
    if get_origin(answer) is not Page:
        data = shape(data, answer)
    sandbox.changed(world)
    return data, warnings


async def _prepared(world: World, do: Callable[[], T]) -> T:
    """Perform the request once its look-ups are prepared: in slices, while other calls are answered."""
    while True:
        try:
            with world.deferring():
                return do()
        except IndexNeeded as needed:
            while not needed.indexes.prepare_slice(needed.field):
                await anyio.lowlevel.checkpoint()
