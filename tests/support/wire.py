"""Clients that send to a function instead of a network, and the answers that Kombo gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import httpx

from kombo_async import AsyncKomboClient, RetryPolicy

API_KEY = "key-7f3a9c"
INTEGRATION = "greenhouse:HWUTwvyx2wLoSUHphiWVrp28"

Handler = Callable[[httpx.Request], httpx.Response]
AsyncHandler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def mock_client(handler: Handler | AsyncHandler, **settings: Any) -> AsyncKomboClient:
    """A client that sends to *handler*, and never twice unless a test says so."""
    settings = {"integration_id": INTEGRATION, "retry": RetryPolicy.none(), **settings}
    return AsyncKomboClient(API_KEY, transport=httpx.MockTransport(handler), **settings)


def answering(*answers: httpx.Response) -> tuple[Handler, list[httpx.Request]]:
    """A handler that gives *answers* in turn, the last one for ever, and the list of what it was sent."""
    sent: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        answer = answers[min(len(sent), len(answers)) - 1]
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return handler, sent


def success(data: Any, warnings: Sequence[str] | None = None, **headers: str) -> httpx.Response:
    """A success in Kombo's envelope; with *warnings* it is an action's."""
    body = {"status": "success", "data": data}
    if warnings is not None:
        body["warnings"] = [{"message": message} for message in warnings]
    return httpx.Response(200, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def failure(
    status: int,
    code: str | None = None,
    message: str = "It did not work.",
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """A failure as Kombo has written them since codes exist."""
    error = {"code": code, "title": "No", "message": message, "log_url": "https://app.kombo.dev/logs/1"}
    return httpx.Response(status, json={"status": "error", "error": error}, headers=headers)


def old_failure(status: int, message: str = "It did not work.") -> httpx.Response:
    """A failure of the older contract, which has only a message."""
    return httpx.Response(status, json={"status": "error", "error": {"message": message}})


def sent_json(request: httpx.Request) -> Any:
    """The body of a request as plain data."""
    return json.loads(request.content)


CANDIDATE: dict[str, Any] = {
    "id": "26vafvWSRmbhNcxJYqjCzuJg",
    "remote_id": "32",
    "first_name": "Frank",
    "last_name": "Doe",
    "company": None,
    "title": None,
    "confidential": False,
    "source": "Kombo",
    "phone_numbers": [{"phone_number": "+49 30 1", "type": "HOME"}],
    "email_addresses": [{"email_address": "frank@example.com", "type": "PRIVATE"}],
    "social_media": [],
    "location": None,
    "custom_fields": None,
    "integration_fields": [],
    "remote_url": "https://example.com/32",
    "remote_created_at": "2026-05-19T08:30:00.000Z",
    "remote_updated_at": None,
    "remote_deleted_at": None,
    "changed_at": "2026-05-19T08:30:00.123Z",
    "remote_data": None,
    "tags": [],
    "applications": [],
}
"""A candidate as Kombo gives it."""


def page(*results: Any, next: str | None = None) -> httpx.Response:
    """One page of a list."""
    return success({"results": list(results), "next": next})


APPLICATION: dict[str, Any] = {
    "id": "H77fDF8uvEzGNPRubiz5DvQ7",
    "remote_id": "32",
    "outcome": "PENDING",
    "rejection_reason_name": None,
    "rejected_at": None,
    "current_stage_id": "5J7L4b48wBfffYwek9Az9pkM",
    "job_id": "BDpgnpZ148nrGh4mYHNxJBgx",
    "candidate_id": "26vafvWSRmbhNcxJYqjCzuJg",
    "screening_question_answers": None,
    "custom_fields": None,
    "integration_fields": [],
    "remote_url": None,
    "changed_at": "2026-01-01T00:00:00.000Z",
    "remote_deleted_at": None,
    "remote_created_at": "2026-01-01T00:00:00.000Z",
    "remote_updated_at": None,
    "remote_data": None,
    "current_stage": None,
    "job": None,
    "candidate": None,
}
"""The data of the answer to `CreateApplication`."""
