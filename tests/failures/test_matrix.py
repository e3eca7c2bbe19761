"""Each fault, met by each method, with retries and without: what comes back, how many attempts, how often performed."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import anyio
import attrs
import pytest

from kombo_async import (
    AsyncKomboClient,
    ConnectionFailed,
    KomboError,
    NoResponse,
    NotFound,
    Request,
    RetryPolicy,
    Success,
    SyncPending,
    Timeout,
)
from tests.failures.faults import FAULTS, OBSTACLES, TIMEOUT, Again, Fault, Obstacle
from tests.support.calls import CALLS, client, scenario, until
from tests.support.fault_server import Exchange, FaultServer, Step, answer, succeed
from tests.support.transports import OTHERS, OURS, Over
from tests.support.wire import API_KEY, INTEGRATION

pytestmark = pytest.mark.anyio

ATTEMPTS = 2
ONCE = RetryPolicy.none()
AGAIN = RetryPolicy(attempts=ATTEMPTS, initial_delay=0.01, sync_wait=0.1)

AUTHORITIES = ssl.create_default_context()
"""What the others trust: loaded once, which takes long."""

LOOPS: dict[str, Any] = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}

each_fault = pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
each_method = pytest.mark.parametrize("method", CALLS)


@pytest.fixture(
    params=[
        *[(backend, OURS) for backend in LOOPS],
        *[(backend, over) for over in OTHERS for backend in ("asyncio", "trio")],
    ],
    ids=lambda each: f"{each[1].name}-{each[0]}",
)
def loop_and_transport(request: pytest.FixtureRequest) -> Any:
    """Our transport on each event loop; the others, which asyncio's loops make no difference to, on two."""
    return request.param


@pytest.fixture
def anyio_backend(loop_and_transport: tuple[str, Over]) -> Any:
    return LOOPS[loop_and_transport[0]]


@pytest.fixture
def over(loop_and_transport: tuple[str, Over]) -> Over:
    return loop_and_transport[1]


async def outcome(kombo: AsyncKomboClient, request: Request[Any]) -> Success[Any] | KomboError:
    """What a call comes to, raised or returned."""
    try:
        return await kombo.send(request)
    except NoResponse as failure:
        return failure


def repeats(fault: Fault, method: str) -> bool:
    """Whether a call of *method* that met *fault* may be made again."""
    return fault.again is Again.ALL or (fault.again is Again.IDEMPOTENT and method in ("GET", "PUT", "DELETE"))


def may_have_applied(fault: Fault, method: str) -> bool:
    """Whether the server may have performed the request, as far as a client can know."""
    return fault.again is Again.IDEMPOTENT and method != "GET"


@attrs.frozen
class Seen:
    """What a call came to, and what the server saw of it."""

    kind: type[Success[Any] | KomboError]
    attempts: int
    asked: int
    performed: int
    may_have_applied: bool | None
    """None for a success."""


async def seen(server: FaultServer, over: Over, *steps: Step, **settings: Any) -> dict[str, Seen]:
    """What one call of each method, all made at once by clients of their own, comes to when it meets *steps*."""
    found: dict[str, Seen] = {}

    async def call(method: str) -> None:
        name = scenario(server, *steps)
        async with over.client(server, headers={"X-Scenario": name}, **settings) as kombo:
            result = await outcome(kombo, CALLS[method])
        applied = None if isinstance(result, Success) else result.may_have_applied
        found[method] = Seen(type(result), result.attempts, server.asked[name], server.performed[name], applied)

    async with anyio.create_task_group() as tasks:
        for method in CALLS:
            tasks.start_soon(call, method)
    return found


def failed(fault: Fault, method: str, attempts: int) -> Seen:
    """What a call comes to that has met *fault* at each of its *attempts*. A DELETE is done only once."""
    performed = attempts if fault.performs and method != "DELETE" else int(fault.performs)
    return Seen(fault.failure, attempts, attempts, performed, may_have_applied(fault, method))


@each_fault
async def test_without_retries(server: FaultServer, over: Over, fault: Fault) -> None:
    """Without retries, each fault comes back as its class after one attempt, and says whether it may have applied."""
    found = await seen(server, over, fault.step, retry=ONCE, timeout=fault.timeout)
    assert found == {method: failed(fault, method, 1) for method in CALLS}


@each_fault
async def test_fault_that_stays(server: FaultServer, over: Over, fault: Fault) -> None:
    """With retries, a permanent fault is met again only by calls that cannot do anything twice."""
    found = await seen(server, over, fault.step, retry=AGAIN, timeout=fault.timeout)
    assert found == {method: failed(fault, method, ATTEMPTS if repeats(fault, method) else 1) for method in CALLS}


