"""A client in several event loops: one after the other works; at the same time is refused before anything is sent."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio
import httpx
import httpx2
import pytest
import trio
import uvloop

from kombo_async import AsyncKomboClient, RetryPolicy, Success
from tests.support.calls import CREATE, READ, client
from tests.support.fault_server import Exchange, FaultServer


def as_guest(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run trio as a guest of asyncio, where both have an event loop."""

    async def host() -> Any:
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        trio.lowlevel.start_guest_run(
            main, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=ended.set_result
        )
        return (await ended).unwrap()

    return asyncio.run(host())


RUNNERS: dict[str, Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]] = {
    "asyncio": lambda main: asyncio.run(main()),
    "uvloop": lambda main: uvloop.run(main()),
    "trio": lambda main: trio.run(main),
    "trio as a guest": as_guest,
}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A healthy server."""
    with FaultServer() as running:
        yield running


async def some(kombo: AsyncKomboClient, calls: int = 6) -> None:
    """Some calls at once, of both kinds."""
    async with anyio.create_task_group() as group:
        for number in range(calls):
            group.start_soon(succeeds, kombo, READ if number % 2 else CREATE)


async def succeeds(kombo: AsyncKomboClient, request: Any = CREATE) -> None:
    assert isinstance(await kombo.send(request), Success)


def _wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("runner", RUNNERS)
def test_several_runs(server: FaultServer, runner: str, caplog: pytest.LogCaptureFixture) -> None:
    """Three runs in a row work, each with its own connections; the client can be closed in a fourth."""
    kombo = client(server, retry=RetryPolicy.none())
    for number in range(1, 4):
        RUNNERS[runner](lambda: succeeds(kombo))
        assert server.connections == number
        RUNNERS[runner](lambda: some(kombo))
        server.connections = number
        _wait_until(lambda: not server.open)
    RUNNERS[runner](kombo.aclose)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()
    assert server.asked.total() == server.performed.total() == 21
    assert [record for record in caplog.records if record.name != "kombo_async"] == []


def test_one_loop_after_another(server: FaultServer) -> None:
    """Even loops of different kinds, in turn, work."""
    kombo = client(server, retry=RetryPolicy.none())
    for _ in range(2):
        for run in RUNNERS.values():
            run(lambda: some(kombo))


def test_limits_begin_anew(server: FaultServer) -> None:
    """A run that is interrupted with all places taken and calls waiting leaves all places to the next run."""
    server.latency = 30

    async def broken_off() -> None:
        with anyio.move_on_after(0.3):
            await some(kombo, 20)

    kombo = client(server, max_connections=3, retry=RetryPolicy.none())
    asyncio.run(broken_off())
    loop = asyncio.new_event_loop()  # one that stops in the middle, and never goes on
    tasks = [loop.create_task(kombo.send(CREATE)) for _ in range(20)]
    loop.run_until_complete(asyncio.sleep(0.2))
    server.latency = 0
    asyncio.run(asyncio.wait_for(some(kombo), 5))
    for task in tasks:
        task.cancel()
    gathered: Any = asyncio.gather(*tasks, return_exceptions=True)
    loop.run_until_complete(gathered)
    loop.close()
    asyncio.run(asyncio.wait_for(some(kombo), 5))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork(server: FaultServer) -> None:
    """A forked worker works, even if it was forked during the parent's calls, and so does the parent."""
    kombo = client(server, retry=RetryPolicy.none())
    asyncio.run(some(kombo))

    def forked() -> int:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                asyncio.set_event_loop(None)
                asyncio.events._set_running_loop(None)
                asyncio.run(some(kombo))
                status = 0
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert forked() == 0

    async def in_the_middle() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(succeeds, kombo)
            await anyio.sleep(0.05)
            assert forked() == 0
        await some(kombo)

    server.latency = 0.2
    asyncio.run(in_the_middle())
    assert server.performed.total() == 6 + 6 + 6 + 1 + 6


def test_several_threads_at_once(server: FaultServer) -> None:
    """While one thread uses the client, a call in another is refused before anything is sent, with what to do."""
    started, go_on = threading.Event(), threading.Event()

    async def held(exchange: Exchange) -> None:
        started.set()
        while not go_on.is_set():  # noqa: ASYNC110 - it is set by another thread
            await asyncio.sleep(0.01)
        await exchange.succeed()

    kombo = client(server, held, retry=RetryPolicy.none())
    results: list[Any] = []
    first = threading.Thread(target=lambda: results.append(asyncio.run(kombo.send(CREATE))))
    first.start()
    assert started.wait(10)
    for runner in RUNNERS.values():
        with pytest.raises(RuntimeError, match="create a client for each thread"):
            runner(lambda: kombo.send(CREATE))
    go_on.set()
    first.join()
    assert isinstance(results[0], Success)
    assert server.asked.total() == 1
    assert isinstance(asyncio.run(kombo.send(CREATE)), Success)


def test_threads_in_a_race(server: FaultServer) -> None:
    """However threads race, each call succeeds or is refused; none is sent twice or lost."""
    kombo = client(server, retry=RetryPolicy.none())
    outcomes: list[str] = []

    def work() -> None:
        for _ in range(10):
            try:
                asyncio.run(succeeds(kombo))
                outcomes.append("done")
            except RuntimeError as error:
                assert "each thread" in str(error)  # noqa: PT017
                outcomes.append("refused")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 40
    assert server.performed.total() == outcomes.count("done")


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("what", ["http_client", "transport"])
def test_connections_of_the_callers(server: FaultServer, library: Any, what: str) -> None:
    """The caller's own connections belong to one loop: in another, nothing is sent, and the error says what to do."""
    given = library.AsyncClient() if what == "http_client" else library.AsyncHTTPTransport()
    kombo = client(server, **{what: given})
    loop = asyncio.new_event_loop()
    loop.run_until_complete(some(kombo))
    asked = server.asked.total()
    with pytest.raises(RuntimeError, match=f"create a client with a new {what} in each event loop"):
        asyncio.run(kombo.send(CREATE))
    assert server.asked.total() == asked
    loop.run_until_complete(given.aclose())
    loop.close()


def test_transports_without_connections() -> None:
    """A transport that has no connections works in any loop."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"status": "success", "data": {}}))
    kombo = AsyncKomboClient("key", integration_id="a:b", transport=transport)
    for run in RUNNERS.values():
        run(lambda: succeeds(kombo))


def test_trio_is_not_needed() -> None:
    """trio is not imported unless it is used."""
    import subprocess

    code = (
        "import asyncio, sys, httpx, kombo_async\n"
        "transport = httpx.MockTransport(lambda _: httpx.Response(200, json={'status': 'success', 'data': {}}))\n"
        "kombo = kombo_async.AsyncKomboClient('key', integration_id='a:b', transport=transport)\n"
        "for _ in range(2): asyncio.run(kombo.send(kombo_async.ats.GetJobs()))\n"
        "print('trio' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
