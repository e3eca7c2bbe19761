"""Doubt is settled on the safe side: details of httpcore and h11 may change, and no create is sent twice for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import h11
import httpcore
import httpx
import httpx2
import pytest

from kombo_async import AsyncKomboClient, ConnectionFailed, RetryPolicy, Success
from tests.support.calls import CREATE, client, until
from tests.support.certificates import Authority
from tests.support.fault_server import Exchange, FaultServer, answer, succeed

pytestmark = pytest.mark.anyio

POLICY = RetryPolicy(attempts=4, initial_delay=0.001)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that the client trusts."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server that is well, with TLS and without."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with FaultServer(tls=authority.server("localhost") if request.param == "https" else None) as running:
        yield running


# ---------------------------------------------------------------------- was it written?


async def cut(exchange: Exchange) -> None:
    """Perform, and lose the answer."""
    exchange.perform()
    exchange.cut()


def _renamed(patch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    value = vars(owner)[name]
    patch.delattr(owner, name)
    patch.setattr(owner, f"{name}_renamed", value, raising=False)


def _always(patch: pytest.MonkeyPatch, owner: Any, name: str, value: object) -> None:
    patch.setattr(owner, name, lambda *_, **__: value)


def no_trace_events(patch: pytest.MonkeyPatch) -> None:
    """Trace events have other names."""
    import httpcore._trace as trace

    init = trace.Trace.__init__

    def renamed(self: Any, name: str, *args: Any, **options: Any) -> None:
        init(self, f"renamed_{name}", *args, **options)

    patch.setattr(trace.Trace, "__init__", renamed)


def always_idle(patch: pytest.MonkeyPatch) -> None:
    """Each connection says that it is free for another request."""
    for cls in (httpcore.AsyncHTTPConnection, httpcore.AsyncHTTP11Connection):
        _always(patch, cls, "is_idle", True)
        _always(patch, cls, "is_available", True)
        _always(patch, cls, "is_closed", False)
        _always(patch, cls, "has_expired", False)


def no_states(patch: pytest.MonkeyPatch) -> None:
    """A connection does not tell in what state it is."""
    for cls in (httpcore.AsyncHTTPConnection, httpcore.AsyncHTTP11Connection):
        for name in ("is_idle", "is_available", "is_closed", "has_expired", "info"):
            _renamed(patch, cls, name)


def own_network(patch: pytest.MonkeyPatch) -> None:
    """httpcore takes a network of its own instead of ours."""
    init = httpcore.AsyncHTTPConnection.__init__

    def ignoring(self: Any, *args: Any, network_backend: Any = None, **options: Any) -> None:
        init(self, *args, **options)

    patch.setattr(httpcore.AsyncHTTPConnection, "__init__", ignoring)


def errors_of_connecting(patch: pytest.MonkeyPatch) -> None:
    """httpcore calls every failure one of connecting."""
    import httpcore._async.http11 as http11

    handle = http11.AsyncHTTP11Connection._receive_response_headers

    async def receive(self: Any, request: Any) -> Any:
        try:
            return await handle(self, request)
        except httpcore.RemoteProtocolError:
            raise httpcore.ConnectError("mistaken") from None

    patch.setattr(http11.AsyncHTTP11Connection, "_receive_response_headers", receive)


def repeats_by_itself(patch: pytest.MonkeyPatch) -> None:
    """httpcore's error for a connection that is not available comes after the request was written."""
    import httpcore._async.http11 as http11

    handle = http11.AsyncHTTP11Connection._receive_response_headers

    async def receive(self: Any, request: Any) -> Any:
        try:
            return await handle(self, request)
        except httpcore.RemoteProtocolError:
            raise httpcore.WriteError("mistaken") from None

    patch.setattr(http11.AsyncHTTP11Connection, "_receive_response_headers", receive)


def no_trailing_data(patch: pytest.MonkeyPatch) -> None:
    """h11 does not tell what came after an answer."""
    patch.setattr(h11.Connection, "trailing_data", property(lambda _: (b"", False)))


MUTATIONS: list[Callable[[pytest.MonkeyPatch], None]] = [
    lambda _: None,
    no_trace_events,
    always_idle,
    no_states,
    own_network,
    errors_of_connecting,
    repeats_by_itself,
    no_trailing_data,
]
each_mutation = pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda each: each.__name__)


