"""What can go wrong on the way to an answer: each fault, what it must come to, and who may try again."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import Enum
from functools import partial

import anyio
import attrs
import trustme

from kombo_async import (
    BadRequest,
    Conflict,
    ConnectionFailed,
    Forbidden,
    KomboError,
    NotFound,
    RateLimited,
    ServerError,
    SyncPending,
    TimedOut,
    Unauthorized,
    UnexpectedResponse,
)
from tests.support.fault_server import Exchange, FaultServer, Step
from tests.support.proxies import Proxy

TIMEOUT = 0.25
"""Seconds for each attempt of a call that meets a fault."""
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class Again(Enum):
    """Who may try again after a fault."""

    ALL = "nothing was done"
    IDEMPOTENT = "it may have been done"
    NOBODY = "trying again does not help"


@attrs.frozen
class Fault:
    """A fault, whether the server had performed the request, and what must come of it."""

    name: str
    step: Step
    failure: type[KomboError]
    again: Again
    performs: bool = False

    @property
    def timeout(self) -> float:
        """Seconds for each attempt: short where the fault is that no answer comes, else more than any answer takes."""
        return TIMEOUT if issubclass(self.failure, TimedOut) else 20.0


def fault(name: str, failure: type[KomboError], again: Again, *, performs: bool = False) -> Fault:
    """The fault that the function *name* of this module makes."""
    step: Step = globals()[name]
    return Fault(name, step, failure, again, performs)


def answers(
    status: int, code: str | None, failure: type[KomboError], again: Again, *, performs: bool = False, **headers: str
) -> Fault:
    """The fault of an answer in Kombo's JSON."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}

    async def step(exchange: Exchange) -> None:
        if performs:
            exchange.perform()
        await exchange.fail(status, code, fields)

    return Fault(f"{status}-{code or 'no-code'}", step, failure, again, performs)


async def answer_as_it_is(exchange: Exchange, status: int, body: bytes, content_type: str) -> None:
    """Perform, and then answer with what is not Kombo's JSON."""
    exchange.perform()
    await exchange.answer(status, body, headers={"Content-Type": content_type})


def answers_plainly(status: int, body: bytes, content_type: str, failure: type[KomboError], again: Again) -> Fault:
    """The fault of an answer that is not Kombo's JSON, after the work was done."""
    step = partial(answer_as_it_is, status=status, body=body, content_type=content_type)
    return Fault(f"{status}-{content_type}-{len(body)}", step, failure, again, performs=True)


async def cut_after_reading(exchange: Exchange) -> None:
    exchange.cut()


async def reset_after_reading(exchange: Exchange) -> None:
    exchange.cut(reset=True)


async def cut_after_performing(exchange: Exchange) -> None:
    exchange.perform()
    exchange.cut()


async def reset_after_performing(exchange: Exchange) -> None:
    exchange.perform()
    exchange.cut(reset=True)


async def cut_in_headers(exchange: Exchange) -> None:
    exchange.perform()
    await exchange.answer(200, {"status": "success", "data": {}}, cut_at=30)


async def cut_in_body(exchange: Exchange) -> None:
    exchange.perform()
    await exchange.answer(200, {"status": "success", "data": {}}, cut_at=-5)


