"""Why a webhook was not accepted, each with the HTTP status to answer with."""

from __future__ import annotations

from typing import ClassVar


class WebhookError(Exception):
    """The base of these errors. The message is safe to send back: it says nothing about the event or the secret."""

    status_code: ClassVar[int] = 400


class InvalidSignature(WebhookError):
    """401: the signature is missing or wrong: Kombo did not send this, or the secret is not the right one."""

    status_code = 401


class InvalidBody(WebhookError):
    """400: it is signed, but it is not an event: not JSON, or without the fields that every event has."""


class BodyTooLarge(WebhookError):
    """413: it is larger than any event should be; its signature was not checked."""

    status_code = 413


class HandlerTimedOut(WebhookError):
    """503: a handler took longer than `handler_timeout` and was cancelled; Kombo will send the event again."""

    status_code = 503


class EventBusy(WebhookError):
    """409: the same event is still being handled; whether that will succeed is not known yet."""

    status_code = 409
