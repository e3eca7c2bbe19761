"""Every operation, called over HTTP with valid requests, answers as the OpenAPI document says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import httpx
import pytest

from kombo_async import AsyncKomboClient, RetryPolicy, Success
from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import Sandbox, serve
from kombo_async.sandbox._api.request_parsing import read_request
from tests.sandbox.calls import Prepared, integration_of, prepare
from tests.support.schemas import all_facts, document

jsonschema = pytest.importorskip("jsonschema")
pytestmark = pytest.mark.anyio

OPERATIONS = sorted(all_facts())


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    """uvicorn runs on asyncio."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[tuple[Sandbox, str, httpx.AsyncClient]]:
    """A sandbox, its address, and a plain client of it."""
    sandbox = Sandbox(seed=3, employees=12, candidates=8, jobs=10)
    async with serve(sandbox) as url, httpx.AsyncClient(trust_env=False) as http:
        yield sandbox, url, http


@cache
def validator(operation_id: str) -> Any:
    """Checks an answer of an operation, with all that its schema refers to."""
    schema = {**all_facts()[operation_id].answer, "components": document()["components"]}
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


async def send(http: httpx.AsyncClient, url: str, call: Prepared) -> httpx.Response:
    """Send a call as it was prepared."""
    return await http.request(
        call.facts.method, url + call.path, params=call.query, headers=call.headers, content=call.body
    )


@pytest.mark.parametrize("full", [False, True], ids=["required", "everything"])
@pytest.mark.parametrize("operation_id", OPERATIONS)
async def test_every_operation_answers_by_its_schema(
    served: tuple[Sandbox, str, httpx.AsyncClient], operation_id: str, full: bool
) -> None:
    """A valid call is done, and its answer fits the document's schema."""
    sandbox, url, http = served
    sandbox.reset()
    call = prepare(sandbox, all_facts()[operation_id], full=full)
    answer = await send(http, url, call)
    assert answer.status_code == 200, answer.text
    faults = [
        f"{error.json_path}: {error.message[:200]}" for error in validator(operation_id).iter_errors(answer.json())
    ]
    assert faults == []
    (done,) = sandbox.performed(operation_id)
    assert done.status == 200


@pytest.mark.parametrize("operation_id", OPERATIONS)
async def test_the_client_reads_every_answer_without_drift(
    served: tuple[Sandbox, str, httpx.AsyncClient], operation_id: str
) -> None:
    """Our own client sends the same calls, typed, and finds every answer as its types promise."""
    sandbox, url, _ = served
    sandbox.reset()
    call = prepare(sandbox, all_facts()[operation_id], full=True)
    cls = REQUESTS[operation_id]
    parameters = path_values(call)
    query = str(httpx.QueryParams(call.query)).replace("%2C", ",")
    request = read_request(cls, parameters, query, call.headers.get("Content-Type", ""), call.body or b"")
    async with AsyncKomboClient(sandbox.api_key, base_url=url, retry=RetryPolicy.none()) as kombo:
        answer = await kombo.send(request, integration_id=integration_of(sandbox, call.facts.path))
    assert isinstance(answer, Success), answer
    assert answer.drift == []


def path_values(call: Prepared) -> dict[str, str]:
    """The values in the path of *call*."""
    parts, values = call.facts.path.split("/"), call.path.split("/")
    return {
        part[1:-1]: httpx.URL(f"http://x/{value}").path[1:]
        for part, value in zip(parts, values, strict=True)
        if part.startswith("{")
    }