@each_fault
async def test_fault_that_passes(server: FaultServer, over: Over, fault: Fault) -> None:
    """With retries, a fault that passes does not show; a DELETE that was done before says so with its 404."""

    def expected(method: str) -> Seen:
        if not repeats(fault, method):
            return failed(fault, method, 1)
        if method == "DELETE" and fault.performs:
            return Seen(NotFound, 2, 2, 1, may_have_applied=True)
        return Seen(Success, 2, 2, 2 if fault.performs else 1, may_have_applied=None)

    found = await seen(server, over, fault.step, succeed, retry=AGAIN, timeout=fault.timeout)
    assert found == {method: expected(method) for method in CALLS}
    assert max(found[method].performed for method in ("POST", "PATCH")) <= 1


@pytest.mark.parametrize("obstacle", [pytest.param(obstacle, id=obstacle.name) for obstacle in OBSTACLES])
async def test_connection_that_is_never_made(over: Over, obstacle: Obstacle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that was never made cannot have done anything, so every call tries again."""
    found: dict[str, NoResponse] = {}

    async def call(method: str, kombo: AsyncKomboClient) -> None:
        result = await outcome(kombo, CALLS[method])
        assert isinstance(result, NoResponse)
        found[method] = result

    with obstacle.begin() as place:
        if place.proxy is not None and over is OURS:
            monkeypatch.setenv("ALL_PROXY", place.proxy)
        async with (
            over.settings(proxy=place.proxy, verify=AUTHORITIES) as sending,
            AsyncKomboClient(
                API_KEY,
                base_url=place.url,
                integration_id=INTEGRATION,
                retry=AGAIN,
                timeout=Timeout(connect=TIMEOUT, read=4 * TIMEOUT, action=4 * TIMEOUT),
                **sending,
            ) as kombo,
            anyio.create_task_group() as tasks,
        ):
            for method in CALLS:
                tasks.start_soon(call, method, kombo)
    known = over.knows or obstacle.shows
    for method, result in found.items():
        repeats = known or method not in ("POST", "PATCH")
        assert (method, type(result), result.attempts) == (method, obstacle.failure, ATTEMPTS if repeats else 1)
        assert (result.sent, result.may_have_applied) == (not known, not known and method != "GET"), method
    assert found.keys() == CALLS.keys()


@each_method
@pytest.mark.parametrize("policy", [ONCE, AGAIN], ids=["once", "again"])
async def test_cut_before_reading(over: Over, method: str, policy: RetryPolicy) -> None:
    """If the server cuts a new connection, it may have read the request, so no POST or PATCH tries again."""
    with FaultServer(deaf=True) as server:
        async with over.client(server, retry=policy) as kombo:
            result = await outcome(kombo, CALLS[method])
    assert type(result) is ConnectionFailed
    assert result.attempts == server.connections == (1 if method in ("POST", "PATCH") else policy.attempts)
    assert result.may_have_applied is (method != "GET")


@each_method
@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
async def test_answer_twice(server: FaultServer, over: Over, method: str, together: bool) -> None:
    """A second, unrequested response is not taken for the response to the next call."""
    sent = threading.Event()

    async def twice(exchange: Exchange) -> None:
        first = answer(200, {"status": "success", "data": exchange.server.data(exchange)})
        if together:
            await exchange.send(first + answer(500))
        else:
            await exchange.send(first)
            await asyncio.sleep(0.02)
            await exchange.send(answer(500))
        sent.set()

    async with over.client(server, twice, succeed, retry=ONCE) as kombo:
        first = await outcome(kombo, CALLS[method])
        await until(sent.is_set)
        second = await outcome(kombo, CALLS[method])
    assert type(first) is type(second) is Success


@each_method
async def test_repeat_unclear(server: FaultServer, over: Over, method: str) -> None:
    """A POST or PATCH that may have been done is repeated only if the policy says so."""
    fault = next(fault for fault in FAULTS if fault.name == "cut_after_performing")
    policy = RetryPolicy(attempts=ATTEMPTS, initial_delay=0.01, retry_ambiguous=True)
    async with over.settings() as sending, client(server, fault.step, succeed, retry=policy, **sending) as kombo:
        result = await outcome(kombo, CALLS[method])
    assert result.attempts == 2
    assert server.performed.total() == (1 if method == "DELETE" else 2)


async def test_later_failure_does_not_hide_an_earlier_attempt(server: FaultServer) -> None:
    """Once an attempt may have been applied, the call says so, whatever later attempts return."""

    async def cut(exchange: Any) -> None:
        exchange.perform()
        exchange.cut()

    async def pending(exchange: Any) -> None:
        await exchange.fail(409, "INTEGRATION.SETUP_SYNC_PENDING")

    policy = RetryPolicy(attempts=2, initial_delay=0.01, sync_wait=0.0)
    async with client(server, cut, pending, retry=policy) as kombo:
        result = await outcome(kombo, CALLS["PUT"])
    assert type(result) is SyncPending
    assert result.may_have_applied