@each_mutation
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_lost_answer(server: FaultServer, mutate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One create whose answer is lost is one POST, and may have been applied, on a kept connection, too."""
    for steps in ((cut,), (succeed, cut)):
        before = server.performed.total()
        async with client(server, *steps, retry=POLICY) as kombo:
            with monkeypatch.context() as patch:
                mutate(patch)
                for _ in steps[:-1]:
                    await kombo.send(CREATE)
                with pytest.raises((ConnectionFailed, NotImplementedError)) as caught:  # that does not fit at all
                    await kombo.send(CREATE)
        performed = server.performed.total() - before
        if isinstance(caught.value, ConnectionFailed):
            assert (caught.value.sent, caught.value.may_have_applied, performed) == (True, True, len(steps))
        assert performed <= len(steps)


@each_mutation
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_stray_answers(server: FaultServer, mutate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No create ever takes the answer to another one for its own."""
    with monkeypatch.context() as patch:
        mutate(patch)
        await _no_confusion(server, client(server, twice_numbered(server)))


# ---------------------------------------------------------------------- whose answer is it?


def twice_numbered(server: FaultServer, *, apart: bool = False, chunked: bool = False, part: int | None = None) -> Any:
    """Answer with the number of the request, and then again (or *part* of it), as if to the next one."""

    async def step(exchange: Exchange) -> None:
        number = str(server.asked.total())
        body = b'{"status": "success", "data": {"id": "%s"}}' % number.encode()
        if chunked:
            head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
            whole = head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            whole = answer(200, body)
        exchange.perform()
        if apart:
            await exchange.send(whole)
            await asyncio.sleep(0.02)
            await exchange.send(whole[:part])
        else:
            await exchange.send(whole + whole[:part])
        sent.set()

    sent = threading.Event()
    step.sent = sent  # type: ignore[attr-defined]
    return step


async def _no_confusion(server: FaultServer, kombo: AsyncKomboClient, sent: threading.Event | None = None) -> None:
    async with kombo:
        for number in range(1, 6):
            reply: Any = await kombo.send(CREATE)
            assert isinstance(reply, Success)
            assert reply.data.id == str(number)
            if sent is not None:
                await until(sent.is_set)
                sent.clear()
    assert server.performed.total() == 5


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("part", [None, 1, 30], ids=["whole", "a byte", "a part"])
async def test_second_answers(server: FaultServer, apart: bool, chunked: bool, part: int | None) -> None:
    """An answer that nobody asked for, whole or begun, with the right one or after it, is never taken for the next."""
    step = twice_numbered(server, apart=apart, chunked=chunked, part=part)
    await _no_confusion(server, client(server, step), step.sent)
    assert server.connections == 5


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_sound_connections_are_kept(server: FaultServer, chunked: bool) -> None:
    """Where nothing came after an answer, the connection serves the next call."""

    async def numbered(exchange: Exchange) -> None:
        exchange.perform()
        body = b'{"status": "success", "data": {"id": "%d"}}' % server.asked.total()
        if chunked:
            await exchange.send(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
            for byte in body:
                await exchange.send(b"1\r\n%c\r\n" % byte)
            await exchange.send(b"0\r\n\r\n")
        else:
            await exchange.answer(200, body)

    await _no_confusion(server, client(server, numbered))
    assert server.connections == 1


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
async def test_over_a_transport_that_cannot_tell(server: FaultServer, library: Any) -> None:
    """Over a client of the caller's, one create whose answer is lost is one POST, too, and may have been applied."""
    async with (
        library.AsyncClient() as http_client,
        client(server, cut, http_client=http_client, retry=POLICY) as kombo,
    ):
        with pytest.raises(ConnectionFailed) as caught:
            await kombo.send(CREATE)
    assert caught.value.may_have_applied
    assert server.performed.total() == 1


async def test_a_cause_that_is_not_of_connecting(server: FaultServer) -> None:
    """An exception of connecting counts as that only if nothing else led to it: some transports call all theirs so."""

    class Mistaken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            tried.append(request)
            raise httpx.ConnectTimeout("mistaken") from ConnectionResetError("after it was sent")

    tried: list[httpx.Request] = []
    async with client(server, transport=Mistaken(), retry=POLICY) as kombo:
        with pytest.raises(Exception, match="PostAtsCandidates") as caught:
            await kombo.send(CREATE)
    failure: Any = caught.value
    assert failure.may_have_applied
    assert len(tried) == 1
