"""Lists over many pages: single pages, all pages, all records, and what happens when one fails."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import httpx
import pytest

from kombo_async import (
    NotFound,
    Page,
    Success,
)
from tests.support.lists import Lists, ids
from tests.support.wire import failure, mock_client, page

pytestmark = pytest.mark.anyio


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
    asked, cancelled = anyio.Event(), anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c2":
            asked.set()
            try:
                await anyio.sleep_forever()
            finally:
                cancelled.set()
        return Lists()(request)

    found: list[str] = []
    async with mock_client(handler) as kombo:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as readers:
                readers.start_soon(ids, kombo.ats.get_candidates(), found)
                await asked.wait()
                while len(found) < 2:
                    await anyio.lowlevel.checkpoint()
                readers.cancel_scope.cancel()
            await cancelled.wait()
    assert found == ["a", "b"]


async def settle() -> None:
    """Let tasks that are ready run."""
    for _ in range(10):
        await anyio.lowlevel.checkpoint()
