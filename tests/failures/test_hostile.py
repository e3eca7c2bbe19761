"""Odd, malformed and malicious responses, over each transport: their result, and what the next call gets."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kombo_async import (
    AsyncKomboClient,
    BadRequest,
    ConnectionFailed,
    KomboError,
    NoResponse,
    RetryPolicy,
    Success,
    TimedOut,
    UnexpectedResponse,
    ats,
)
from tests.support.calls import CREATE, READ, until
from tests.support.fault_server import Exchange, FaultServer
from tests.support.transports import Over, each_over
from tests.support.wire import API_KEY, CANDIDATE, INTEGRATION

pytestmark = pytest.mark.anyio

BODY = json.dumps({"status": "success", "data": CANDIDATE}).encode()
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
EMPTY = b"Content-Length: 0\r\n\r\n"


def whole(*fields: bytes, status: bytes = OK) -> bytes:
    """An answer of a known length with more *fields*."""
    return status + b"".join(field + b"\r\n" for field in fields) + LENGTH + b"\r\n" + BODY


def packed(*encodings: bytes, times: int = 1) -> bytes:
    """An answer that was compressed so many *times*, whatever its `Content-Encoding` fields say."""
    body = BODY
    for _ in range(times):
        body = gzip.compress(body)
    fields = b"".join(b"Content-Encoding: %s\r\n" % each for each in encodings)
    return OK + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


ANSWERS: dict[str, tuple[bytes, type[Success[Any] | KomboError]]] = {
    # odd, but it says what was done
    "100 first": (b"HTTP/1.1 100 Continue\r\n\r\n" + whole(), Success),
    "103 three times": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + whole(), Success),
    "trailers": (OK + CHUNKED + b"\r\n" + CHUNKS + b"X-Sum: 1\r\nContent-Length: 3\r\n\r\n", Success),
    "length and chunked": (OK + LENGTH + CHUNKED + b"\r\n" + CHUNKS + b"\r\n", Success),
    "two equal lengths": (OK + LENGTH + LENGTH + b"\r\n" + BODY, Success),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n" + BODY, Success),
    "HTTP/1.0 that keeps": (whole(b"Connection: keep-alive", status=b"HTTP/1.0 200 OK\r\n"), Success),
    "until it closes": (OK + b"\r\n" + BODY, Success),
    "status 299": (whole(status=b"HTTP/1.1 299 X\r\n"), Success),
    "no reason": (whole(status=b"HTTP/1.1 200\r\n"), Success),
    "bytes as a reason": (whole(status=b"HTTP/1.1 200 \xff\x1b[2J\r\n"), Success),
    "bytes in a header": (whole(b"X: \xe9\xff"), Success),
    "a folded header": (whole(b"X: 1", b" 2"), Success),
    "a header of 90 kB": (whole(b"X: " + b"x" * 90_000), Success),
    "unknown charset": (whole(b"Content-Type: application/json; charset=klingon"), Success),
    "wrong charset": (whole(b"Content-Type: application/json; charset=utf-16"), Success),
    "bytes as a type": (whole(b"Content-Type: \xff\xfe;;;="), Success),
    "cookies": (whole(b"Set-Cookie: a=b; Domain=..; Expires=never", b"Set-Cookie: \xff=\x01"), Success),
    "GZIP in capitals": (packed(b"GZIP"), Success),
    "no encoding in particular": (whole(b"Content-Encoding: "), Success),
    # an answer, but not one that says what was done
    "too short a length": (OK + b"Content-Length: 10\r\n\r\n" + BODY, UnexpectedResponse),
    "204 with a body": (whole(status=b"HTTP/1.1 204 No Content\r\n"), UnexpectedResponse),
    "205": (b"HTTP/1.1 205 Reset Content\r\n" + EMPTY, UnexpectedResponse),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\n" + LENGTH + b"\r\n", UnexpectedResponse),
    "status 600": (b"HTTP/1.1 600 X\r\n" + EMPTY, UnexpectedResponse),
    "status 999": (b"HTTP/1.1 999 X\r\n" + EMPTY, UnexpectedResponse),
    "two encodings": (packed(b"gzip, gzip", times=2), UnexpectedResponse),
    "two fields of encodings": (packed(b"gzip", b"gzip"), UnexpectedResponse),
    "bytes as an encoding": (packed(b"\xff"), UnexpectedResponse),
    "two Locations": (b"HTTP/1.1 303 X\r\nLocation: http://a/\r\nLocation: http://b/\r\n" + EMPTY, UnexpectedResponse),
    "bytes as a Location": (b"HTTP/1.1 302 X\r\nLocation: \xff\xfe\r\n" + EMPTY, UnexpectedResponse),
    # no answer
    "nothing": (b"", ConnectionFailed),
    "no head": (BODY, ConnectionFailed),
    "HTTP/2": (b"\0\0\x12\x04\0\0\0\0\0" + b"x" * 18, ConnectionFailed),
    "a TLS alert": (b"\x15\x03\x01\x00\x02\x02\x46", ConnectionFailed),
    "101": (b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", ConnectionFailed),
    "102 with a body": (b"HTTP/1.1 102 X\r\nContent-Length: 5\r\n\r\nhello" + whole(), ConnectionFailed),
    "status 99": (whole(status=b"HTTP/1.1 99 X\r\n"), ConnectionFailed),
    "status 1000": (whole(status=b"HTTP/1.1 1000 X\r\n"), ConnectionFailed),
    "too long a length": (OK + b"Content-Length: 99999\r\n\r\n" + BODY, ConnectionFailed),
    "a negative length": (OK + b"Content-Length: -1\r\n\r\n" + BODY, ConnectionFailed),
    "a length of 40 digits": (OK + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n" + BODY, ConnectionFailed),
    "a length of other digits": (OK + b"Content-Length: \xd9\xa1\r\n\r\n" + BODY, ConnectionFailed),
    "two other lengths": (OK + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY, ConnectionFailed),
    "a huge chunk": (OK + CHUNKED + b"\r\nffffffffffffffff\r\n" + BODY, ConnectionFailed),
    "a negative chunk": (OK + CHUNKED + b"\r\n-5\r\n" + BODY, ConnectionFailed),
    "gzip, chunked": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS + b"\r\n", ConnectionFailed),
    "NUL in a header": (whole(b"X: a\0b"), ConnectionFailed),
    "a header without a name": (whole(b": 1"), ConnectionFailed),
    "a header without a colon": (whole(b"garbage"), ConnectionFailed),
    "a header of 300 kB": (whole(b"X: " + b"x" * 300_000), ConnectionFailed),
    "20,000 headers": (whole(*[b"X-%d: 1" % number for number in range(20_000)]), ConnectionFailed),
}
each_answer = pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)


async def outcome(kombo: AsyncKomboClient, request: Any) -> Success[Any] | KomboError:
    """What a call comes to, raised or returned."""
    try:
        return await kombo.send(request)
    except NoResponse as failure:
        return failure


@each_over
@each_answer
async def test_answer_to_a_create(
    server: FaultServer, over: Over, answer: bytes, expected: type[Success[Any] | KomboError]
) -> None:
    """A success stays one, anything else leaves the create in doubt, and the next call gets its own response."""

    async def step(exchange: Exchange) -> None:
        exchange.perform()
        await exchange.send(answer)
        exchange.cut()

    async with over.client(server, step, timeout=20) as kombo:
        result = await outcome(kombo, CREATE)
        assert type(result) is expected
        if isinstance(result, Success):
            assert result.data.id == CANDIDATE["id"]
        else:
            assert result.may_have_applied
        assert str(result).isprintable()
        assert API_KEY not in repr(result)
        await until(lambda: not server.open)
        server.scenarios.clear()
        following = await kombo.send(READ)
    assert isinstance(following, Success)
    assert (following.data.results, following.drift) == ([], [])
    assert server.performed.total() == 2


@each_over
@pytest.mark.parametrize("location", ["http://[", "javascript:alert(1)", "http://x/" + "x" * 70_000, "//", " ", "\x7f"])
async def test_redirects_to_nowhere(server: FaultServer, over: Over, location: str) -> None:
    """Redirects to nowhere are responses, unless a caller's client parses them; the create is in doubt either way."""

    async def step(exchange: Exchange) -> None:
        await exchange.answer(302, b"", headers={"Location": location})

    async with over.client(server, step) as kombo:
        result = await outcome(kombo, CREATE)
    assert type(result) is UnexpectedResponse or (over.as_client and type(result) is ConnectionFailed)
    assert result.may_have_applied
    assert server.asked.total() == 1


