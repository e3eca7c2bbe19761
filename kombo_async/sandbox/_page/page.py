"""The web page at `/`: what is going on in the sandbox, for people. Plain HTML, drawn here, in fragments."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from kombo_async.sandbox._page.bodies import draw_body
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._server.logged_request import LoggedRequest
from kombo_async.sandbox._state.integrations import Integration
from kombo_async.sandbox._state.store import World

STATIC = Path(__file__).parent / "static"
SHOWN_CALLS = 100
SHOWN_PEOPLE = 100

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)
"""The browser's own guard, should people's HTML ever slip through: nothing inline runs, nothing leaves this machine."""

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
    ("set-up incomplete", {**_WELL, "setup_complete": False}),
    ("QA failed", {**_WELL, "qa_passed": False}),
    ("credentials invalid", {**_WELL, "authenticated": False}),
)
"""What to switch an integration to, each the whole of its state: nothing of the one before stays hidden below it."""
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Next call: 500", {"status": 500, "code": "PLATFORM.UNKNOWN_ERROR", "times": 1}),
    (
        "Next call: done, but 500",
        {"status": 500, "code": "PLATFORM.UNKNOWN_ERROR", "after_performing": True, "times": 1},
    ),
    ("Next call: HTML from a balancer", {"status": 502, "html": True, "times": 1}),
    ("Next call: connection reset", {"connection": "reset", "times": 1}),
    (
        "Next call: rate limit",
        {"status": 429, "code": "PLATFORM.RATE_LIMIT_EXCEEDED", "headers": {"Retry-After": "2"}, "times": 1},
    ),
    ("All calls: 2 s slower", {"delay": 2.0}),
    ("One call in five: 503 of the tool", {"status": 503, "code": "REMOTE.SERVICE_UNAVAILABLE", "probability": 0.2}),
)


def page_routes(sandbox: SandboxCore) -> list[Route]:
    """The routes of the page and its fragments."""

    def fragment(path: str, draw: Any) -> Route:
        async def endpoint(request: Request) -> Response:
            headers = {"cache-control": "no-store", "content-security-policy": POLICY}
            return HTMLResponse(draw(sandbox, request), headers=headers)

        return Route(path, endpoint)

    async def static(request: Request) -> Response:
        return FileResponse(STATIC / request.url.path.rpartition("/")[2])

    return [
        fragment("/", _page),
        fragment("/_sandbox/fragments/requests", _calls),
        fragment("/_sandbox/fragments/requests/{number:int}", _call),
        fragment("/_sandbox/fragments/integrations", _integrations),
        fragment("/_sandbox/fragments/faults", _faults),
        fragment("/_sandbox/fragments/people", _people),
        *(Route(f"/_sandbox/static/{file.name}", static) for file in STATIC.iterdir()),
    ]


def document(title: str, body: str, *, script: str = "page.js") -> str:
    """A whole page."""
    tail = f'<script src="/_sandbox/static/{script}"></script>'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/_sandbox/static/style.css"></head>'
        f"<body>{body}{tail}</body></html>"
    )


def _page(sandbox: SandboxCore, request: Request) -> str:
    url = f"{request.url.scheme}://{request.url.netloc}/v1"
    recruiting = [each for each in sandbox.integrations.values() if each.category == "ATS"]
    choices = "".join(f"<option value={_quoted(each.id)}>{escape(each.id)}</option>" for each in recruiting)
    buttons = "".join(_button(label, "/_sandbox/faults", body) for label, body in FAULTS)
    return document(
        "Kombo sandbox",
        f"""
<header><h1>Kombo sandbox</h1><dl>
  <div><dt>Base URL</dt><dd><code>{escape(url)}</code></dd></div>
  <div><dt>API key</dt><dd><code>{escape(sandbox.api_key)}</code></dd></div>
  <div><dt>Seed</dt><dd><code>{sandbox.seed}</code></dd></div>
</dl></header>
<p id="trouble" role="status">The sandbox does not answer. This page goes on by itself when it is back.</p>
<main>
<section><h2>Integrations</h2>
  <div class="scroll" data-fragment="/_sandbox/fragments/integrations"></div></section>
