"""Any response to any operation becomes a member of the union."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any, get_args

import anyio
import attrs
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kombo_async import AsyncKomboClient, NoResponse, Operation, Request, Response, RetryPolicy
from kombo_async._chain.backoff import backoff
from kombo_async._chain.encoding import encoding
from kombo_async._codec.encode import Encoded
from kombo_async._codec.retry_after import retry_after
from kombo_async._generated.operations import REQUESTS
from kombo_async.middleware import Call, Next
from tests.support.calls import CALLS, client
from tests.support.fault_server import Exchange, FaultServer, answer
from tests.support.wire import CANDIDATE, INTEGRATION

MEMBERS = tuple(getattr(member, "__origin__", member) for member in get_args(Response))

texts = st.text(st.sampled_from('aZ09 _.-:/"\\\n\0\u00e9\u2028\ud800\U0001f600'), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
json_values = st.recursive(
    scalars,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=4),
    max_leaves=12,
)
errors = st.fixed_dictionaries(
    {
        "status": st.just("error"),
        "error": st.fixed_dictionaries({"code": scalars, "message": scalars, "title": scalars}),
    }
)
envelopes = st.fixed_dictionaries(
    {"status": st.sampled_from(["success", "error"]) | scalars, "data": json_values, "warnings": json_values}
)
pages = st.fixed_dictionaries({"results": st.lists(st.just(CANDIDATE) | json_values), "next": scalars})
bodies = (
    st.binary(max_size=200)
    | (json_values | errors | envelopes | pages.map(lambda page: {"status": "success", "data": page})).map(
        lambda value: json.dumps(value).encode()
    )
    | st.sampled_from([b"", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'{"status":"success","data":"\\ud800"}'])
)
header_values = st.binary(max_size=20).map(
    lambda raw: raw.translate(None, b"\r\n\0").decode("latin-1")
) | st.sampled_from(
    [
        "0",
        "-1",
        "9" * 400,
        "1e999",
        "nan",
        "\u00b2",
        "Wed, 21 Oct 2026 07:28:00 GMT",
        "Mon, 99 Foo 99999 99:99:99 +9999",
    ]
)
header_names = st.sampled_from(
    ["content-type", "content-encoding", "retry-after", "concurrency-remaining", "location", "set-cookie", "x-any"]
)
headers = st.lists(st.tuples(header_names, header_values), max_size=4)


async def as_encoded(call: Call, call_next: Next) -> Any:
    """Send nothing in particular, whatever the request's fields are: the answers are what is tested."""
    return await call_next(attrs.evolve(call, encoded=Encoded(target="/any", content_type=None, body=None)))


def request_of(request: type[Request[Any]]) -> Request[Any]:
    """A request of any class without its fields."""
    return object.__new__(request)


@pytest.mark.parametrize("operation_id", list(REQUESTS))
def test_any_answer_to_any_operation(operation_id: str) -> None:
    """Arbitrary bytes, statuses and headers in response to each operation give a member of the union."""
    request = request_of(REQUESTS[operation_id])

    @settings(max_examples=25, deadline=None, database=None)
    @given(status=st.integers(200, 599) | st.sampled_from([200, 201]), fields=headers, body=bodies)
    def check(status: int, fields: list[tuple[str, str]], body: bytes) -> None:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in fields if name != "content-encoding"]
        transport = httpx.MockTransport(lambda _: httpx.Response(status, headers=raw, content=body))
        kombo = AsyncKomboClient("key", integration_id=INTEGRATION, transport=transport, retry=RetryPolicy.none())
        _without_encoding(kombo)
        assert isinstance(asyncio.run(kombo.send(request)), MEMBERS)

    check()


def _without_encoding(kombo: AsyncKomboClient) -> None:
    """Put a stand-in for the step that encodes the request into the client's chain."""
    before: Any = kombo._chain
    while (step := before.keywords["call_next"]).func is not encoding:
        before = step
    before.keywords["call_next"] = partial(as_encoded, call_next=step.keywords["call_next"])


@pytest.mark.anyio
async def test_any_bytes_over_a_socket(server: FaultServer) -> None:
    """Arbitrary bytes in place of a response, over a real connection, give a member of the union or `NoResponse`."""
    whole: list[bytes] = []

    async def step(exchange: Exchange) -> None:
        await exchange.send(whole[-1])
        exchange.cut()

    server.default = step
    examples = st.binary(max_size=100) | st.tuples(st.integers(0, 999), headers, bodies, st.integers(-20, 0)).map(
        lambda parts: answer(parts[0], parts[2], dict(parts[1]))[: parts[3] or None]
    )
    drawn: list[bytes] = []

    @settings(max_examples=150, deadline=None, database=None)
    @given(example=examples)
    def draw(example: bytes) -> None:
        drawn.append(example)

    await anyio.to_thread.run_sync(draw)
    for number, example in enumerate(drawn):
        whole.append(example)
        async with client(server, retry=RetryPolicy.none(), timeout=5) as kombo:
            try:
                result: Any = await kombo.send(list(CALLS.values())[number % len(CALLS)])
            except NoResponse:
                continue
            assert isinstance(result, MEMBERS), example


@given(value=texts | header_values)
def test_any_retry_after(value: str) -> None:
    """Any `Retry-After` is a time to wait, or nothing."""
    seconds = retry_after(value)
    assert seconds is None or 0 <= seconds < float("inf")


@given(
    retry=st.integers(1, 10_000), initial_delay=st.floats(0, 100), max_delay=st.floats(0, 1000), rand=st.floats(0, 1)
)
def test_any_backoff(retry: int, initial_delay: float, max_delay: float, rand: float) -> None:
    """A wait is never longer than `max_delay` or its step of the doubling."""
    seconds = backoff(retry, initial_delay=initial_delay, max_delay=max_delay, jitter=True, rand=lambda: rand)
    assert 0 <= seconds <= max_delay


def test_every_operation_is_there() -> None:
    """The operations that the tests here go over are all of them."""
    assert len(REQUESTS) == 127
    assert all(isinstance(request.operation, Operation) for request in REQUESTS.values())
