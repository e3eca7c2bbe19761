"""aiohttp's web server (extra `[aiohttp]`).

::

    app = web.Application(middlewares=[kombo_errors])
    app.router.add_post("/webhooks/kombo", webhook_handler(receiver))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kombo_async._lazy import missing_extra

try:
    from aiohttp import web
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "aiohttp", "aiohttp") from None

from kombo_async.contrib._problems import CONTENT_TYPE, problem_of
from kombo_async.errors import KomboError
from kombo_async.webhooks._receiver import Receiver
from kombo_async.webhooks._responder import CONTENT_TYPE as JSON
from kombo_async.webhooks._responder import respond
from kombo_async.webhooks._signature import SIGNATURE_HEADER


@web.middleware
async def kombo_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer requests in which a call to Kombo failed with problem details."""
    try:
        return await handler(request)
    except KomboError as error:
        problem = problem_of(error)
        return web.Response(
            body=problem.body, status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE
        )


def webhook_handler(receiver: Receiver) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that passes webhooks to *receiver*.

    It answers 200 for an event that was accepted, and 400, 401, 409 or 413 otherwise. An exception in one of the
    receiver's handlers passes through: aiohttp answers 500, and Kombo sends the event again.
    """

    async def handle(request: web.Request) -> web.Response:
        signatures = request.headers.getall(SIGNATURE_HEADER, [])
        length = request.headers.get("Content-Length")
        response = await respond(receiver, signatures, length, request.content.iter_any())
        return web.Response(body=response.body, status=response.status, content_type=JSON)

    return handle
