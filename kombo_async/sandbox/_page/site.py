"""What is beside the API: the web page, files to download, the connection flow and control over HTTP."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from kombo_async.sandbox._handlers.connect_flow import find_link, offered_tools
from kombo_async.sandbox._page.admin_api import control_routes
from kombo_async.sandbox._page.page import POLICY, document, page_routes
from kombo_async.sandbox._server.core import SandboxCore
from kombo_async.sandbox._state.refusals import UnknownId

HOSTS = ["127.0.0.1", "localhost", "*.localhost", "[::1]", "testserver"]
"""Under which names the page may be asked for: no other site can pretend to be this machine."""
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2f5bd8"/>'
    '<text x="16" y="22" font-family="sans-serif" font-size="17" fill="#fff" text-anchor="middle">{letter}</text></svg>'
)


def make_site(sandbox: SandboxCore) -> Starlette:
    """The Starlette application for everything that is not below `/v1`."""

    async def download(request: Request) -> Response:
        id, token = request.path_params["id"], request.path_params["token"]
        file = sandbox.file(id)
        if file is None or not sandbox.file_url("", id).endswith(f"/{token}"):
            return PlainTextResponse("There is no such file.", 404)
        disposition = f"attachment; filename*=UTF-8''{quote(file.name)}"
        # Never as what it claims to be: a page among the files must not run as one of the sandbox's own.
        headers = {"content-disposition": disposition, "x-content-type-options": "nosniff"}
        return Response(file.data, media_type=file.content_type, headers=headers)

    async def icon(request: Request) -> Response:
        letter = escape(request.path_params["tool"][:1].upper())
        return Response(ICON.format(letter=letter), media_type="image/svg+xml")

    async def connect(request: Request) -> Response:
        token = request.path_params["token"]
        try:
            link = find_link(sandbox.environment, token).data
        except UnknownId as error:
            return _connect_page("This link leads nowhere", f"<p>{escape(error.message)}</p>", 404)
        if request.method == "POST":
            chosen = parse_qs((await request.body()).decode()).get("tool", [None])[0]
            try:
                connection = sandbox.connect(token, chosen)
            except ValueError as error:
                return _connect_page("That did not work", f"<p>{escape(str(error))}</p>", 400)
            text = f"<p>Hand this token to <code>activate_integration</code>:</p><pre>{escape(connection)}</pre>"
            return _connect_page("Connected", text)
        tools = {} if link["integration_id"] is not None else offered_tools(link)
        options = "".join(f'<option value="{escape(name)}">{escape(text)}</option>' for name, text in tools.items())
        select = f'<select name="tool" aria-label="System">{options}</select> ' if options else ""
        form = f'<form method="post" class="buttons">{select}<button>Connect</button></form>'
        return _connect_page("Connect your system", form)

    return Starlette(
        routes=[
            *page_routes(sandbox),
            *control_routes(sandbox),
            Route("/_sandbox/files/{id}/{token}", download),
            Route("/_sandbox/icons/{tool}.svg", icon),
            Route("/connect/{token}", connect, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)],
    )


def _connect_page(title: str, body: str, status: int = 200) -> Response:
    text = document(title, f'<section class="narrow"><h2>{escape(title)}</h2>{body}</section>', script=False)
    return HTMLResponse(text, status, headers={"content-security-policy": POLICY})
