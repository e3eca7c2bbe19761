"""The web page at `/`, which shows what is going on. Plain HTML, rendered here in fragments."""

from __future__ import annotations

import json
from html import escape
from inspect import isawaitable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from kombo_async.sandbox._page.html import POLICY, badge, button, copyable, document, options, quoted, table
from kombo_async.sandbox._page.records_part import draw_record, draw_records, models_of
from kombo_async.sandbox._page.requests_part import draw_request, draw_requests
from kombo_async.sandbox._page.webhooks_part import draw_delivery, draw_webhooks
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._state.integrations import Integration

STATUSES = ("2xx", "4xx", "429", "5xx", "none")
STATIC = Path(__file__).parent / "static"

_WELL: dict[str, Any] = {
    "active": True,
    "setup_complete": True,
    "qa_passed": True,
    "authenticated": True,
    "sync": "finish",
}
STATES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("active", _WELL),
    ("sync pending (409)", {**_WELL, "sync": {"status": 409}}),
    ("sync pending (503)", {**_WELL, "sync": {"status": 503}}),
    ("inactive", {**_WELL, "active": False}),
    ("setup incomplete", {**_WELL, "setup_complete": False}),
    ("QA failed", {**_WELL, "qa_passed": False}),
    ("credentials invalid", {**_WELL, "authenticated": False}),
)
"""States to switch an integration to. Each is complete, so nothing of the previous one remains."""
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Next call: 500", {"status": 500, "code": "PLATFORM.UNKNOWN_ERROR", "times": 1}),
    (
        "Next call: succeeds, but returns 500",
        {"status": 500, "code": "PLATFORM.UNKNOWN_ERROR", "after_performing": True, "times": 1},
    ),
    ("Next call: HTML from a load balancer", {"status": 502, "html": True, "times": 1}),
    ("Next call: connection reset", {"connection": "reset", "times": 1}),
    (
        "Next call: rate limit",
        {"status": 429, "code": "PLATFORM.RATE_LIMIT_EXCEEDED", "headers": {"Retry-After": "2"}, "times": 1},
    ),
    ("All calls: 2 s slower", {"delay": 2.0}),
    ("One call in five: 503 from the tool", {"status": 503, "code": "REMOTE.SERVICE_UNAVAILABLE", "probability": 0.2}),
)


def page_routes(sandbox: SandboxCore) -> list[Route]:
    """The routes of the page and its fragments."""

    def fragment(path: str, draw: Any) -> Route:
        async def endpoint(request: Request) -> Response:
            drawn = draw(sandbox, request)
            headers = {"cache-control": "no-store", "content-security-policy": POLICY}
            return HTMLResponse(await drawn if isawaitable(drawn) else drawn, headers=headers)

        return Route(path, endpoint)

    async def static(request: Request) -> Response:
        return FileResponse(STATIC / request.url.path.rpartition("/")[2])

    return [
        fragment("/", _page),
        fragment("/_sandbox/fragments/clock", _clock),
        fragment("/_sandbox/fragments/requests", draw_requests),
        fragment("/_sandbox/fragments/requests/{number:int}", draw_request),
        fragment("/_sandbox/fragments/integrations", _integrations),
        fragment("/_sandbox/fragments/faults", _faults),
        fragment("/_sandbox/fragments/records", draw_records),
        fragment("/_sandbox/fragments/records/one", draw_record),
        fragment("/_sandbox/fragments/models", _models),
        fragment("/_sandbox/fragments/webhooks", draw_webhooks),
        fragment("/_sandbox/fragments/webhooks/{number:int}", draw_delivery),
        *(Route(f"/_sandbox/static/{file.name}", static) for file in STATIC.iterdir()),
    ]


