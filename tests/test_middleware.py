"""The user's own middleware: when it runs, what it may change, and that the change reaches the wire."""

from __future__ import annotations

from typing import Any

import attrs
import httpx
import pytest

from kombo_async import Call, Middleware, Next, NotFound, Response, RetryPolicy, Success, TimedOut, ats
from tests.support.wire import API_KEY, INTEGRATION, answering, failure, mock_client, page, sent_json, success

pytestmark = pytest.mark.anyio

LINK = ats.AddCandidateResultLink(candidate_id="1", label="Report", url="https://example.com")


class Named:
    """Records when it is entered and left."""

    def __init__(self, name: str, passed: list[str]) -> None:
        self._name = name
        self._passed = passed

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        self._passed.append(f"{self._name} in")
        try:
            return await call_next(call)
        finally:
            self._passed.append(f"{self._name} out")


async def test_order() -> None:
    """The first middleware is outermost, and each runs once per call, however often it is retried."""
    passed: list[str] = []
    handler, sent = answering(failure(502), failure(500), page())
    middleware: list[Middleware] = [Named("first", passed), Named("second", passed)]
    async with mock_client(handler, middleware=middleware, retry=RetryPolicy(initial_delay=0.001)) as kombo:
        reply = await kombo.ats.get_candidates()
    assert passed == ["first in", "second in", "second out", "first out"]
    assert len(sent) == 3
    assert reply.attempts == 3


async def test_what_a_call_tells() -> None:
    """A middleware sees the typed request, its operation, the integration, and the limits of the call."""
    calls: list[Call] = []

    async def watch(call: Call, call_next: Next) -> Response[Any]:
        calls.append(call)
        return await call_next(call)

    handler, _ = answering(success({}, []))
    async with mock_client(handler, middleware=[watch], headers={"X-Team": "a"}) as kombo:
        await kombo.send(LINK, timeout=7, deadline=60, headers={"X-Trace": "t"})
    (call,) = calls
    assert call.request is LINK
    assert call.operation.id == "PostAtsCandidatesCandidateIdResultLinks"
    assert call.operation.action
    assert (call.integration_id, call.timeout, call.attempt) == (INTEGRATION, 7, 1)
    assert call.headers == {"X-Team": "a", "X-Trace": "t"}, "the client's own are not there yet"
    assert call.deadline is not None
    assert API_KEY not in repr(call)


async def test_answering_by_itself() -> None:
    """A middleware may return a response of its own, as a cache does."""
    cache: dict[str, Response[Any]] = {}

    async def caching(call: Call, call_next: Next) -> Response[Any]:
        if call.operation.id not in cache:
            cache[call.operation.id] = await call_next(call)
        return cache[call.operation.id]

    handler, sent = answering(page(), failure(404))
    async with mock_client(handler, middleware=[caching]) as kombo:
        first = await kombo.ats.get_candidates()
        second = await kombo.ats.get_candidates()
    assert first is second
    assert len(sent) == 1


async def test_changes_are_seen_on_the_wire() -> None:
    """A request, headers and an integration that a middleware replaces are what is sent."""

    async def change(call: Call, call_next: Next) -> Response[Any]:
        request: Any = call.request
        return await call_next(
            attrs.evolve(
                call,
                request=attrs.evolve(request, label="Changed", candidate_id="a/b"),
                headers={**call.headers, "X-Trace": "t"},
                integration_id="workday:1",
            )
        )

    handler, sent = answering(success({}, []))
    async with mock_client(handler, middleware=[change]) as kombo:
        await kombo.send(LINK)
    assert sent_json(sent[0])["label"] == "Changed"
    assert sent[0].url.raw_path == b"/v1/ats/candidates/a%2Fb/result-links"
    assert sent[0].headers["x-trace"] == "t"
    assert sent[0].headers["x-integration-id"] == "workday:1"
    assert LINK.label == "Report"


async def test_key_cannot_be_replaced() -> None:
    """Whatever a middleware writes into the headers, the client's own key is sent."""

    async def change(call: Call, call_next: Next) -> Response[Any]:
        return await call_next(attrs.evolve(call, headers={"Authorization": "Bearer other"}))

    handler, sent = answering(success({}, []))
    async with mock_client(handler, middleware=[change]) as kombo:
        await kombo.send(LINK)
    assert sent[0].headers.get_list("authorization") == [f"Bearer {API_KEY}"]


async def test_timeout_and_policy_of_a_call() -> None:
    """A middleware may give a call another retry policy."""

    async def patient(call: Call, call_next: Next) -> Response[Any]:
        return await call_next(attrs.evolve(call, retry=RetryPolicy(initial_delay=0.001)))

    handler, sent = answering(failure(502), page())
    async with mock_client(handler, middleware=[patient]) as kombo:
        assert isinstance(await kombo.ats.get_candidates(), Success)
    assert len(sent) == 2


async def test_failures_are_values_and_missing_answers_raise() -> None:
    """A middleware gets failures as values; only a missing response raises, after the last attempt."""
    seen: list[str] = []

    async def watch(call: Call, call_next: Next) -> Response[Any]:
        try:
            response = await call_next(call)
        except TimedOut as error:
            seen.append(f"raised after {error.attempts}")
            raise
        seen.append(type(response).__name__)
        return response

    def handler(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            raise httpx.ReadTimeout("", request=request)
        return failure(404)

    policy = RetryPolicy(attempts=2, initial_delay=0.001)
    async with mock_client(handler, middleware=[watch], retry=policy) as kombo:
        assert isinstance(await kombo.send(LINK), NotFound)
        with pytest.raises(TimedOut):
            await kombo.ats.get_candidates()
    assert seen == ["NotFound", "raised after 2"]


async def test_every_page_passes() -> None:
    """Each page of a list is a call of its own for the middleware."""
    cursors: list[object] = []

    async def watch(call: Call, call_next: Next) -> Response[Any]:
        assert isinstance(call.request, ats.GetCandidates)
        cursors.append(call.request.cursor or None)
        return await call_next(call)

    handler, _ = answering(page(next="2"), page(next="3"), page())
    async with mock_client(handler, middleware=[watch]) as kombo:
        assert [each async for each in kombo.ats.get_candidates().items()] == []
    assert cursors == [None, "2", "3"]


async def test_errors_of_a_middleware_pass_through() -> None:
    """An exception in a middleware reaches the caller unchanged, and the client still works."""

    async def broken(call: Call, call_next: Next) -> Response[Any]:
        if call.operation.safe:
            raise LookupError("mine")
        return await call_next(call)

    handler, sent = answering(success({}, []))
    async with mock_client(handler, middleware=[broken]) as kombo:
        with pytest.raises(LookupError, match="mine"):
            await kombo.ats.get_candidates()
        assert isinstance(await kombo.send(LINK), Success)
    assert len(sent) == 1
