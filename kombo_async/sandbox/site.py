"""What is beside the API: the web page, files to download, the connection flow and control over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from kombo_async.sandbox.sandbox import Sandbox


def make_site(sandbox: Sandbox) -> Starlette:
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

    return Starlette(routes=[Route("/_sandbox/files/{id}/{token}", download)])
