"""Lists over many pages: single pages, all pages, all records, and what happens when one fails."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Coroutine
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
import sniffio
import trio

from kombo_async import (
    NotFound,
    Page,
    Success,
)
from tests.support.lists import Lists, ids
from tests.support.wire import CANDIDATE, failure, mock_client, page

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
    """`pages()` gives the pages themselves; each use of a list reads again."""
    server = Lists()
    async with mock_client(server) as kombo:
        candidates = kombo.ats.get_candidates()
        for _ in range(2):
            found = [len(each.results) async for each in candidates.pages()]
            assert found == [2, 2, 2]
    assert server.asked == [None, "c2", "c3"] * 2


async def test_starting_in_the_middle() -> None:
    """An interrupted read can resume from a cursor."""
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


class SecondPageHangs:
    """A list of three pages, whose second never comes."""

    def __init__(self) -> None:
        self.asked = anyio.Event()
        self.cancelled = anyio.Event()
        self._lists = Lists()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c2":
            self.asked.set()
            try:
                await anyio.sleep_forever()
            finally:
                self.cancelled.set()
        return self._lists(request)


async def test_prefetch_stops_with_the_reading() -> None:
    """Leaving the loop cancels the page in flight; nothing keeps running, and the client still works."""
    server = SecondPageHangs()
    async with mock_client(server) as kombo:
        items = kombo.ats.get_candidates().items()
        async for _ in items:
            await server.asked.wait()
            break
        await items.aclose()
        with anyio.fail_after(5):
            await server.cancelled.wait()
        assert isinstance(await kombo.ats.get_candidates(), Success)


async def test_break_is_enough() -> None:
    """A plain `break` cancels the page in flight, too, once nothing refers to the list any more."""
    server = SecondPageHangs()
    async with mock_client(server) as kombo:
        async for _ in kombo.ats.get_candidates().items():
            await server.asked.wait()
            break
        with anyio.fail_after(5):
            await server.cancelled.wait()


async def test_cancelling_the_reader_cancels_the_prefetch() -> None:
    """Cancelling the reading task cancels the page that it waits for."""
    server = SecondPageHangs()
    found: list[str] = []
    async with mock_client(server) as kombo:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as readers:
                readers.start_soon(ids, kombo.ats.get_candidates(), found)
                await server.asked.wait()
                while len(found) < 2:
                    await anyio.lowlevel.checkpoint()
                readers.cancel_scope.cancel()
            await server.cancelled.wait()
    assert found == ["a", "b"]


async def settle() -> None:
    """Let tasks that are ready run."""
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


# A list as a coroutine


async def test_tasks_take_a_list() -> None:
    """`create_task`, a task group and `gather` read one page of a list, as of any call."""
    server = Lists()
    async with mock_client(server) as kombo:
        if sniffio.current_async_library() == "trio":
            replies: list[Any] = []

            async def read(pages: Any) -> None:
                replies.append(await pages)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(kombo.ats.get_candidates)
                nursery.start_soon(read, kombo.ats.get_candidates())
            assert len(replies) == 1
        else:
            task = asyncio.create_task(kombo.ats.get_candidates())
            async with asyncio.TaskGroup() as group:
                grouped = group.create_task(kombo.ats.get_candidates(cursor="c2"))
            replies = [await task, grouped.result(), *await asyncio.gather(kombo.ats.get_candidates())]
            assert [each.data.results[0].id for each in replies] == ["a", "c", "a"]
        assert all(isinstance(each, Success) for each in replies)


def test_asyncio_run_takes_a_list() -> None:
    """A script can run a single call, though it cannot close its client then."""

    async def main(pages: Any) -> Any:
        return await pages

    for run in (asyncio.run, lambda pages: asyncio.run(main(pages))):
        kombo = mock_client(Lists())
        reply = run(kombo.ats.get_candidates())
        assert [each.id for each in reply.unwrap().results] == ["a", "b"]


async def test_a_list_can_be_awaited_again() -> None:
    """Each time reads again, in tasks as well."""
    server = Lists()
    async with mock_client(server) as kombo:
        candidates = kombo.ats.get_candidates()
        for _ in range(2):
            assert isinstance(await candidates, Success)
            if sniffio.current_async_library() == "asyncio":
                assert isinstance(await asyncio.create_task(candidates), Success)
        assert len(server.asked) in (2, 4)


async def test_a_task_that_reads_a_list_can_be_cancelled() -> None:
    """Before it has begun, and while it waits; the list can be read again."""
    if sniffio.current_async_library() == "trio":
        pytest.skip("trio cancels scopes, not tasks")
    block = anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        await block.wait()
        return page()

    async with mock_client(handler) as kombo:
        candidates = kombo.ats.get_candidates()
        for steps in (0, 5):
            task = asyncio.create_task(candidates)
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        block.set()
        assert isinstance(await candidates, Success)


def test_a_list_that_is_not_awaited_asks_for_nothing_and_warns_of_nothing() -> None:
    """A list that is never awaited sends nothing and warns about nothing; neither do its iterators."""
    kombo = mock_client(Lists())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        candidates = kombo.ats.get_candidates()
        candidates.items(), candidates.pages(), candidates.responses()
        candidates.close()
        del candidates
        gc.collect()
    assert isinstance(kombo.ats.get_candidates(), Coroutine)


# Leaving an iteration


async def test_responses() -> None:
    """`responses()` gives each page as the `Success` that it came in."""
    drifting = page({**CANDIDATE, "id": 5}, next="c2")
    async with mock_client(Lists(first=drifting)) as kombo:
        replies = [reply async for reply in kombo.ats.get_candidates().responses()]
    assert [len(each.drift) for each in replies] == [1, 0, 0]
    assert [len(each.data.results) for each in replies] == [1, 2, 2]
    assert all(each.raw_response.status_code == 200 for each in replies)


@pytest.mark.parametrize("how", ["items", "pages", "responses"])
async def test_leaving_leaves_no_task_behind(how: str) -> None:
    """After a `break`, an exception or `aclose()`, what was being fetched is given up within a moment."""
    under_way: set[str] = set()

    async def handler(request: httpx.Request) -> httpx.Response:
        if "cursor" not in request.url.params:
            return page(CANDIDATE, next="c2")
        under_way.add("c2")
        try:
            await anyio.sleep_forever()
        finally:
            under_way.discard("c2")
        raise AssertionError

    async def gone() -> None:
        with anyio.fail_after(5):
            while under_way:  # noqa: ASYNC110  (a set is clearer here than two events)
                await anyio.sleep(0.001)

    async with mock_client(handler) as kombo:
        for ending in ("break", "exception", "aclose"):
            iterator = getattr(kombo.ats.get_candidates(), how)()
            await anext(iterator)
            with anyio.fail_after(5):
                while not under_way:  # noqa: ASYNC110
                    await anyio.sleep(0.001)
            if ending == "aclose":
                await iterator.aclose()
                assert not under_way, "it has been waited for"
                with pytest.raises(StopAsyncIteration):
                    await anext(iterator)
            elif ending == "exception":
                with pytest.raises(KeyError):
                    await iterator.athrow(KeyError("x"))
            del iterator
            await gone()


async def test_two_tasks_cannot_share_an_iteration() -> None:
    """Two tasks cannot wait for the same page: the second gets an error."""
    release = anyio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        await release.wait()
        return page()

    async with mock_client(handler) as kombo, anyio.create_task_group() as group:
        pages = kombo.ats.get_candidates().pages()

        async def first() -> None:
            assert (await anext(pages)).results == []

        group.start_soon(first)
        await settle()
        with pytest.raises(RuntimeError, match="another task is already waiting"):
            await anext(pages)
        release.set()


def test_an_iteration_that_outlives_its_event_loop() -> None:
    """It can be dropped after its event loop has ended, without a warning."""
    kept: list[Any] = []

    async def main() -> None:
        async with mock_client(Lists()) as kombo:
            kept.append(kombo.ats.get_candidates().items())
            await anext(kept[0])

    for backend in ("asyncio", "trio"):
        anyio.run(main, backend=backend)
        kept.clear()
        gc.collect()
