"""The admin API below `/_sandbox`: faults, integrations, the clock, webhooks, the request log."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeAlias, cast

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._server.faults import Fault, describe
from kombo_async.sandbox._server.logged_request import LoggedRequest
from kombo_async.sandbox._server.settings import call
from kombo_async.sandbox._state.clock import parse, stamp
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.integrations import Integration
from kombo_async.sandbox._state.refusals import Refusal
from kombo_async.sandbox._webhooks.sending import SECRET, Delivery, Endpoint

Body: TypeAlias = dict[str, Any]
Action: TypeAlias = "Callable[[SandboxCore, Body, dict[str, str]], Any | Awaitable[Any]]"


def control_routes(sandbox: SandboxCore) -> list[Route]:
    """The routes."""
    actions: tuple[tuple[str, str, Action], ...] = (
        ("GET", "/state", _state),
        ("POST", "/reset", _reset),
        ("GET", "/requests", _calls),
        ("GET", "/requests/{number:int}", _call),
        ("GET", "/faults", lambda sandbox, _, __: [describe(fault) for fault in sandbox.faults]),
        ("POST", "/faults", _add_fault),
        ("DELETE", "/faults", lambda sandbox, _, __: sandbox.faults.clear()),
        ("DELETE", "/faults/{id:int}", lambda sandbox, _, path: sandbox.faults.remove(int(path["id"]))),
        ("POST", "/integrations", _add_integration),
        ("PATCH", "/integrations/{id}", _change_integration),
        ("POST", "/clock", _clock),
        ("POST", "/latency", lambda sandbox, body, _: sandbox.set_latency(**body)),
        ("POST", "/webhooks", _add_webhook),
        ("DELETE", "/webhooks/{id:int}", lambda sandbox, _, path: sandbox.webhooks.remove(int(path["id"]))),
        ("POST", "/webhooks/deliver", _deliver),
        (
            "GET",
            "/webhooks/deliveries",
            lambda sandbox, _, __: [delivery_data(each) for each in sandbox.webhooks.deliveries],
        ),
        ("POST", "/webhooks/deliveries/{number:int}", _send_again),
        ("POST", "/webhooks/disturb", lambda sandbox, body, _: call(sandbox.webhooks.disturb, body)),
        ("GET", "/scenes", lambda sandbox, _, __: sandbox.scenes.describe()),
        ("POST", "/scenes/{name}", lambda sandbox, body, path: sandbox.scenes.play(path["name"], **body)),
        ("DELETE", "/scenes", lambda sandbox, _, __: sandbox.scenes.end()),
        ("POST", "/orders", lambda sandbox, body, _: call(sandbox.receive_order, body)),
        ("GET", "/records/{integration}/{model}", _records),
        ("DELETE", "/records/{integration}/{model}/{id}", _delete_record),
        ("POST", "/connect/{token}", _connect),
        (
            "POST",
            "/connect/{token}/fail",
            lambda sandbox, body, path: call(sandbox.fail_connection, {**body, "link": path["token"]}),
        ),
    )
    return [Route(f"/_sandbox{path}", _endpoint(sandbox, action), methods=[method]) for method, path, action in actions]


def _endpoint(sandbox: SandboxCore, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body: Any = dict(request.query_params)
        if request.method in ("POST", "PATCH"):
            # Another site's page cannot send this type without a CORS preflight, which is refused.
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                return JSONResponse({"error": "send JSON, with Content-Type: application/json"}, 415)
            try:
                body = msgspec.json.decode(await request.body() or b"{}")
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, dict):
                return JSONResponse({"error": "the body must be a JSON object"}, 400)
        path = {name: str(value) for name, value in request.path_params.items()}
        try:
            answer = action(sandbox, cast("Body", body), path)
            if isawaitable(answer):
                answer = await answer
        except Refusal as refusal:
            return JSONResponse({"error": refusal.message}, refusal.status)
        except (TypeError, ValueError, LookupError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return Response(_encode({} if answer is None else answer), media_type="application/json")

    return endpoint


def _encode(answer: Any) -> bytes:
    try:
        return msgspec.json.encode(answer)
    except UnicodeEncodeError:  # half a character in what somebody sent
        return json.dumps(answer).encode()


def _state(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    return {
        "api_key": sandbox.api_key,
        "seed": sandbox.seed,
        "now": sandbox.clock.stamp(),
        "requests": sandbox.request_log.total,
        "integrations": [integration_data(each) for each in sandbox.integrations.values()],
        "faults": [describe(fault) for fault in sandbox.faults],
        "webhooks": [{"id": each.id, "url": each.url} for each in sandbox.webhooks.endpoints],
    }


def _reset(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> None:
    sandbox.reset()


def integration_data(integration: Integration) -> Body:
    """An integration as plain data."""
    return {
        "id": integration.id,
        "tool": integration.tool,
        "category": integration.category,
        "organization": integration.organization,
        "state": integration.state,
        "active": integration.active,
        "setup_complete": integration.setup_complete,
        "qa_passed": integration.qa_passed,
        "authenticated": integration.authenticated,
        "sync_pending": integration.sync.pending,
        "permissions": dict(integration.permissions),
    }


def _calls(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    def newest(
        operation: str | None = None,
        integration: str | None = None,
        status: int | None = None,
        performed: bool | None = None,
        after: int = 0,
        limit: int = 200,
    ) -> list[Body]:
        found = sandbox.request_log.find_all(
            operation, integration=integration, status=status, performed=performed, after=after
        )
        return [call_data(each) for each in found[max(0, len(found) - limit) :]]

    return call(newest, {name: text for name, text in body.items() if text}, text=True)


def call_data(request: LoggedRequest) -> Body:
    """A summary of a call."""
    names = (
        *("number", "at", "method", "path", "operation", "integration"),
        *("status", "code", "performed", "fault", "unknown"),
    )
    return {**{name: getattr(request, name) for name in names}, "milliseconds": round(request.milliseconds, 2)}


def _call(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    found = sandbox.request_log.find(int(path["number"]))
    if found is None:
        raise Refusal(404, None, f"There is no call {path['number']}.")
    return {**call_data(found), "body": found.body, "answer": found.answer}


def _add_fault(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    fault: Fault = sandbox.faults.add(**body)
    return describe(fault)


def _add_integration(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    integration = call(sandbox.environment.add_integration, body)
    sandbox.webhooks.integration_created(integration)
    return integration_data(integration)


def _change_integration(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    return integration_data(sandbox.change_integration(path["id"], **body))


def _clock(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    def move(stop: bool = False, set: str = "", advance: float = 0.0, go: bool = False) -> None:
        if stop:
            sandbox.clock.stop()
        if set:
            sandbox.clock.set(parse(set))
        sandbox.clock.advance(advance)
        if go:
            sandbox.clock.go()

    call(move, body)
    return {"now": stamp(sandbox.clock.now())}


def _add_webhook(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    def add(url: str, secret: str = SECRET, events: list[str] | None = None) -> Endpoint:
        return sandbox.webhooks.add(url, secret=secret, events=events)

    endpoint = call(add, body)
    return {"id": endpoint.id, "url": endpoint.url, "secret": endpoint.secret}


async def _deliver(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    sent = await sandbox.webhooks.deliver()
    return [delivery_data(each) for each in sent]


def delivery_data(delivery: Delivery) -> Body:
    """A delivery as plain data."""
    names = ("number", "id", "type", "url", "attempts", "status", "error", "answer", "signature")
    return {**{name: getattr(delivery, name) for name in names}, "body": json.loads(delivery.body)}


async def _send_again(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    return delivery_data(await sandbox.webhooks.send_again(int(path["number"])))


def _records(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    integration = sandbox.integration(path["integration"])
    rows = sandbox.world(integration.id).table(path["model"])

    def first(limit: int = 250) -> list[Record]:
        return [row.data for row in rows[: max(0, limit)]]

    return call(first, body, text=True)


def _delete_record(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> None:
    sandbox.delete_record(path["integration"], path["model"], path["id"])


def _connect(sandbox: SandboxCore, body: Body, path: dict[str, str]) -> Any:
    return {"token": call(sandbox.connect, {**body, "link": path["token"]})}