<section><h2>Faults</h2><p class="hint">Make calls go wrong, and see what your code makes of it.</p>
  <div class="buttons">{buttons}</div><div data-fragment="/_sandbox/fragments/faults"></div></section>
<section class="wide"><h2>Recent calls</h2><p class="hint">Newest first; click on one for its bodies.</p>
  <div class="scroll" data-fragment="/_sandbox/fragments/requests"></div></section>
<section class="wide"><h2>Candidates and applications</h2>
  <div class="buttons"><select id="integration" data-refreshes aria-label="Integration">{choices}</select></div>
  <div class="scroll" data-fragment="/_sandbox/fragments/people" data-choice="integration"></div></section>
</main>
<dialog id="details" aria-label="LoggedRequest" tabindex="-1"><div></div>
  <p class="buttons end"><button data-close>Close</button></p></dialog>
""",
    )


def _table(heads: Iterable[str], rows: Iterable[str], empty: str) -> str:
    drawn = "".join(rows)
    if not drawn:
        return f'<p class="empty">{escape(empty)}</p>'
    head = "".join(f"<th{' class=number' if title in ('ms', 'Status') else ''}>{escape(title)}</th>" for title in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{drawn}</tbody></table>"


def _quoted(value: str) -> str:
    return f'"{escape(value)}"'


def _button(label: str, send: str, body: dict[str, Any] | None = None, method: str = "POST") -> str:
    data = f" data-body={_quoted(json.dumps(body))}" if body is not None else ""
    return f"<button data-send={_quoted(send)} data-method={_quoted(method)}{data}>{escape(label)}</button>"


def _badge(text: str, kind: str) -> str:
    return f'<span class="badge {kind}">{escape(text)}</span>'


def _integrations(sandbox: SandboxCore, request: Request) -> str:
    return _table(
        ("Integration", "State", "Switch to"),
        (_integration(each) for each in sandbox.integrations.values()),
        "There are no integrations.",
    )


def _integration(each: Integration) -> str:
    kind = {"active": "good", "sync pending": "warn"}.get(each.state, "bad")
    options = "".join(f"<option value={_quoted(json.dumps(change))}>{escape(name)}</option>" for name, change in STATES)
    switch = (
        f'<select data-send="/_sandbox/integrations/{quote(each.id, safe="")}" data-method="PATCH" '
        f'aria-label={_quoted(f"State of {each.id}")}><option value="">choose</option>{options}</select>'
    )
    about = f'<div class="small">{escape(each.organization)} · {escape(each.category)}</div>'
    return (
        f'<tr><td class="long"><code>{escape(each.id)}</code>{about}</td>'
        f'<td class="nowrap">{_badge(each.state, kind)}</td><td class="nowrap">{switch}</td></tr>'
    )


def _faults(sandbox: SandboxCore, request: Request) -> str:
    rows: list[str] = []
    for fault in sandbox.faults:
        where = ", ".join(sorted(fault.operation)) if fault.operation else "all calls"
        left = "" if fault.times is None else f" of {fault.times}"
        what = [fault.connection or "", str(fault.status or ""), fault.code or "", "HTML" if fault.html else ""]
        what += [
            f"{fault.delay:g} s later" if fault.delay else "",
            "after performing" if fault.after_performing else "",
        ]
        what += [f"probability {fault.probability:g}" if fault.probability < 1 else ""]
        button = _button("Remove", f"/_sandbox/faults/{fault.id}", method="DELETE")
        text = escape(" · ".join(part for part in what if part))
        struck = f'<td class="nowrap">{fault.struck}{left} times</td>'
        rows.append(f'<tr><td class="long">{text}</td><td>{escape(where)}</td>{struck}<td>{button}</td></tr>')
    every = f'<p class="buttons">{_button("Remove all", "/_sandbox/faults", method="DELETE")}</p>'
    return _table(("What", "For", "Struck", ""), rows, "No faults are set.") + (every if len(rows) > 1 else "")


def _calls(sandbox: SandboxCore, request: Request) -> str:
    return _table(
        ("Time", "LoggedRequest", "Operation", "Status", "Code", "Done", "ms"),
        (_call_row(call) for call in sandbox.request_log.latest(SHOWN_CALLS)),
        "Nobody has called yet.",
    )


def _status(call: LoggedRequest) -> str:
    if call.status is None:
        return _badge("no answer", "bad")
    return _badge(
        str(call.status), "good" if call.status < 300 else "warn" if call.status in (409, 429, 503) else "bad"
    )


def _call_row(call: LoggedRequest) -> str:
    integration = f'<div class="small">{escape(call.integration)}</div>' if call.integration else ""
    return (
        f'<tr data-open="/_sandbox/fragments/requests/{call.number}" tabindex="0">'
        f'<td class="nowrap">{call.at[11:23]}</td>'
        f'<td class="long"><code>{call.method} {escape(_cut(call.path, 200))}</code>{integration}</td>'
        f"<td>{escape(call.operation or '')}</td>"
        f'<td class="number">{_status(call)}</td><td>{_breakable(call.code or "")}</td>'
        f'<td class="done">{"yes" if call.performed else ""}</td>'
        f'<td class="number ms">{call.milliseconds:.1f}</td></tr>'
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}..."


def _breakable(code: str) -> str:
    return escape(code).replace(".", ".<wbr>")


def _call(sandbox: SandboxCore, request: Request) -> str:
    call = sandbox.request_log.find(request.path_params["number"])
    if call is None:
        return '<p class="empty">This call is no longer kept.</p>'
    fault = f" · met fault {call.fault}" if call.fault is not None else ""
    done = "done" if call.performed else "not done"
    return (
        f"<h2>Call {call.number}: {escape(call.operation or 'no operation')}</h2>"
        f'<p class="hint"><code>{call.method} {escape(call.path)}</code><br>'
        f"{escape(call.integration or 'no integration')}<br>"
        f"{_status(call)} {_breakable(call.code or '')}<br>{call.at} · {call.milliseconds:.1f} ms · {done}{fault}</p>"
        f"<strong>Request</strong>{draw_body(call.request_body)}<strong>Answer</strong>{draw_body(call.answer_body)}"
    )


def _people(sandbox: SandboxCore, request: Request) -> str:
    integration = sandbox.integrations.get(request.query_params.get("integration", ""))
    if integration is None:
        return '<p class="empty">Choose an integration.</p>'
    world = sandbox.world(integration.id)
    rows = [row for row in reversed(world.table("ats_candidates")) if not row.deleted]
    root = f"{request.url.scheme}://{request.url.netloc}"
    hidden = f'<p class="small">and {len(rows) - SHOWN_PEOPLE} more</p>' if len(rows) > SHOWN_PEOPLE else ""
    drawn = (_person(sandbox, world, row.data, root) for row in rows[:SHOWN_PEOPLE])
    return _table(("Candidate", "E-mail", "Applications", "Attachments"), drawn, "There are no candidates.") + hidden


def _person(sandbox: SandboxCore, world: World, record: dict[str, Any], root: str) -> str:
    applications: list[str] = []
    for each in world.related("ats_applications", "candidate_id", record["id"]):
        job = world.peek("ats_jobs", each["job_id"]) or {}
        stage = world.peek("ats_application_stages", each["current_stage_id"]) or {}
        kind = {"HIRED": "good", "DECLINED": "bad"}.get(each["outcome"], "")
        badge = _badge(str(each["outcome"]).lower(), kind)
        applications.append(f"<div>{escape(job.get('name') or '')} · {escape(stage.get('name') or '')} {badge}</div>")
    files: list[str] = []
    for each in world.related("ats_attachments", "candidate_id", record["id"]):
        url = sandbox.file_url(root, each["id"])
        files.append(f"<div><a href={_quoted(url)}>{escape(each['file_name'])}</a> {escape(each['type'])}</div>")
    emails = "<br>".join(escape(email) for email in cast("list[str]", record["emails"]))
    name = escape(f"{record['first_name']} {record['last_name']}")
    return (
        f'<tr><td>{name}<div class="small"><code>{record["id"]}</code></div></td><td>{emails}</td>'
        f"<td>{''.join(applications)}</td><td>{''.join(files)}</td></tr>"
    )
