"""How a webhook is answered, whatever the framework: one function for ASGI, FastAPI, Starlette and aiohttp."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Sequence

import attrs

from kombo_async._generated.events import Event
from kombo_async.webhooks._errors import InvalidSignature, WebhookError
from kombo_async.webhooks._receiver import Receiver

CONTENT_TYPE = "application/json"


@attrs.frozen
class WebhookResponse:
    """What to answer."""

    status: int
    body: bytes


async def respond(
    receiver: Receiver, signatures: Sequence[str], content_length: str | None, chunks: AsyncIterable[bytes]
) -> WebhookResponse:
    """Receive a webhook whose body comes in *chunks*: 200 if it was accepted, otherwise the error's status.

    *signatures* are all values of the signature's header. Raises what a handler raises.
    """
    try:
        body = await receiver.read(chunks, content_length)
        result = await receiver.receive(body, only(signatures))
    except WebhookError as error:
        return _response(error.status_code, error=str(error))
    return _response(200, result=result)


async def event_of(
    receiver: Receiver, signatures: Sequence[str], content_length: str | None, chunks: AsyncIterable[bytes]
) -> Event:
    """The event of a webhook, verified; nothing is handled. Raises `WebhookError`."""
    return receiver.check(await receiver.read(chunks, content_length), only(signatures))


def only(signatures: Sequence[str]) -> str | None:
    """The signature. Raises `InvalidSignature` for several: which one a proxy or framework would choose is unclear."""
    if len(signatures) > 1:
        raise InvalidSignature("there is more than one signature")
    return signatures[0] if signatures else None


def _response(status: int, **content: str) -> WebhookResponse:
    return WebhookResponse(status, json.dumps(content).encode())
