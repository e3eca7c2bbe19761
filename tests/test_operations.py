"""Every operation: any valid request reaches the wire unchanged, and any valid response comes back unchanged."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote

import anyio
import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings

from kombo_async import Success, to_dict
from kombo_async._codec.decode import decode
from kombo_async._generated.operations import REQUESTS
from kombo_async.model import field_names
from tests.support.schemas import Facts, Schema, all_facts, document, example, resolve
from tests.support.strategies import requests, values
from tests.support.wire import INTEGRATION, AsyncHandler, mock_client, success

few = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
each_operation = pytest.mark.parametrize("operation_id", sorted(REQUESTS))


def test_all_operations_are_there() -> None:
    """Each operation in the document has a request class with the same facts."""
    assert {*REQUESTS} == {*all_facts()}
    for operation_id, facts in all_facts().items():
        operation = REQUESTS[operation_id].operation
        assert (operation.id, operation.method, operation.path) == (facts.id, facts.method, facts.path)
        # two paged lists take a cursor which the document forgets
        assert {*operation.query} - {each["name"] for each in facts.parameters["query"]} <= {"cursor"}
        assert {each["name"] for each in facts.parameters["query"]} <= {*operation.query}
        assert (operation.body is not None) == (facts.body is not None)


def test_unknown_operations() -> None:
    """Looking up an unknown operation raises `KeyError`, as in any mapping."""
    with pytest.raises(KeyError):
        REQUESTS["GetNothing"]
    assert "GetNothing" not in REQUESTS


@each_operation
def test_requests_survive(operation_id: str) -> None:
    """Any valid data makes a request, is what `to_dict` gives back, and is what the server reads."""
    facts, cls = all_facts()[operation_id], REQUESTS[operation_id]

    @few
    @given(requests(facts))
    def check(data: dict[str, Any]) -> None:
        request = cls.from_dict(data)
        assert same(to_dict(request), data)
        assert cls.from_dict(to_dict(request)) == request
        assert_sent(facts, data, anyio.run(partial(sent, request)))

    check()


@each_operation
def test_methods_send_what_requests_send(operation_id: str) -> None:
    """Each operation has a method that takes the fields of its request, and sends the same."""
    facts, cls = all_facts()[operation_id], REQUESTS[operation_id]
    request = cls.from_dict(full_request(facts))
    namespace = cls.__module__.split(".")[1]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
    fields = {field: getattr(request, field) for field in field_names(cls)}

    async def called() -> httpx.Request:
        seen, handler = keeper()
        async with mock_client(handler) as kombo:
            method = getattr(getattr(kombo, namespace), name)
            # a field called `options` leaves that name to the options of the call
            names = {name: f"{name}_" if name == "options" else name for name in fields}
            assert {*inspect.signature(method).parameters} == {*names.values(), "options"}
            await method(**{names[name]: value for name, value in fields.items()})
        return seen[0]

    by_value, by_method = anyio.run(partial(sent, request)), anyio.run(called)
    assert (by_method.method, by_method.url) == (by_value.method, by_value.url)
    assert by_method.content == by_value.content
    assert by_method.headers == by_value.headers


def full_request(facts: Facts) -> dict[str, Any]:
    """Plain data with every field of a request set."""
    data: dict[str, Any] = {each["name"]: "26vafvWSRmbhNcxJYqjCzuJg" for each in facts.parameters["path"]}
    data |= {each["name"]: example(each["schema"])[0] for each in facts.parameters["query"]}
    body = example(facts.body)[0] if facts.body is not None and resolve(facts.body).get("properties") else {}
    return {**data, "items": [body, body]} if facts.ndjson else {**data, **body}


def keeper() -> tuple[list[httpx.Request], AsyncHandler]:
    """A handler that reads and keeps what it is sent."""
    seen: list[httpx.Request] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        await request.aread()
        seen.append(request)
        return success({})

    return seen, handler


async def sent(request: Any) -> httpx.Request:
    """What goes over the wire for *request*."""
    seen, handler = keeper()
    async with mock_client(handler) as kombo:
        await kombo.send(request)
    return seen[0]


def assert_sent(facts: Facts, data: dict[str, Any], request: httpx.Request) -> None:
    """*request* is what the document says about *data*."""
    path, _, query = request.url.raw_path.decode("ascii").removeprefix("/v1").partition("?")
    template = facts.path.split("/")
    assert request.method == facts.method
    assert [unquote(part) for part in path.split("/")] == [
        data[part[1:-1]] if part.startswith("{") else part for part in template
    ]
    names = {each["name"] for each in facts.parameters["query"]}
    assert dict(in_query(query)) == {name: as_text(value) for name, value in data.items() if name in names}
    needs_integration = any(each == "X-Integration-Id" for each in header_names(facts))
    assert request.headers.get("x-integration-id") == (INTEGRATION if needs_integration else None)
    if facts.body is None:
        assert request.content == b""
        assert "content-type" not in request.headers
        return
    ids = {each["name"] for each in facts.parameters["path"]}
    body = {name: value for name, value in data.items() if name not in ids | names}
    if facts.ndjson:
        assert request.headers["content-type"] == "application/x-ndjson"
        lines = request.content.split(b"\n")
        assert same([json.loads(line) for line in lines if line], body["items"])
    else:
        assert request.headers["content-type"] == "application/json"
        assert same(json.loads(request.content), body)


def header_names(facts: Facts) -> list[str]:
    """The headers that the document wants for an operation."""
    parameters = document()["paths"][facts.path][facts.method.lower()].get("parameters", [])
    return [each["name"] for each in parameters if each["in"] == "header"]


def in_query(query: str) -> Iterator[tuple[str, str | list[str]]]:
    """The parameters of a query, split before they are unquoted, as a server does."""
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        yield name, [unquote(part) for part in value.split(",")]


def as_text(value: Any) -> list[str]:
    """A value of a query as the document wants it written."""
    if isinstance(value, list):
        return [text for each in value for text in as_text(each)]
    if value is None or isinstance(value, bool):
        return [json.dumps(value)]
    return [str(value)]


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are the same JSON: unlike for Python, 1 is not True there."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@each_operation
def test_answers_survive(operation_id: str) -> None:
    """Any valid answer is typed without drift, and its plain data comes back equal."""
    cls = REQUESTS[operation_id]

    @few
    @given(values(all_facts()[operation_id].answer))
    def check(body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        reply = decode(cls, httpx.Response(200, content=content), content, attempts=1)
        assert isinstance(reply, Success)
        assert reply.drift == []
        data = body["data"]
        if isinstance(data, Mapping):
            data = {name: value for name, value in data.items() if name != "next_cursor"}
        assert same(to_dict(reply.data), data)
        assert [to_dict(warning) for warning in reply.warnings] == body.get("warnings", [])

    check()


@each_operation
def test_the_strategies_are_right(operation_id: str) -> None:
    """What these tests treat as valid is valid according to the document."""
    facts = all_facts()[operation_id]
    for schema in filter(None, (facts.answer, facts.body)):
        assert_valid(schema)


def assert_valid(schema: Schema) -> None:
    """The full example, and what the strategies make of *schema*, are valid."""
    validator = jsonschema.Draft202012Validator({**schema, "components": document()["components"]})
    validator.validate(example(schema)[0])

    @few
    @given(values(schema))
    def check(value: Any) -> None:
        validator.validate(value)

    check()
