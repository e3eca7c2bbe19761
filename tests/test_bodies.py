"""Bodies over real sockets, where encodings and lengths are real."""

from __future__ import annotations

import gzip
from typing import Any

import attrs
import httpx
import pytest

from kombo_async import (
    AsyncKomboClient,
    ConnectionFailed,
    KomboError,
    RetryPolicy,
    ServerError,
    Success,
    UnexpectedResponse,
    ats,
)
from kombo_async.middleware import Call, Next
from tests.support.loopback import Received, loopback, raw_answer
from tests.support.wire import API_KEY, CANDIDATE, INTEGRATION, page, success

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


def plain_client(url: str, **settings: Any) -> AsyncKomboClient:
    return AsyncKomboClient(API_KEY, integration_id=INTEGRATION, base_url=url, retry=RetryPolicy.none(), **settings)


BIG = page(*[{**CANDIDATE, "source": "x" * 1_000_000, "id": str(number)} for number in range(20)]).content

ANSWERS: list[Any] = [
    pytest.param(raw_answer(200, page().content), Success, id="json"),
    pytest.param(raw_answer(200, page().content, {"Content-Type": "text/plain"}), Success, id="wrong content type"),
    pytest.param(raw_answer(200, gzip.compress(page().content), {"Content-Encoding": "gzip"}), Success, id="gzip"),
    pytest.param(
        raw_answer(
            200, gzip.compress(page().content[:9]) + gzip.compress(page().content[9:]), {"Content-Encoding": "gzip"}
        ),
        Success,
        id="gzip of two members",
    ),
    pytest.param(
        raw_answer(200, gzip.compress(page().content) + bytes(20), {"Content-Encoding": "gzip"}),
        Success,
        id="gzip with padding",
    ),
    pytest.param(
        raw_answer(200, gzip.compress(page().content) + gzip.compress(b" " * 99)[:-8], {"Content-Encoding": "gzip"}),
        UnexpectedResponse,
        id="gzip with half a member",
    ),
    pytest.param(
        raw_answer(200, gzip.compress(page().content)[:-9] + b"corrupted", {"Content-Encoding": "gzip"}),
        UnexpectedResponse,
        id="corrupt gzip",
    ),
    pytest.param(
        raw_answer(502, b"no gzip at all", {"Content-Encoding": "gzip"}), ServerError, id="corrupt gzip of a failure"
    ),
    pytest.param(raw_answer(502, HTML, {"Content-Type": "text/html"}), ServerError, id="html"),
    pytest.param(raw_answer(200, HTML, {"Content-Type": "text/html"}), UnexpectedResponse, id="html under 200"),
    pytest.param(raw_answer(200), UnexpectedResponse, id="empty"),
    pytest.param(raw_answer(503), ServerError, id="empty 503"),
    pytest.param(raw_answer(200, b'{"data": "\xff"}'), UnexpectedResponse, id="bad utf-8"),
    pytest.param(raw_answer(200, page().content[:-5]), UnexpectedResponse, id="truncated json"),
    pytest.param(raw_answer(200, page().content)[:-5], ConnectionFailed, id="truncated on the wire"),
    pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + page().content, Success, id="ended by closing"),
    pytest.param(b"", ConnectionFailed, id="closed at once"),
    pytest.param(b"\x00\x01\x02\r\n\r\n", ConnectionFailed, id="no http"),
    pytest.param(raw_answer(200, BIG), Success, id="20 MB"),
    pytest.param(raw_answer(200, gzip.compress(BIG), {"Content-Encoding": "gzip"}), Success, id="20 MB in gzip"),
    pytest.param(raw_answer(204), UnexpectedResponse, id="no content"),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("answer", "cls"), ANSWERS)
async def test_bodies_over_a_real_socket(answer: bytes, cls: type[Any]) -> None:
    """Each kind of body becomes its class, read to the end, or raises `NoResponse`."""
    with loopback(lambda _: answer) as url:
        async with plain_client(url) as kombo:
            if cls is ConnectionFailed:
                with pytest.raises(ConnectionFailed) as caught:
                    await kombo.ats.get_candidates()
                assert not caught.value.may_have_applied
                return
            reply = await kombo.ats.get_candidates()
    assert type(reply) is cls
    assert reply.raw_response.is_closed
    assert reply.status_code == reply.raw_response.status_code
    if isinstance(reply, Success):
        assert reply.drift == []
        assert len(reply.data.results) == len(reply.raw_response.json()["data"]["results"])


@pytest.mark.anyio
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_answers_that_are_too_large(encoding: str) -> None:
    """A response over `max_response_bytes` is not read; the failure says so, and that a write may have been applied."""
    body = success({}).content + b" " * 100_000
    answer = raw_answer(200, gzip.compress(body) if encoding == "gzip" else body, {"Content-Encoding": encoding})
    with loopback(lambda _: answer) as url:
        async with plain_client(url, max_response_bytes=10_000) as kombo:
            reply = await kombo.ats.add_candidate_result_link("1", label="x", url="https://example.com")
    assert isinstance(reply, UnexpectedResponse)
    assert "max_response_bytes" in reply.message
    assert reply.may_have_applied


@pytest.mark.anyio
async def test_lost_answers_of_writes_may_have_been_applied() -> None:
    """If the connection breaks after the request was sent, the write may have been applied."""
    received: list[Received] = []

    def cut(request: Received) -> bytes:
        received.append(request)
        return b""

    with loopback(cut) as url:
        async with plain_client(url) as kombo:
            with pytest.raises(KomboError) as caught:
                await kombo.ats.add_candidate_result_link("1", label="x", url="https://example.com")
    assert isinstance(caught.value, ConnectionFailed)
    assert caught.value.sent
    assert caught.value.may_have_applied
    assert len(received) == 1


@pytest.mark.anyio
async def test_the_last_check_comes_before_each_part_of_a_body_over_a_transport_of_yours() -> None:
    """`Call.before_write` can stop a file in the middle of being sent, over any transport."""
    parts: list[str] = []
    checks = iter([None, None, PermissionError("too late")])

    def check() -> None:
        parts.append("check")
        if (error := next(checks)) is not None:
            raise error

    async def checked(call: Call, call_next: Next) -> Any:
        return await call_next(attrs.evolve(call, before_write=check))

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for _ in request.stream:
                parts.append("sent")  # noqa: PERF401 - at once, since the next part may never come
            return success(CANDIDATE)

    file = ats.AttachmentInput.from_bytes(b"%PDF", "cv.pdf", type="CV")
    client = AsyncKomboClient(
        API_KEY,
        integration_id=INTEGRATION,
        transport=Transport(),
        attempt_middleware=[checked],
        retry=RetryPolicy.none(),
    )
    async with client as kombo:
        with pytest.raises(PermissionError):
            await kombo.ats.add_candidate_attachment("1", attachment=file)
    assert parts == ["check", "check", "sent", "check"]
