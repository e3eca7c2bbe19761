"""Several processes that read the same input, through one journal in a real Redis."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import attrs
import pytest

redis = pytest.importorskip("redis", reason="needs the package redis")

from tests.support.fault_server import Exchange, FaultServer  # noqa: E402
from tests.support.redis_server import needs_redis, redis_server  # noqa: E402
from tests.support.wire import APPLICATION  # noqa: E402

pytestmark = [needs_redis, pytest.mark.timeout(120)]

ROWS = 1_000


@attrs.frozen
class Upload:
    """What an upload came to."""

    did: list[int]
    """How many rows each process did."""
    outcomes: list[int]
    made: Counter[str]
    """How often each application was made, by e-mail address."""
    commands: dict[str, int]
    """How often Redis ran each command, those of scripts included."""


def uploaded(processes: int) -> Upload:
    """Let so many processes upload the same rows."""

    def made(exchange: Exchange) -> object:
        if exchange.method != "POST" or not exchange.target.endswith("/applications"):
            return {}
        email = json.loads(exchange.body)["candidate"]["email_address"]
        return {**APPLICATION, "id": f"made for {email}"}

    with redis_server() as address, FaultServer(latency=0.02) as server:
        server.data = made
        command = [sys.executable, "-m", "tests.scale.reader", server.url, address, str(ROWS)]
        running = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        results = [json.loads(process.communicate(timeout=100)[0]) for process in running]
        with redis.Redis.from_url(address) as client:
            stats: Any = client.info("commandstats")
        commands = {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}
        emails = Counter(
            json.loads(each.body)["candidate"]["email_address"] for each in server.requests if each.method == "POST"
        )
    return Upload([each["did"] for each in results], [each["outcomes"] for each in results], emails, commands)


WRITES = ("hset", "hincrby", "sadd", "srem", "hdel")


def test_four_processes_with_the_same_input() -> None:
    """Each row is done once, and the journal is written no more often than by a process that is alone.

    Counted by the server, so that how busy the machine is makes little difference.
    """
    one, four = uploaded(1), uploaded(4)
    assert one.outcomes * 4 == four.outcomes == [ROWS] * 4, "each process hears of each row"
    assert sum(four.did) == ROWS
    assert min(four.did) > 0
    assert (len(four.made), set(four.made.values())) == (ROWS, {1})
    alone, together = (sum(each.commands[name] for name in WRITES) for each in (one, four))
    assert together <= 1.02 * alone
    # `hlen` is called once for each step of a row. How often rows are met that another process has just then, and how
    # many steps one script takes, depends on how busy the machine is.
    assert four.commands["hlen"] <= 6 * one.commands["hlen"]
    assert four.commands["evalsha"] <= ROWS
