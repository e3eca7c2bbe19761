"""Lists over many pages: single pages, all pages, all records, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from kombo_async import (
    UNSET,
    KomboError,
    NotFound,
    Page,
    Pages,
    RetryPolicy,
    ServerError,
    Success,
    TimedOut,
    UnexpectedResponse,
    ats,
)
from tests.wire import CANDIDATE, failure, mock_client, page

pytestmark = pytest.mark.anyio

Answer = Callable[[str | None], httpx.Response]


class Lists:
    """A list of three pages, `a` to `f`, and what was asked of it."""

    def __init__(self, **answers: httpx.Response) -> None:
        self.asked: list[str | None] = []
        self.answers: dict[str, httpx.Response] = {
            "first": page(candidate("a"), candidate("b"), next="c2"),
            "c2": page(candidate("c"), candidate("d"), next="c3"),
            "c3": page(candidate("e"), candidate("f")),
            **answers,
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor")
        self.asked.append(cursor)
        answer = self.answers[cursor or "first"]
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def candidate(id: str) -> dict[str, Any]:
    return {**CANDIDATE, "id": id}


async def ids(pages: Pages[ats.Candidate], found: list[str] | None = None) -> list[str]:
    """The IDs of all records, added one by one so that those before a failure are seen."""
    found = [] if found is None else found
    async for each in pages.items():
        found.append(each.id)
    return found


async def test_a_single_page() -> None:
    """Awaiting a list gives one page as a `Response`, with the cursor of the next."""
    server = Lists()
    async with mock_client(server) as kombo:
        reply = await kombo.ats.get_candidates()
        assert isinstance(reply, Success)
        assert isinstance(reply.data, Page)
        assert [each.id for each in reply.data.results] == ["a", "b"]
        assert reply.data.next == "c2"
        second = (await kombo.ats.get_candidates(cursor=reply.data.next)).unwrap()
    assert [each.id for each in second.results] == ["c", "d"]
    assert server.asked == [None, "c2"]


async def test_a_single_page_that_fails_is_a_value() -> None:
    """Awaiting a list returns failures, as every call does."""
    async with mock_client(Lists(first=failure(404))) as kombo:
        assert isinstance(await kombo.ats.get_candidates(), NotFound)


async def test_all_records() -> None:
    """`items()` gives every record of every page, in order, and keeps the other parameters."""
    server = Lists()
    seen: list[httpx.URL] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return server(request)

    async with mock_client(handler) as kombo:
        assert await ids(kombo.ats.get_candidates(page_size=2, email="f@example.com")) == list("abcdef")
    assert server.asked == [None, "c2", "c3"]
    assert {(url.params["page_size"], url.params["email"]) for url in seen} == {("2", "f@example.com")}


async def test_all_pages() -> None:
    """`pages()` gives the pages themselves; each use of a list reads anew."""
    server = Lists()
    async with mock_client(server) as kombo:
        candidates = kombo.ats.get_candidates()
        for _ in range(2):
            found = [len(each.results) async for each in candidates.pages()]
            assert found == [2, 2, 2]
    assert server.asked == [None, "c2", "c3"] * 2


async def test_starting_in_the_middle() -> None:
    """A read that was broken off goes on from a cursor."""
    server = Lists()
    async with mock_client(server) as kombo:
        assert await ids(kombo.ats.get_candidates(cursor="c2")) == list("cdef")


async def test_empty_pages_are_not_the_end() -> None:
    """Only a page without a cursor is the last one."""
    async with mock_client(Lists(c2=page(next="c3"))) as kombo:
        assert await ids(kombo.ats.get_candidates()) == list("abef")
    async with mock_client(Lists(first=page())) as kombo:
        assert await ids(kombo.ats.get_candidates()) == []


async def test_next_page_is_fetched_ahead() -> None:
    """The next page is on its way while the caller works on this one, and only the next."""
    server, on_its_way = Lists(), anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c2":
            on_its_way.set()
        return server(request)

    async with mock_client(handler) as kombo:
        items = kombo.ats.get_candidates().items()
        assert (await anext(items)).id == "a"
        with anyio.fail_after(5):
            await on_its_way.wait()
        await settle()
        assert server.asked == [None, "c2"]
        assert [each.id async for each in items] == list("bcdef")


async def test_prefetch_stops_with_the_reading() -> None:
    """Breaking off cancels the page that is under way; nothing runs on, and the client still works."""
    server, started, cancelled = Lists(), anyio.Event(), anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c2":
            started.set()
            try:
                await anyio.sleep_forever()
            finally:
                cancelled.set()
        return server(request)

    async with mock_client(handler) as kombo:
        items = kombo.ats.get_candidates().items()
        async for _ in items:
            await started.wait()
            break
        await items.aclose()
        with anyio.fail_after(5):
            await cancelled.wait()
        assert isinstance(await kombo.ats.get_candidates(), Success)


# trio warns of async generators that were not closed, and asks for contextlib.aclosing
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
async def test_break_is_enough() -> None:
    """A plain `break` cancels the page that is under way, too, once the loop has let go of the list."""
    server, started, cancelled = Lists(), anyio.Event(), anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c2":
            started.set()
            try:
                await anyio.sleep_forever()
            finally:
                cancelled.set()
        return server(request)

    async with mock_client(handler) as kombo:
        async for _ in kombo.ats.get_candidates().items():
            await started.wait()
            break
        with anyio.fail_after(5):
            await cancelled.wait()


async def test_cancelling_the_reader_cancels_the_prefetch() -> None:
    """When the task that reads is cancelled, so is the page that it waits for."""
    cancelled = anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c2":
            try:
                await anyio.sleep_forever()
            finally:
                cancelled.set()
        return Lists()(request)

    found: list[str] = []
    async with mock_client(handler) as kombo:
        with anyio.move_on_after(0.05):
            await ids(kombo.ats.get_candidates(), found)
        with anyio.fail_after(5):
            await cancelled.wait()
    assert found == ["a", "b"]


@pytest.mark.parametrize(
    ("answers", "read", "cursor", "cls"),
    [
        ({"first": failure(404)}, "", None, NotFound),
        ({"c2": failure(500)}, "ab", "c2", ServerError),
        ({"c3": failure(404)}, "abcd", "c3", NotFound),
    ],
)
async def test_failure_in_the_middle(
    answers: dict[str, httpx.Response], read: str, cursor: str | None, cls: type[KomboError]
) -> None:
    """A failure is raised once all that was read has been given, with the cursor to go on from."""
    server, found = Lists(**answers), list[str]()
    async with mock_client(server) as kombo:
        with pytest.raises(cls) as caught:
            await ids(kombo.ats.get_candidates(), found)
        assert found == list(read)
        assert caught.value.cursor == cursor
        server.answers = Lists().answers
        resumed = kombo.ats.get_candidates(cursor=caught.value.cursor or UNSET)
        assert found + await ids(resumed) == list("abcdef")


async def test_missing_answer_in_the_middle() -> None:
    """A page for which no answer came raises in the same way, with its cursor."""
    server, found = Lists(), list[str]()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c3":
            raise httpx.ReadTimeout("", request=request)
        return server(request)

    async with mock_client(handler) as kombo:
        with pytest.raises(TimedOut) as caught:
            await ids(kombo.ats.get_candidates(), found)
    assert found == list("abcd")
    assert caught.value.cursor == "c3"


async def test_pages_are_retried_like_any_call() -> None:
    """An outage in the middle is waited out by the retries, in the prefetch as well."""
    outages = iter([failure(502), failure(500)])
    server = Lists()

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c2" and (outage := next(outages, None)) is not None:
            return outage
        return server(request)

    async with mock_client(handler, retry=RetryPolicy(initial=0.001)) as kombo:
        assert await ids(kombo.ats.get_candidates()) == list("abcdef")


@pytest.mark.parametrize(
    ("answers", "read", "cursor"),
    [
        ({"first": page(candidate("a"), next="c2"), "c2": page(candidate("b"), next="c2")}, "ab", "c2"),
        ({"c3": page(candidate("e"), next="c2")}, "abcde", "c3"),
    ],
)
async def test_repeated_cursor(answers: dict[str, httpx.Response], read: str, cursor: str) -> None:
    """A list that leads back to a page it has given is ended with an error, not read for ever."""
    found: list[str] = []
    async with mock_client(Lists(**answers)) as kombo:
        with pytest.raises(UnexpectedResponse, match="goes in circles") as caught:
            await ids(kombo.ats.get_candidates(), found)
    assert found == list(read)
    assert caught.value.cursor == cursor


async def test_cursor_that_leads_back_to_the_start() -> None:
    """A list that leads back to the cursor it was begun with is a circle, too."""
    found: list[str] = []
    async with mock_client(Lists(c3=page(candidate("e"), next="c2"))) as kombo:
        with pytest.raises(UnexpectedResponse, match="goes in circles"):
            await ids(kombo.ats.get_candidates(cursor="c2"), found)
    assert found == list("cde")


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": "success", "data": {"results": null, "next": null}}',
        b'{"status": "success", "data": {"next": "c3"}}',
        b'{"status": "success", "data": []}',
        b'{"status": "success", "data": {"results": {}, "next": null}}',
    ],
)
async def test_pages_without_results(body: bytes) -> None:
    """A page that has no list of records is an error with the cursor, not an end in silence."""
    found: list[str] = []
    async with mock_client(Lists(c2=httpx.Response(200, content=body))) as kombo:
        with pytest.raises(UnexpectedResponse, match="no list of results") as caught:
            await ids(kombo.ats.get_candidates(), found)
    assert found == ["a", "b"]
    assert caught.value.cursor == "c2"


@pytest.mark.parametrize("cursor", [b"7", b"0", b"{}", b"[0]", b"true"])
async def test_cursor_of_another_type(cursor: bytes) -> None:
    """A page whose cursor is no text has been given before the error: how to go on is not known."""
    body = page(candidate("c")).content.replace(b'"next":null', b'"next":' + cursor)
    assert cursor in body
    found: list[str] = []
    async with mock_client(Lists(c2=httpx.Response(200, content=body))) as kombo:
        with pytest.raises(UnexpectedResponse, match="the cursor of the next page is no text") as caught:
            await ids(kombo.ats.get_candidates(), found)
    assert found == ["a", "b", "c"]
    assert caught.value.cursor == "c2"


async def test_page_that_drifts() -> None:
    """Records that do not fit their types are given all the same, and do not end the list."""
    async with mock_client(Lists(c2=page({**CANDIDATE, "id": 5}, "odd", next="c3"))) as kombo:
        found = [each async for each in kombo.ats.get_candidates().items()]
    assert [getattr(each, "id", each) for each in found] == ["a", "b", 5, "odd", "e", "f"]


async def settle() -> None:
    """Let tasks that are ready run."""
    for _ in range(10):
        await anyio.lowlevel.checkpoint()
