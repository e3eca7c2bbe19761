"""FastAPI and Starlette (extra `[fastapi]`); its annotations are evaluated, since FastAPI reads them.

::

    app.add_exception_handler(KomboError, kombo_error_handler)
    app.add_route("/webhooks/kombo", webhook_handler(receiver), methods=["POST"])
"""

from collections.abc import Awaitable, Callable

from kombo_async._lazy import missing_extra

try:
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "fastapi", "starlette") from None

from kombo_async._generated.events import Event
from kombo_async.contrib._problems import CONTENT_TYPE, problem_of
from kombo_async.errors import KomboError
from kombo_async.webhooks._errors import WebhookError
from kombo_async.webhooks._receiver import Receiver
from kombo_async.webhooks._responder import CONTENT_TYPE as JSON
from kombo_async.webhooks._responder import event_of, respond
from kombo_async.webhooks._signature import SIGNATURE_HEADER


async def kombo_error_handler(request: Request, error: Exception) -> Response:
    """Answer a request in which a call to Kombo failed with problem details; register it for `KomboError`."""
    if not isinstance(error, KomboError):
        raise error
    problem = problem_of(error)
    return Response(problem.body, problem.status, problem.headers, CONTENT_TYPE)


def webhook_handler(receiver: Receiver) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that passes webhooks to *receiver*.

    It answers 200 for an event that was accepted, and 400, 401, 409 or 413 otherwise. An exception in one of the
    receiver's handlers passes through: the framework answers 500, and Kombo sends the event again.
    """

    async def handle(request: Request) -> Response:
        signatures = request.headers.getlist(SIGNATURE_HEADER)
        response = await respond(receiver, signatures, request.headers.get("content-length"), request.stream())
        return Response(response.body, response.status, media_type=JSON)

    return handle


class WebhookEvent:
    """A dependency that gives a route the event of a webhook, verified and typed; for routes without a `Receiver`::

        KomboEvent = Annotated[Event, Depends(WebhookEvent(Receiver()))]

        @app.post("/webhooks/kombo")
        async def kombo_event(event: KomboEvent) -> None: ...

    The route must expect to get an event twice.
    """

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def __call__(self, request: Request) -> Event:
        """Return the event. Raises `HTTPException` (400, 401 or 413) for anything else."""
        try:
            signatures = request.headers.getlist(SIGNATURE_HEADER)
            length = request.headers.get("content-length")
            return await event_of(self._receiver, signatures, length, request.stream())
        except WebhookError as error:
            raise HTTPException(error.status_code, str(error)) from None
