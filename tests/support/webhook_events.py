"""Events as Kombo sends them, signed, and receivers for them."""

from __future__ import annotations

import json
from typing import Any

from kombo_async.webhooks import sign
from tests.support.schemas import document, example

SECRET = "whsec-3b8f"

DATA_CHANGED: dict[str, Any] = {
    "id": "7Z6vafvWSRmbhNcxJYqjCzuJ",
    "type": "data-changed",
    "data": {
        "integration_id": "workday:6cRsLsFAo8iMPHGBLqYZdqVH",
        "integration_tool": "workday",
        "integration_category": "HRIS",
        "changed_models": [{"name": "hris_employees"}],
    },
}
"""An event of the most frequent type."""


def body_of(event: Any) -> bytes:
    """The body of a webhook."""
    return json.dumps(event, ensure_ascii=False).encode()


def signed(event: Any, secret: str = SECRET) -> tuple[bytes, str]:
    """The body of a webhook and its signature."""
    body = body_of(event)
    return body, sign(secret, body)


def documented() -> dict[str, Any]:
    """One event of each type in the OpenAPI document, with every field set."""
    webhooks = document()["webhooks"]
    schemas = (each["post"]["requestBody"]["content"]["application/json"]["schema"] for each in webhooks.values())
    return {event["type"]: event for event, _ in map(example, schemas)}
