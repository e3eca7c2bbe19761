"""Scenes about whose turn it is, on virtual time: one model of Kombo, any number of integrations and machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import anyio
import attrs

from benchmarks.scale.scenes import Result, Scene
from kombo_async import RetryPolicy, Success, ats
from kombo_async.bulk import Row
from tests.scale import settling
from tests.scale.model import CREATE, READ, Kombo, Refusal, System, hang, on_virtual_time, timed

A = "greenhouse:a"


def rows(number: int, integrations: Iterable[str]) -> Iterator[Row]:
    """So many applications for each of *integrations*, one integration after the other."""
    for integration in integrations:
        for index in range(number):
            candidate = ats.CandidateInput(first_name="A", last_name="B", email_address=f"{index}@example.com")
            yield Row(ats.CreateApplication(job_id="job", candidate=candidate), integration_id=integration)


async def uploaded(kombo: Kombo, source: Iterable[Row], **settings: Any) -> tuple[Counter[str], float]:
    """What becomes of the rows, and in how many seconds."""
    start = anyio.current_time()
    results: Counter[str] = Counter()
    async with kombo.client(**settings).bulk(source) as outcomes:
        async for outcome in outcomes:
            results[outcome.result] += 1
    return results, anyio.current_time() - start


def doubts(system: System) -> Result:
    """How many of 8,000 rows are in doubt."""

    async def scene() -> Result:
        kombo = Kombo()
        kombo.systems[A] = system
        results, _ = await uploaded(kombo, rows(8_000, [A]))
        told = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in results.most_common())
        return Result(told, results["in_doubt"] <= 50 and (system.down or results["unsent"] == 0))

    result: Result = on_virtual_time(scene)
    return result


def read_beside_slow_actions() -> Result:
    """The longest of some reads while ten systems keep their actions waiting."""

    async def scene() -> Result:
        kombo = Kombo()
        client = kombo.client()
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                kombo.systems[f"slow:{number}"] = System(seconds=2.0)
                for _ in range(200):
                    tasks.start_soon(timed, client, CREATE, f"slow:{number}")
            await anyio.sleep(5)
            longest = max([await timed(client, READ, A) for _ in range(20)])
            tasks.cancel_scope.cancel()
        return Result(f"{longest * 1000:.0f} ms", longest < 0.05)

    result: Result = on_virtual_time(scene)
    return result


def action_beside_hanging_systems() -> Result:
    """The longest of some actions while ten busy systems have stopped answering and hold all connections."""

    async def scene() -> Result:
        kombo = Kombo()
        client = kombo.client(retry=RetryPolicy.none())
        async with anyio.create_task_group() as tasks:
            await hang(kombo, client, tasks, 10)
            longest = max([await timed(client, CREATE, A) for _ in range(10)])
            tasks.cancel_scope.cancel()
        return Result(f"{longest:.1f} s", longest < 1.5)

    result: Result = on_virtual_time(scene)
    return result


def beside_a_limited_one(refusal: Refusal) -> Result:
    """Calls a second of healthy integrations, with and without one that is always refused."""

    async def throughput(*, limited: bool) -> float:
        kombo = Kombo()
        client = kombo.client(retry=RetryPolicy.none())
        kombo.systems["limited:1"] = System(refusal=refusal, down=True)
        done: Counter[bool] = Counter()

        async def work(integration_id: str) -> None:
            while True:
                response = await client.send(CREATE, integration_id=integration_id)
                done[isinstance(response, Success)] += 1

        async with anyio.create_task_group() as tasks:
            for number in range(60):
                kombo.systems[f"healthy:{number}"] = System(seconds=0.5)
                tasks.start_soon(work, f"healthy:{number}")
            for _ in range(30 if limited else 0):
                tasks.start_soon(work, "limited:1")
            await anyio.sleep(10)
            tasks.cancel_scope.cancel()
        return done[True] / 10

    async def scene() -> Result:
        alone, beside = await throughput(limited=False), await throughput(limited=True)
        return Result(f"{alone:,.0f} → {beside:,.0f} calls/s", beside >= 0.97 * alone)

    result: Result = on_virtual_time(scene)
    return result


def used(*, headers: bool) -> Result:
    """Which part of the places one process uses, where there are 5, 10, 30 or 60."""

    def of(limit: int) -> float:
        async def scene() -> float:
            kombo = Kombo()
            refusal: Refusal = "concurrency" if headers else "plain"
            kombo.systems[A] = System(limit=limit, seconds=0.4, headers=headers, refusal=refusal)
            client = kombo.client(retry=RetryPolicy(attempts=30))
            async with anyio.create_task_group() as tasks:
                for _ in range(60 * limit):
                    tasks.start_soon(client.send, CREATE)
            return kombo.systems[A].use()

        part: float = on_virtual_time(scene)
        return part

    limits = (5, 10, 30, 60) if headers else (5, 10, 30)
    parts = [of(limit) for limit in limits]
    text = ", ".join(f"{part:.0%} of {limit}" for limit, part in zip(limits, parts, strict=True))
    return Result(text, min(parts) >= (0.95 if headers else 0.85))


def machines(number: int, *, limit: int = 30, headers: bool = True, actions: int = 60) -> Result:
    """How so many processes share an integration without knowing of each other."""
    work = number * actions * 0.4 / limit

    async def scene() -> Result:
        kombo = Kombo()
        refusal: Refusal = "concurrency" if headers else "plain"
        system = kombo.systems[A] = System(limit=limit, seconds=0.4, headers=headers, refusal=refusal)
        longest = 0.0
        failed = 0

        async def send(client: Any) -> None:
            nonlocal longest, failed
            start = anyio.current_time()
            response = await client.send(CREATE)
            failed += not isinstance(response, Success)
            longest = max(longest, anyio.current_time() - start)

        async with anyio.create_task_group() as tasks:
            for each in range(number):
                client = kombo.client(f"machine {each}", retry=RetryPolicy(attempts=10 if headers else 30))
                for _ in range(actions):
                    tasks.start_soon(send, client)
            await anyio.sleep(work / 2)
            halfway = [kombo.by_client[f"machine {each}"] for each in range(number)]
        refused = system.refused / (system.refused + system.performed)
        least = min(halfway) / (sum(halfway) / number)
        text = (
            f"{system.use():.0%} used, {refused:.0%} refused, {failed} failed; who got least had {least:.0%} "
            f"of the mean halfway; longest call {longest:.0f} s for {work:.0f} s of work"
        )
        return Result(text, system.use() >= 0.8 and failed == 0 and least > 0)

    result: Result = on_virtual_time(scene)
    return result


def pending() -> Result:
    """2,000 rows for 10 integrations, of which one has not finished its first sync."""

    async def scene() -> Result:
        async def seconds(*, one_pending: bool) -> tuple[float, Counter[str]]:
            kombo = Kombo()
            names = [f"greenhouse:{number}" for number in range(10)]
            for name in names:
                kombo.systems[name] = System(seconds=0.1)
            if one_pending:
                kombo.systems[names[3]] = attrs.evolve(kombo.systems[names[3]], down=True, refusal="pending")
            mixed = [row for some in zip(*(rows(200, [name]) for name in names), strict=True) for row in some]
            results, took = await uploaded(kombo, mixed)
            return took, results

        (well, _), (took, results) = await seconds(one_pending=False), await seconds(one_pending=True)
        told = ", ".join(f"{count:,} {name}" for name, count in results.most_common())
        return Result(f"{well:.1f} s become {took:.1f} s ({told})", took < well + 11)

    result: Result = on_virtual_time(scene)
    return result


def sorted_input() -> Result:
    """The same rows for ten integrations, one integration after the other, and in turns."""

    async def scene() -> Result:
        names = [f"greenhouse:{number}" for number in range(10)]

        async def seconds(*, in_turns: bool) -> float:
            kombo = Kombo()
            for name in names:
                kombo.systems[name] = System(seconds=0.4)
            source = rows(300, names)
            if in_turns:
                parts = zip(*(rows(300, [name]) for name in names), strict=True)
                source = (row for some in parts for row in some)
            _, took = await uploaded(kombo, source)
            return took

        one_by_one, mixed = await seconds(in_turns=False), await seconds(in_turns=True)
        return Result(f"{mixed / one_by_one:.2f} x", mixed / one_by_one >= 0.9)

    result: Result = on_virtual_time(scene)
    return result


def settled() -> Result:
    """When rows in doubt are settled, beside an integration with many whose lists are slow."""
    kombo = Kombo()
    kombo.systems[A].read_seconds = 20.0
    healthy = [f"lever:{number}" for number in range(10)]
    source = [
        row for name, number in [(A, 300), *((each, 20) for each in healthy)] for row in settling.rows(number, name)
    ]
    times = settling.settled(kombo, source)
    slow, others = max(times.pop(A)), max(map(max, times.values()))
    return Result(f"theirs after {others:.1f} s, its own after {slow:.0f} s", others < 1)


LIMITED = "a connected system that takes 5 at once and refuses the rest by `REMOTE.RATE_LIMIT_EXCEEDED`: 8,000 rows"
BESIDE = "60 healthy integrations beside one that answers 429"

SCENES = (
    Scene(
        LIMITED,
        "7,627 rows in doubt",
        "a few dozen in doubt, the rest done",
        "virtual time",
        lambda: doubts(System(limit=5, seconds=0.4, refusal="remote", headers=False)),
    ),
    Scene(
        "a connected system that answers 500: 8,000 rows",
        "8,000 rows in doubt in 8 s",
        "a few dozen in doubt, the rest unsent",
        "virtual time",
        lambda: doubts(System(refusal="error", down=True)),
    ),
    Scene(
        "a healthy read beside 10 integrations whose actions take 2 s",
        "4 s",
        "< 50 ms",
        "virtual time",
        read_beside_slow_actions,
    ),
    Scene(
        "an action of 1 s beside 10 busy integrations whose systems have stopped answering",
        "waits until theirs time out",
        "< 1.5 s",
        "virtual time",
        action_beside_hanging_systems,
    ),
    Scene(
        f"{BESIDE} `PLATFORM.RATE_LIMIT_EXCEEDED`",
        "1,115 → 21 calls/s",
        "≥ 0.97 x",
        "virtual time",
        lambda: beside_a_limited_one("platform"),
    ),
    Scene(
        f"{BESIDE} without a code",
        "1,115 → 526 calls/s",
        "≥ 0.97 x",
        "virtual time",
        lambda: beside_a_limited_one("plain"),
    ),
    Scene(
        "places used by one process, told by headers",
        "76 to 84 %",
        "≥ 95 %",
        "virtual time",
        lambda: used(headers=True),
    ),
    Scene(
        "places used by one process, told by plain 429s alone",
        "25 to 33 %",
        "≥ 85 %",
        "virtual time",
        lambda: used(headers=False),
    ),
    *(
        Scene(
            f"{number} processes on one integration, without Redis",
            before,
            "none starves",
            "virtual time",
            lambda number=number: machines(number),  # type: ignore[misc]
        )
        for number, before in (
            (16, "98 % used, 2.9 % refused; one gets nothing"),
            (32, "98 % used, 10 % refused; one gets nothing"),
            (50, "98 % used, 20 % refused, 20 failed, calls of 49 s"),
        )
    ),
    Scene(
        "8 processes on 5 places of an integration, told by plain 429s alone, without Redis",
        "24 % refused; one gets nothing",
        "none starves",
        "virtual time",
        lambda: machines(8, limit=5, headers=False, actions=200),
    ),
    Scene(
        "2,000 rows, 10 % of them for an integration whose first sync is pending",
        "1.2 s become 24 s",
        "one wait of 10 s for all",
        "virtual time",
        pending,
    ),
    Scene(
        "200 rows in doubt of 10 integrations, beside 300 of one whose lists take 20 s a page",
        "one lock for the lists of all integrations",
        "theirs settled within a second",
        "virtual time",
        settled,
    ),
    Scene("input sorted by integration, against input in turns", "0.33 x", "≥ 0.9 x", "virtual time", sorted_input),
)