async def half_gzip(exchange: Exchange) -> None:
    exchange.perform()
    whole = gzip.compress(b'{"status": "success", "data": {"more": "%b"}}' % bytes(range(48, 90)))
    await exchange.answer(200, whole[: len(whole) // 2], headers={"Content-Encoding": "gzip"})


async def no_gzip(exchange: Exchange) -> None:
    exchange.perform()
    await exchange.answer(200, b"this is no gzip", headers={"Content-Encoding": "gzip"})


async def unknown_encoding(exchange: Exchange) -> None:
    exchange.perform()
    await exchange.answer(200, b"?", headers={"Content-Encoding": "zstd"})


async def trickle(exchange: Exchange) -> None:
    exchange.perform()
    await exchange.answer(200, {"status": "success", "data": {}}, drip=0.02)


async def silence(exchange: Exchange) -> None:
    exchange.perform()
    await _forever()


async def _forever() -> None:
    await anyio.sleep(60)


async def silence_in_body(exchange: Exchange) -> None:
    exchange.perform()
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await _forever()


async def no_http(exchange: Exchange) -> None:
    exchange.perform()
    await exchange.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    exchange.cut()


_PENDING = "INTEGRATION.SETUP_SYNC_PENDING"

FAULTS = [
    fault("cut_after_reading", ConnectionFailed, Again.IDEMPOTENT),
    fault("reset_after_reading", ConnectionFailed, Again.IDEMPOTENT),
    fault("cut_after_performing", ConnectionFailed, Again.IDEMPOTENT, performs=True),
    fault("reset_after_performing", ConnectionFailed, Again.IDEMPOTENT, performs=True),
    fault("cut_in_headers", ConnectionFailed, Again.IDEMPOTENT, performs=True),
    fault("cut_in_body", ConnectionFailed, Again.IDEMPOTENT, performs=True),
    fault("no_http", ConnectionFailed, Again.IDEMPOTENT, performs=True),
    fault("trickle", TimedOut, Again.IDEMPOTENT, performs=True),
    fault("silence", TimedOut, Again.IDEMPOTENT, performs=True),
    fault("silence_in_body", TimedOut, Again.IDEMPOTENT, performs=True),
    fault("half_gzip", UnexpectedResponse, Again.IDEMPOTENT, performs=True),
    fault("no_gzip", UnexpectedResponse, Again.IDEMPOTENT, performs=True),
    fault("unknown_encoding", UnexpectedResponse, Again.IDEMPOTENT, performs=True),
    answers_plainly(200, HTML, "text/html", UnexpectedResponse, Again.IDEMPOTENT),
    answers_plainly(200, b"", "application/json", UnexpectedResponse, Again.IDEMPOTENT),
    answers_plainly(502, HTML, "text/html", ServerError, Again.IDEMPOTENT),
    answers_plainly(503, HTML, "text/html", ServerError, Again.IDEMPOTENT),
    answers_plainly(504, b"", "text/plain", ServerError, Again.IDEMPOTENT),
    answers(500, None, ServerError, Again.IDEMPOTENT, performs=True),
    answers(500, "PLATFORM.UNKNOWN_ERROR", ServerError, Again.IDEMPOTENT, performs=True),
    answers(504, "PLATFORM.TASK_TIMED_OUT", ServerError, Again.IDEMPOTENT, performs=True),
    answers(400, "REMOTE.SERVICE_UNAVAILABLE", BadRequest, Again.IDEMPOTENT, performs=True),
    answers(429, "REMOTE.RATE_LIMIT_EXCEEDED", RateLimited, Again.IDEMPOTENT, performs=True),
    answers(400, "REMOTE.UNKNOWN_HTTP_ERROR", BadRequest, Again.IDEMPOTENT, performs=True),
    answers(429, None, RateLimited, Again.ALL, Retry_After="0"),
    answers(429, "PLATFORM.RATE_LIMIT_EXCEEDED", RateLimited, Again.ALL, Retry_After="0"),
    answers(429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED", RateLimited, Again.ALL),
    answers(503, None, SyncPending, Again.ALL),
    answers(503, _PENDING, SyncPending, Again.ALL),
    answers(409, _PENDING, SyncPending, Again.ALL),
    answers(409, "INTEGRATION.SETUP_INCOMPLETE", Conflict, Again.NOBODY),
    answers(409, "INTEGRATION.QA_FAILED", Conflict, Again.NOBODY),
    answers(400, "REMOTE.INPUT_INVALID", BadRequest, Again.NOBODY),
    answers(400, "ATS.JOB_CLOSED", BadRequest, Again.NOBODY),
    answers(401, "PLATFORM.AUTHENTICATION_INVALID", Unauthorized, Again.NOBODY),
    answers(403, "INTEGRATION.PERMISSION_MISSING", Forbidden, Again.NOBODY),
    answers(404, "PLATFORM.INTEGRATION_NOT_FOUND", NotFound, Again.NOBODY),
    answers(405, None, BadRequest, Again.NOBODY),
    answers(413, None, BadRequest, Again.NOBODY),
    answers(415, None, BadRequest, Again.NOBODY),
    answers(422, None, BadRequest, Again.NOBODY),
    answers(418, None, UnexpectedResponse, Again.NOBODY),
    answers(302, None, UnexpectedResponse, Again.NOBODY, Location="https://example.com/elsewhere"),
]


@attrs.frozen
class Place:
    """Where to connect to."""

    url: str
    proxy: str | None = None


@attrs.frozen
class Obstacle:
    """What is in the way before a request can be written."""

    begin: Callable[[], AbstractContextManager[Place]]
    failure: type[KomboError]
    shows: bool = True
    """Whether an exception of httpx's says so. Our own connections know it in any case."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.begin.__name__


FAR = "https://kombo.invalid/v1"


@contextmanager
def nobody_listens() -> Iterator[Place]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield Place(f"http://127.0.0.1:{unused.getsockname()[1]}/v1")


@contextmanager
def silence_instead_of_tls() -> Iterator[Place]:
    with FaultServer() as server:  # it takes the handshake for a request, and waits for its end
        yield Place(server.url.replace("http://", "https://"))


@contextmanager
def reset_instead_of_tls() -> Iterator[Place]:
    with FaultServer(deaf=True) as server:
        yield Place(server.url.replace("http://", "https://"))


@contextmanager
def certificate_of_an_unknown_authority() -> Iterator[Place]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with FaultServer(tls=context) as server:
        yield Place(server.url)


@contextmanager
def no_proxy_there() -> Iterator[Place]:
    yield Place(FAR, "http://127.0.0.1:9")


@contextmanager
def proxy_that_refuses() -> Iterator[Place]:
    with Proxy(9, status=403) as proxy:
        yield Place(FAR, proxy.url)


@contextmanager
def proxy_that_is_silent() -> Iterator[Place]:
    with Proxy(9, silent=True) as proxy:
        yield Place(FAR, proxy.url)


OBSTACLES = [
    Obstacle(nobody_listens, ConnectionFailed),
    Obstacle(silence_instead_of_tls, TimedOut),
    Obstacle(reset_instead_of_tls, ConnectionFailed),
    Obstacle(certificate_of_an_unknown_authority, ConnectionFailed),
    Obstacle(no_proxy_there, ConnectionFailed),
    Obstacle(proxy_that_refuses, ConnectionFailed),
    Obstacle(proxy_that_is_silent, TimedOut, shows=False),
]