def _page(sandbox: SandboxCore, request: Request) -> str:
    url = f"{request.url.scheme}://{request.url.netloc}/v1"
    ids = list(sandbox.integrations)
    faults = "".join(button(label, "/_sandbox/faults", body) for label, body in FAULTS)
    scenes = "".join(
        f"<option value={quoted(each['name'])}>{escape(each['name'])}: {escape(each['about'])}</option>"
        for each in sandbox.scenes.describe()
    )
    reset = button(
        "Reset", "/_sandbox/reset", {}, confirm="Restore the initial records, and remove faults and requests?"
    )
    chosen = next((each.id for each in sandbox.integrations.values() if each.category == "ATS"), "")
    return document(
        "Kombo sandbox",
        f"""
<header><h1>Kombo sandbox</h1><dl>
  <div><dt>Base URL</dt><dd>{copyable(url, "base URL")}</dd></div>
  <div><dt>API key</dt><dd>{copyable(sandbox.api_key, "API key")}</dd></div>
  <div><dt>Seed</dt><dd><code>{sandbox.seed}</code></dd></div>
</dl></header>
<p id="trouble" role="status">The sandbox does not respond. This page resumes when it is back.</p>
<p id="said" role="status"></p>
<main>
<section><h2>Integrations</h2>
  <div class="scroll" data-fragment="/_sandbox/fragments/integrations"></div></section>
<div class="stack">
<section><h2>Faults</h2><p class="hint">Make calls fail, and see how your code copes.</p>
  <div class="buttons">{faults}</div><div data-fragment="/_sandbox/fragments/faults"></div></section>
<section><h2>Scenes</h2><p class="hint">Situations that your code must handle, set up with one click.</p>
  <form class="buttons" data-form="/_sandbox/scenes/" data-field="scene">
  <select name="scene" aria-label="Scene">{scenes}</select><button>Play</button>
  {button("End scenes", "/_sandbox/scenes", method="DELETE")}</form></section>
<section><h2>Clock</h2><div class="buttons">
  {button("+1 minute", "/_sandbox/clock", {"advance": 60})}{button("+1 hour", "/_sandbox/clock", {"advance": 3600})}
  {button("+1 day", "/_sandbox/clock", {"advance": 86400})}{button("Stop", "/_sandbox/clock", {"stop": True})}
  {button("Go", "/_sandbox/clock", {"go": True})}{reset}</div>
  <div data-fragment="/_sandbox/fragments/clock"></div></section>
</div>
<section class="wide"><h2>Request log</h2><p class="hint">Newest first; click one for its bodies.</p>
  <form class="buttons filters" id="requests-filters">
  <input type="search" name="q" placeholder="path, operation, code" aria-label="Search requests">
  <select name="status" aria-label="Status">{options(STATUSES, every="any status")}</select>
  <select name="integration" aria-label="Integration of requests">{options(ids, every="any integration")}</select>
  </form>
  <div data-fragment="/_sandbox/fragments/requests" data-filters="requests-filters"></div></section>
<section class="wide"><h2>Records</h2><p class="hint">Newest first; click one to see all of it.</p>
  <form class="buttons filters" id="records-filters">
  <select name="integration" aria-label="Integration" data-models="model">
  {options(ids, chosen, "the platform's own")}</select>
  <select name="model" id="model" aria-label="Model">{options(models_of(sandbox, chosen))}</select>
  <input type="search" name="q" placeholder="ID or text" aria-label="Search records"></form>
  <div data-fragment="/_sandbox/fragments/records" data-filters="records-filters"></div></section>
<section class="wide"><h2>Webhooks</h2>
  <form class="buttons" data-form="/_sandbox/webhooks"><input type="url" name="url" required
  placeholder="http://127.0.0.1:8000/webhooks/kombo" aria-label="URL for webhooks"><button>Add</button></form>
  <div data-fragment="/_sandbox/fragments/webhooks"></div></section>
</main>
<dialog id="details" aria-label="Details" tabindex="-1"><p class="buttons end"><button data-close>Close</button></p>
  <div></div></dialog>
""",
    )


def _clock(sandbox: SandboxCore, request: Request) -> str:
    state = "stopped" if sandbox.clock.is_stopped else "going"
    return f'<p class="small"><time>{sandbox.clock.stamp()[:19]}Z</time>, {state}</p>'


def _models(sandbox: SandboxCore, request: Request) -> str:
    id = request.query_params.get("integration", "")
    return options(models_of(sandbox, id if id in sandbox.integrations else ""))


def _integrations(sandbox: SandboxCore, request: Request) -> str:
    return table(
        ("Integration", "State", "Switch to"),
        (_integration(each) for each in sandbox.integrations.values()),
        "There are no integrations.",
    )


def _integration(each: Integration) -> str:
    kind = {"active": "good", "sync pending": "warn"}.get(each.state, "bad")
    options = "".join(f"<option value={quoted(json.dumps(change))}>{escape(name)}</option>" for name, change in STATES)
    switch = (
        f'<select data-send="/_sandbox/integrations/{quote(each.id, safe="")}" data-method="PATCH" '
        f'aria-label={quoted(f"State of {each.id}")}><option value="">choose</option>{options}</select>'
    )
    about = f'<div class="small">{escape(each.organization)} · {escape(each.category)}</div>'
    return (
        f'<tr><td class="long">{copyable(each.id, "integration ID")}{about}</td>'
        f'<td class="nowrap">{badge(each.state, kind)}</td><td class="nowrap">{switch}</td></tr>'
    )


def _faults(sandbox: SandboxCore, request: Request) -> str:
    rows: list[str] = []
    for fault in sandbox.faults:
        everywhere = "all actions" if fault.actions else "all calls"
        where = ", ".join(sorted(fault.operation)) if fault.operation else everywhere
        left = "" if fault.times is None else f" of {fault.times}"
        what = [fault.connection or "", str(fault.status or ""), fault.code or "", "HTML" if fault.html else ""]
        what += [
            f"{fault.delay:g} s later" if fault.delay else "",
            "after performing" if fault.after_performing else "",
        ]
        what += [f"probability {fault.probability:g}" if fault.probability < 1 else ""]
        remove = button("Remove", f"/_sandbox/faults/{fault.id}", method="DELETE")
        text = escape(" · ".join(part for part in what if part))
        struck = f'<td class="nowrap">{fault.struck}{left} times</td>'
        rows.append(f'<tr><td class="long">{text}</td><td>{escape(where)}</td>{struck}<td>{remove}</td></tr>')
    every = f'<p class="buttons">{button("Remove all", "/_sandbox/faults", method="DELETE")}</p>'
    return table(("What", "For", "Struck", ""), rows, "No faults are set.") + (every if len(rows) > 1 else "")
