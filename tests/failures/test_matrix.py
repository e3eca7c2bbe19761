"""Each fault, met by each method, with retries and without: what comes back, how many attempts, how often performed."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

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
from tests.support.calls import CALLS, client, until
from tests.support.fault_server import Exchange, FaultServer, answer, succeed
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


@each_method
@each_fault
async def test_without_retries(server: FaultServer, over: Over, fault: Fault, method: str) -> None:
    """Without retries, each fault comes back as its class after one attempt, and says whether it may have applied."""
    async with over.client(server, fault.step, retry=ONCE, timeout=fault.timeout) as kombo:
        result = await outcome(kombo, CALLS[method])
    assert type(result) is fault.failure
    assert result.attempts == server.asked.total() == 1
    assert server.performed.total() == (1 if fault.performs else 0)
    assert result.may_have_applied is may_have_applied(fault, method)


@each_method
@each_fault
async def test_fault_that_stays(server: FaultServer, over: Over, fault: Fault, method: str) -> None:
    """With retries, a permanent fault is met again only by calls that cannot do anything twice."""
    async with over.client(server, fault.step, retry=AGAIN, timeout=fault.timeout) as kombo:
        result = await outcome(kombo, CALLS[method])
    assert type(result) is fault.failure
    attempts = ATTEMPTS if repeats(fault, method) else 1
    assert result.attempts == server.asked.total() == attempts
    performed = attempts if fault.performs else 0
    assert server.performed.total() == (min(performed, 1) if method == "DELETE" else performed)
    assert result.may_have_applied is may_have_applied(fault, method)


@each_method
@each_fault
async def test_fault_that_passes(server: FaultServer, over: Over, fault: Fault, method: str) -> None:
    """With retries, a passing fault goes unnoticed, except that a repeated DELETE returns a 404."""
    async with over.client(server, fault.step, succeed, retry=AGAIN, timeout=fault.timeout) as kombo:
        result = await outcome(kombo, CALLS[method])
    if not repeats(fault, method):
        assert type(result) is fault.failure
        assert result.attempts == server.asked.total() == 1
    elif method == "DELETE" and fault.performs:
        assert type(result) is NotFound
        assert result.may_have_applied
        assert server.performed.total() == 1
    else:
        assert type(result) is Success
        assert result.attempts == server.asked.total() == 2
    if method in ("POST", "PATCH"):
        assert server.performed.total() <= 1


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("obstacle", [pytest.param(obstacle, id=obstacle.name) for obstacle in OBSTACLES])
async def test_connection_that_is_never_made(
    over: Over, obstacle: Obstacle, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was never made cannot have done anything, so every call tries again."""
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
        ):
            result = await outcome(kombo, CALLS[method])
    assert type(result) is obstacle.failure
    assert isinstance(result, NoResponse)
    known = over.knows or obstacle.shows
    assert result.attempts == (ATTEMPTS if known or method != "POST" else 1)
    assert (result.sent, result.may_have_applied) == (not known, not known and method != "GET")


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
