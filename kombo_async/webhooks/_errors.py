"""Why a webhook was not taken, each with the HTTP status to answer it with."""

from __future__ import annotations

from typing import ClassVar


class WebhookError(Exception):
    """The base of all of these. Its text is fit for the answer: it says nothing of the event or the secret."""

    status_code: ClassVar[int] = 400


class InvalidSignature(WebhookError):
    """401: it is not signed with the secret, so Kombo has not sent it, or the secret is not the right one."""

    status_code = 401


class InvalidBody(WebhookError):
    """400: it is signed, but it is no event of Kombo's: no JSON, or without what each event has."""


class BodyTooLarge(WebhookError):
    """413: it is larger than any event should be; its signature was not looked at."""

    status_code = 413


class HandlerTimedOut(WebhookError):
    """503: a handler took longer than `handler_timeout` and was cancelled; the event is handled when it comes again."""

    status_code = 503


class EventBusy(WebhookError):
    """409: the same event came before, and is still being handled; it is not known yet whether that will succeed."""

    status_code = 409
