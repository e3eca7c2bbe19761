"""Everything besides the API: the web page, file downloads, the connection flow and the admin API."""

from __future__ import annotations

from contextlib import suppress
from html import escape
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from kombo_async.sandbox._api.hosts import is_local
from kombo_async.sandbox._handlers.connect_flow import find_link, offered_tools
from kombo_async.sandbox._page.admin_api import control_routes
from kombo_async.sandbox._page.html import POLICY, document
from kombo_async.sandbox._page.page import page_routes
from kombo_async.sandbox._page.records_part import OPENED
from kombo_async.sandbox._server.asgi import Application, Receive, Scope, Send
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._state.refusals import Refusal

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2f5bd8"/>'
    '<text x="16" y="22" font-family="sans-serif" font-size="17" fill="#fff" text-anchor="middle">{letter}</text></svg>'
)


class _OnlyLocal:
    """Refuses host names that may be somebody else's."""

    def __init__(self, app: Application, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_local(Headers(scope=scope).get("host", ""), self._hosts):
            await PlainTextResponse("This host name is not known to belong to this machine.", 400)(scope, receive, send)
        else:
            with suppress(ClientDisconnect):  # nobody is left to respond to
                await self._app(scope, receive, send)


def make_site(sandbox: SandboxCore) -> Starlette:
    """The Starlette application for everything that is not below `/v1`."""

    async def download(request: Request) -> Response:
        id, token = request.path_params["id"], request.path_params["token"]
        file, expires = sandbox.file(id), sandbox.environment.file_url_expires(id, token)
        if file is None or expires is None:
            return PlainTextResponse("There is no such file.", 404)
        if sandbox.clock.time() >= expires:
            return PlainTextResponse("This URL has expired; read the attachments again for another one.", 403)
        opened = "open" in request.query_params and file.content_type in OPENED
        disposition = f"{'inline' if opened else 'attachment'}; filename*=UTF-8''{quote(file.name)}"
        # Never with its claimed type: an uploaded page must not run as one of the sandbox's own.
        headers = {"content-disposition": disposition, "x-content-type-options": "nosniff"}
        if opened and file.content_type != "application/pdf":  # browsers show no PDF in a sandbox
            headers["content-security-policy"] = "sandbox; default-src 'none'"
        return Response(file.data, media_type=file.content_type, headers=headers)

    async def icon(request: Request) -> Response:
        letter = escape(request.path_params["tool"][:1].upper())
        return Response(ICON.format(letter=letter), media_type="image/svg+xml")

    async def connect(request: Request) -> Response:
        token = request.path_params["token"]
        try:
            link = find_link(sandbox.environment, token).data
        except Refusal as error:
            return _connect_page("This link does not work", f"<p>{escape(error.message)}</p>{_CLOSE}", error.status)
        if request.method == "POST":
            return _connected(sandbox, token, parse_qs((await request.body()).decode(errors="replace")))
        tools = {} if link["integration_id"] is not None else offered_tools(link)
        options = "".join(f'<option value="{escape(name)}">{escape(text)}</option>' for name, text in tools.items())
        select = f'<select name="tool" aria-label="System">{options}</select> ' if options else ""
        buttons = '<button>Connect</button><button name="fail" value="1">Let it fail</button>'
        form = f'<form method="post" class="buttons">{select}{buttons}{_CLOSE}</form>'
        return _connect_page("Connect your system", form)

    return Starlette(
        routes=[
            *page_routes(sandbox),
            *control_routes(sandbox),
            Route("/_sandbox/files/{id}/{token}", download),
            Route("/_sandbox/icons/{tool}.svg", icon),
            Route("/connect/{token}", connect, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(_OnlyLocal, hosts=sandbox.hosts)],
    )


_CLOSE = '<button type="button" data-close>Close</button>'


def _connected(sandbox: SandboxCore, token: str, form: dict[str, list[str]]) -> Response:
    tool = form.get("tool", [None])[0]
    try:
        if form.get("fail"):
            sandbox.fail_connection(token, tool)
            return _connect_page("The connection failed", f"<p>As requested.</p>{_CLOSE}")
        connection = sandbox.connect(token, tool)
    except ValueError as error:
        return _connect_page("That did not work", f"<p>{escape(str(error))}</p>{_CLOSE}", 400)
    text = "<p>Pass this token to <code>activate_integration</code>:</p>"
    return _connect_page(
        "Connected", f'{text}<pre data-activation-token="{escape(connection)}">{escape(connection)}</pre>'
    )


def _connect_page(title: str, body: str, status: int = 200) -> Response:
    text = document(title, f'<section class="narrow"><h2>{escape(title)}</h2>{body}</section>', script="connect.js")
    return HTMLResponse(text, status, headers={"content-security-policy": POLICY})
