"""How the official client behaves where ours differs: what the documentation says of it. Prints JSON.

Runs in an environment of its own, like `official.py`.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

httpx: Any = importlib.import_module("httpx")
kombo: Any = importlib.import_module("kombo")
errors: Any = importlib.import_module("kombo.errors")
retries: Any = importlib.import_module("kombo.utils.retries")

PERSON = {"first_name": "Frank", "last_name": "Doe", "email_address": "frank@example.com"}
KEY_CHECKED = {"status": "success", "data": {"environment_id": None, "customer_id": None}}
FAILED = {"status": "error", "error": {"code": None, "title": None, "message": "down", "log_url": None}}


def asked(answer: tuple[int, Any], call: Any, **options: Any) -> tuple[list[Any], Any]:
    """The requests of a call that gets *answer* each time, and how it ended."""
    requests: list[Any] = []

    def respond(request: Any) -> Any:
        requests.append(request)
        return httpx.Response(answer[0], json=answer[1])

    client = kombo.Kombo("key", "greenhouse:1", client=httpx.Client(transport=httpx.MockTransport(respond)), **options)
    try:
        return requests, call(client)
    except Exception as error:
        return requests, error


def create(client: Any) -> Any:
    """Create an application."""
    return client.ats.create_application(job_id="j", candidate=PERSON)


def main() -> None:
    """Print what was seen."""
    backoff = retries.RetryConfig("backoff", retries.BackoffStrategy(1, 1, 1.0, 50), False)
    plain, _ = asked((503, FAILED), create)
    repeated, _ = asked((503, FAILED), create, retry_config=backoff)
    jobs, page = asked((200, {"status": "success", "data": {"results": [], "next": None}}), lambda k: k.ats.get_jobs())
    _, misfit = asked((200, KEY_CHECKED), lambda k: k.general.check_api_key())
    json.dump(
        {
            "requests of a failing POST": len(plain),
            "requests of a failing POST with retries": len(repeated),
            "seconds to wait for bytes": jobs[0].extensions["timeout"]["read"],
            "query of get_jobs()": jobs[0].url.query.decode(),
            "next of the last page": page.next(),
            "a null that was not promised": type(misfit).__name__,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
