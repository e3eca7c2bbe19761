"""How many actions of an integration a client sends at once, on virtual time."""

from __future__ import annotations

from itertools import product
from typing import Any

import anyio
import httpx
import pytest

from kombo_async import ErrorDetail, RateLimited, RetryPolicy, Success
from kombo_async._chain.adaptive_limiter import FIRST_LIMIT, AdaptiveLimiter, Turn
from kombo_async._clock import Clock
from tests.scale.model import CREATE, Kombo, Refusal, System, on_virtual_time

A = "greenhouse:a"


def uploads(
    system: System, *, processes: int = 1, actions: int = 1000, while_running: Any = None, seed: int = 7
) -> None:
    """Let *processes* machines send *actions* each to *system*."""

    async def scene() -> None:
        kombo = Kombo()
        kombo.systems[A] = system
        async with anyio.create_task_group() as tasks:
            for number in range(processes):
                client = kombo.client(f"machine {number}", retry=RetryPolicy(attempts=30))
                for _ in range(actions):
                    tasks.start_soon(client.send, CREATE)
            if while_running is not None:
                tasks.start_soon(while_running, kombo)

    on_virtual_time(scene, seed=seed)


@pytest.mark.parametrize("counts_itself", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 5, 10, 30, 60])
def test_one_client_finds_all_places_by_the_headers(limit: int, counts_itself: bool) -> None:
    """Alone, a client uses what `Concurrency-Limit` allows within a second, and 95 % of it from then on."""
    system = System(limit=limit, seconds=0.4, counts_itself=counts_itself)
    uploads(system, actions=max(20 * limit, 100))
    assert system.use(since=1, until=2) >= 0.85
    assert system.use(since=1, until=system.last_begun) >= 0.95
    assert system.refused <= 3  # fewer places than it begins with are found by a refusal


@pytest.mark.parametrize("refusal", ["concurrency", "platform", "plain", "remote"])
@pytest.mark.parametrize("limit", [5, 10, 30])
def test_one_client_finds_all_places_without_headers(limit: int, refusal: Refusal) -> None:
    """Where no header tells, refusals do, whatever they are called: 85 % is used, 5 % refused at most."""
    system = System(limit=limit, seconds=0.4, refusal=refusal, headers=False)
    uploads(system, actions=min(60 * limit, 600))
    assert system.use(since=2, until=system.last_begun) >= 0.85
    assert system.refused <= 0.05 * system.performed


@pytest.mark.parametrize(
    ("processes", "counts_itself"), [*product([2, 4, 8, 16], [True, False]), (32, False), (50, True)]
)
def test_machines_share_the_places(processes: int, counts_itself: bool) -> None:
    """Machines that know nothing of each other use nearly all places, and none goes without."""
    halfway: list[int] = []
    system = System(seconds=0.4, counts_itself=counts_itself)
    seconds = processes * 100 * system.seconds / system.limit  # what it takes if all places are used

    async def look(kombo: Kombo) -> None:
        await anyio.sleep(seconds / 2)
        halfway.extend(kombo.by_client[f"machine {number}"] for number in range(processes))

    uploads(system, processes=processes, actions=100, while_running=look)
    refused = system.refused / (system.refused + system.performed)
    assert system.use(since=1, until=0.7 * seconds) >= 0.85  # then some are done, and others find their places
    assert refused <= {2: 0.01, 4: 0.01, 8: 0.01, 16: 0.04, 32: 0.08, 50: 0.15}[processes]
    least = {2: 0.6, 4: 0.6, 8: 0.3, 16: 0.08, 32: 0.2, 50: 0.2}[processes]
    assert min(halfway) >= least * sum(halfway) / processes