@each_over
async def test_interim_answers_without_end(server: FaultServer, over: Over) -> None:
    """A server that sends interim responses forever gets no more time than any other."""

    async def step(exchange: Exchange) -> None:
        while True:
            await exchange.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await asyncio.sleep(0.005)

    async with over.client(server, step, retry=RetryPolicy.none(), timeout=0.3) as kombo:
        result = await outcome(kombo, CREATE)
    assert isinstance(result, TimedOut)
    assert result.may_have_applied


@contextmanager
def impatient(*, lingers: bool) -> Iterator[str]:
    """A server that answers a request by its head alone; it takes the rest of it, or closes at once. Gives its URL."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    port: list[int] = []
    stop = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            while lingers and await reader.read(1 << 20):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        await stop.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{port[0]}/v1"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@each_over
@pytest.mark.parametrize("lingers", [True, False], ids=["takes the rest", "closes at once"])
async def test_answers_before_the_body_was_read(over: Over, lingers: bool) -> None:
    """A response before the end of the request counts, if it arrives; otherwise the connection failed."""
    attachment = ats.AttachmentInput.from_bytes(bytes(20_000_000), "cv.pdf", type="CV")
    request = ats.AddCandidateAttachment(candidate_id="candidate", attachment=attachment)
    with impatient(lingers=lingers) as url:
        async with (
            over.settings() as sending,
            AsyncKomboClient(
                API_KEY, base_url=url, integration_id=INTEGRATION, retry=RetryPolicy.none(), timeout=30, **sending
            ) as kombo,
        ):
            result = await outcome(kombo, request)
    if lingers or isinstance(result, BadRequest):
        assert isinstance(result, BadRequest)
        assert not result.may_have_applied
    else:
        assert isinstance(result, ConnectionFailed)
        assert result.may_have_applied


@each_over
async def test_cookies_are_not_sent_back(server: FaultServer, over: Over) -> None:
    """Cookies from one response are not sent with any other call."""

    async def step(exchange: Exchange) -> None:
        await exchange.answer(200, BODY, headers={"Set-Cookie": "session=1; Path=/"})

    async with over.settings() as sending:
        for key in ("key-1", "key-2"):
            async with AsyncKomboClient(key, base_url=server.url, integration_id=INTEGRATION, **sending) as kombo:
                server.default = step
                for _ in range(2):
                    await kombo.send(CREATE)
            if "transport" in sending:
                break  # closed with its client
    assert len(server.requests) >= 2
    assert not any("cookie" in each.headers for each in server.requests)
