"""Lists that fail midway, go in circles or drift: no record is lost, and reading always ends."""

from __future__ import annotations

import httpx
import pytest

from kombo_async import (
    UNSET,
    KomboError,
    NotFound,
    RetryPolicy,
    ServerError,
    TimedOut,
    UnexpectedResponse,
)
from tests.support.lists import Lists, candidate, ids
from tests.support.wire import CANDIDATE, failure, mock_client, page

pytestmark = pytest.mark.anyio


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
    """A failure is raised after all records read so far, with the cursor to resume from."""
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
    """A page without a response raises in the same way, with its cursor."""
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
    """Retries wait out an outage in the middle of a list, in the prefetch, too."""
    outages = iter([failure(502), failure(500)])
    server = Lists()

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("cursor") == "c2" and (outage := next(outages, None)) is not None:
            return outage
        return server(request)

    async with mock_client(handler, retry=RetryPolicy(initial_delay=0.001)) as kombo:
        assert await ids(kombo.ats.get_candidates()) == list("abcdef")


@pytest.mark.parametrize(
    ("answers", "read", "cursor"),
    [
        ({"first": page(candidate("a"), next="c2"), "c2": page(candidate("b"), next="c2")}, "ab", "c2"),
        ({"c3": page(candidate("e"), next="c2")}, "abcde", "c3"),
    ],
)
async def test_repeated_cursor(answers: dict[str, httpx.Response], read: str, cursor: str) -> None:
    """A list whose cursor repeats ends with an error instead of being read forever."""
    found: list[str] = []
    async with mock_client(Lists(**answers)) as kombo:
        with pytest.raises(UnexpectedResponse, match="goes in circles") as caught:
            await ids(kombo.ats.get_candidates(), found)
    assert found == list(read)
    assert caught.value.cursor == cursor


async def test_cursor_that_leads_back_to_the_start() -> None:
    """So does a list that returns to the cursor it started from."""
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
    """A page without a list of records is an error with the cursor, not a silent end."""
    found: list[str] = []
    async with mock_client(Lists(c2=httpx.Response(200, content=body))) as kombo:
        with pytest.raises(UnexpectedResponse, match="no list of results") as caught:
            await ids(kombo.ats.get_candidates(), found)
    assert found == ["a", "b"]
    assert caught.value.cursor == "c2"


@pytest.mark.parametrize("cursor", [b"7", b"0", b"{}", b"[0]", b"true"])
async def test_cursor_of_another_type(cursor: bytes) -> None:
    """A page whose next cursor is not text is returned before the error."""
    body = page(candidate("c")).content.replace(b'"next":null', b'"next":' + cursor)
    assert cursor in body
    found: list[str] = []
    async with mock_client(Lists(c2=httpx.Response(200, content=body))) as kombo:
        with pytest.raises(UnexpectedResponse, match="the cursor of the next page is not text") as caught:
            await ids(kombo.ats.get_candidates(), found)
    assert found == ["a", "b", "c"]
    assert caught.value.cursor == "c2"


async def test_page_that_drifts() -> None:
    """Records that do not fit their types are still returned, and do not end the list."""
    async with mock_client(Lists(c2=page({**CANDIDATE, "id": 5}, "odd", next="c3"))) as kombo:
        found = [each async for each in kombo.ats.get_candidates().items()]
    assert [getattr(each, "id", each) for each in found] == ["a", "b", 5, "odd", "e", "f"]