def test_a_place_is_not_left_for_long() -> None:
    """One client alone with a single place and slow actions loses little by looking for others."""
    system = System(limit=1, seconds=60.0, refusal="plain", headers=False)
    uploads(system, actions=30)
    assert system.use(until=system.last_begun) >= 0.97


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("limit", "processes", "most_refused"),
    [(5, 4, 0.13), (5, 8, 0.2), (5, 16, 0.37), (10, 8, 0.11), (30, 8, 0.06), (30, 16, 0.09)],
)
def test_no_machine_starves_without_headers(limit: int, processes: int, most_refused: float, seed: int) -> None:
    """Refusals alone show machines what others leave them: none is kept out by those that came first."""
    halfway: list[int] = []
    system = System(limit=limit, seconds=0.4, refusal="plain", headers=False)
    seconds = processes * 200 * system.seconds / limit

    async def look(kombo: Kombo) -> None:
        await anyio.sleep(seconds / 2)
        halfway.extend(kombo.by_client[f"machine {number}"] for number in range(processes))

    uploads(system, processes=processes, actions=200, while_running=look, seed=seed)
    assert system.use(since=1, until=0.7 * seconds) >= 0.75
    assert system.refused / (system.refused + system.performed) <= most_refused
    assert min(halfway) >= 0.1 * sum(halfway) / processes


def test_a_scene_plays_the_same_again() -> None:
    """What happens on virtual time depends on the seed, and on nothing else."""

    def played(seed: int) -> list[tuple[float, int]]:
        system = System(limit=10)
        uploads(system, processes=8, actions=10, seed=seed)
        assert system.refused, "chance has a part in it: rests after refusals"
        return system.changes

    assert played(1) == played(1) != played(2)


def test_a_limit_that_shrinks_and_grows_is_followed() -> None:
    """A smaller `Concurrency-Limit` is heeded at once, and so is a larger one."""
    system = System(limit=30, seconds=0.4)

    async def change(kombo: Kombo) -> None:
        await anyio.sleep(5)
        system.limit = 5
        await anyio.sleep(2)
        before = system.refused
        await anyio.sleep(10)
        assert system.refused - before <= 1
        assert system.use(since=7, until=17) >= 0.9
        system.limit = 60
        await anyio.sleep(7)
        assert system.use(since=19, until=24) >= 0.9

    uploads(system, actions=2000, while_running=change)


def test_places_that_others_leave_are_taken() -> None:
    """When the other machines are done, the one that is left uses all places."""
    system = System(seconds=0.4)

    async def scene() -> None:
        kombo = Kombo()
        kombo.systems[A] = system
        last = kombo.client("the one that is left")
        async with anyio.create_task_group() as tasks:
            for _ in range(1200):
                tasks.start_soon(last.send, CREATE)
            async with anyio.create_task_group() as others:
                for number in range(3):
                    client = kombo.client(f"machine {number}")
                    for _ in range(100):
                        others.start_soon(client.send, CREATE)
            alone = anyio.current_time()
        assert system.use(since=alone + 2, until=system.last_begun) >= 0.95

    on_virtual_time(scene)


def refusal() -> Any:
    """A refusal of one action too many, as `learn` sees it."""
    detail = ErrorDetail(code="PLATFORM.CONCURRENCY_LIMIT_EXCEEDED", title=None, message="no", log_url=None)
    return RateLimited(status_code=429, error=detail, raw_response=httpx.Response(429))


def response(**headers: str) -> Any:
    """A success, as `learn` sees it."""
    raw = httpx.Response(200, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return Success(data=None, status_code=200, raw_response=raw)


def test_refused_together_counts_once() -> None:
    """Actions that were refused together cost a client one step, not one each."""
    limiter = AdaptiveLimiter(Clock())
    turns = [Turn(level=level, epoch=0, began=0.0) for level in range(5, 15)]
    for turn in turns:
        limiter.learn(refusal(), turn, refused=True)
    assert limiter.limit == 4


@pytest.mark.parametrize("value", ["²", "-1", "many", "9" * 5000, "", "0x10", "1e3"])
def test_headers_that_make_no_sense(value: str) -> None:
    """A header that is not a number counts as none."""

    async def scene() -> None:
        limiter = AdaptiveLimiter(Clock())
        raw = httpx.Response(
            200, headers=[(b"Concurrency-Limit", value.encode()), (b"Concurrency-Remaining", value.encode())]
        )
        turn = Turn(level=FIRST_LIMIT, epoch=0, began=0.0)
        limiter.learn(Success(data=None, status_code=200, raw_response=raw), turn, refused=False)
        assert limiter.limit == FIRST_LIMIT

    on_virtual_time(scene)
