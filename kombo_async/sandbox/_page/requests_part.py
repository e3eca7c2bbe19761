"""The request log on the page: searched, filtered, counted, page by page."""

from __future__ import annotations

from html import escape
from itertools import islice

from starlette.requests import Request

from kombo_async.sandbox._page.bodies import draw_body
from kombo_async.sandbox._page.html import badge, copyable, page_number, pager, table
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._server.logged_request import LoggedRequest

PAGE = 50
FRAGMENT = "/_sandbox/fragments/requests"


def draw_requests(sandbox: SandboxCore, request: Request) -> str:
    """One page of the requests that pass the filters."""
    query = request.query_params
    page = page_number(query.get("page"))
    text, status, integration = query.get("q", "").lower(), query.get("status", ""), query.get("integration", "")
    log = sandbox.request_log
    if text or status or integration:
        found = [each for each in log.newest() if _passes(each, text, status, integration)]
        total, shown = len(found), found[page * PAGE : (page + 1) * PAGE]
    else:
        total, shown = log.kept, list(islice(log.newest(), page * PAGE, (page + 1) * PAGE))
    rows = (_row(each) for each in shown)
    empty = "No request passes these filters." if text or status or integration else "No requests yet."
    drawn = table(("Time", "Request", "Operation", "Status", "Code", "Done", "ms"), rows, empty)
    return f'<div class="scroll">{drawn}</div>' + pager(FRAGMENT, page, len(shown), total, PAGE, "requests")


def _passes(request: LoggedRequest, text: str, status: str, integration: str) -> bool:
    if integration and request.integration != integration:
        return False
    if status == "none":
        if request.status is not None:
            return False
    elif status and (request.status is None or not str(request.status).startswith(status.rstrip("x"))):
        return False
    words = (request.method, request.path, request.operation or "", request.code or "", request.integration or "")
    return not text or any(text in word.lower() for word in words)


def _status(request: LoggedRequest) -> str:
    if request.status is None:
        return badge("no response", "bad")
    status = request.status
    return badge(str(status), "good" if status < 300 else "warn" if status in (409, 429, 503) else "bad")


def _row(request: LoggedRequest) -> str:
    integration = f'<div class="small">{escape(request.integration)}</div>' if request.integration else ""
    unknown = f'<div class="small warn">unknown: {escape(", ".join(request.unknown))}</div>' if request.unknown else ""
    path = request.path if len(request.path) <= 200 else f"{request.path[:200]}..."
    return (
        f'<tr data-open="{FRAGMENT}/{request.number}" tabindex="0"><td class="nowrap">{request.at[11:23]}</td>'
        f'<td class="long"><code>{request.method} {escape(path)}</code>{integration}{unknown}</td>'
        f"<td>{escape(request.operation or '')}</td>"
        f'<td class="number">{_status(request)}</td><td>{_breakable(request.code or "")}</td>'
        f'<td class="done">{"yes" if request.performed else ""}</td>'
        f'<td class="number ms">{request.milliseconds:.1f}</td></tr>'
    )


def _breakable(code: str) -> str:
    return escape(code).replace(".", ".<wbr>")


def draw_request(sandbox: SandboxCore, request: Request) -> str:
    """One request with its bodies."""
    found = sandbox.request_log.find(request.path_params["number"])
    if found is None:
        return '<p class="empty">This request is no longer kept.</p>'
    fault = f" · met fault {found.fault}" if found.fault is not None else ""
    done = "done" if found.performed else "not done"
    unknown = f"<br>unknown fields: {escape(', '.join(found.unknown))}" if found.unknown else ""
    return (
        f"<h2>Request {found.number}: {escape(found.operation or 'no operation')}</h2>"
        f'<p class="hint">{copyable(f"{found.method} {found.path}", "method and path")}<br>'
        f"{escape(found.integration or 'no integration')}<br>"
        f"{_status(found)} {_breakable(found.code or '')}<br>{found.at} · {found.milliseconds:.1f} ms · "
        f"{done}{fault}{unknown}</p>"
        f"<strong>Request</strong>{draw_body(found.request_body)}<strong>Response</strong>{draw_body(found.answer_body)}"
    )
