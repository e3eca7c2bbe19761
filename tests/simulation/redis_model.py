"""A Redis for many processes on virtual time: fakeredis runs the commands and scripts, with latency and lost replies.

`test_redis_model.py` holds it against a real server.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Any

import fakeredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from tests.simulation.clocks import EPOCH
from tests.simulation.scheduler import Process, World


class RedisServer:
    """What the machine does that Redis runs on."""

    def __init__(self, world: World, settings: Mapping[str, str], is_full: Callable[[], bool] = lambda: False) -> None:
        self.world = world
        self.is_full = is_full
        self.settings = settings
        self.starts = 0
        self.wall_offset = 0.0
        """By how much its clock is wrong."""
        self.evicted = 0
        self.down_until = -1.0
        self._chance = world.random("redis")
        self.commands: Any = fakeredis.FakeStrictRedis(server=fakeredis.FakeServer(server_type="redis", version=(7,)))
        self._saved: dict[bytes, tuple[bytes, int]] = {}
        self.calm = False

    def client(self, process: Process) -> RedisClient:
        """A client of *process*."""
        return RedisClient(self, process, self._chance)

    def run(self, command: Callable[[], Any]) -> Any:
        """Run *command* by the server's own clock."""
        if self.world.now < self.down_until:
            raise RedisConnectionError("Connection refused")
        self.world.clocks.set(EPOCH + self.world.now + self.wall_offset, self.world.now)
        return command()

    def save(self) -> None:
        """Write an RDB file."""
        self._saved = {key: (self.commands.dump(key), self.commands.pttl(key)) for key in self.commands.keys()}  # noqa: SIM118 - it is no dictionary

    def restart(self, *, from_rdb: bool, seconds: float = 2.0) -> None:
        """Stop, and start again with what is on the disk."""
        self.world.say("redis", f"RESTARTED{' from its last RDB file' if from_rdb else ''}")
        self.starts += 1
        self.down_until = self.world.now + seconds
        if from_rdb:
            self.commands.flushall()
            for key, (value, ttl) in self._saved.items():
                self.commands.restore(key, max(0, ttl), value)

    def step_clock(self, seconds: float) -> None:
        """Let its clock step."""
        self.world.say("redis", f"its clock steps by {seconds:.0f} s")
        self.wall_offset += seconds

    def evict(self) -> None:
        """Throw a key away, as an LRU policy does."""
        keys = sorted(self.commands.keys())
        if keys:
            key = self._chance.choice(keys)
            self.world.say("redis", f"EVICTED {key.decode()}")
            self.commands.delete(key)
            self.evicted += 1

    def info(self, section: str | None = None) -> dict[str, Any]:
        """What `INFO` says, as far as a journal may want to know it."""
        sections: dict[str, dict[str, Any]] = {
            "server": {"redis_version": "7.0.15", "redis_mode": "standalone", "run_id": f"{self.starts:040}"},
            "memory": {"maxmemory": 0, "maxmemory_policy": self.settings["policy"], "used_memory": 1_000_000},
            "persistence": {
                "loading": 0,
                "aof_enabled": int(self.settings["aof"]),
                "aof_last_write_status": "ok",
                "aof_last_bgrewrite_status": "ok",
                "rdb_last_bgsave_status": "ok",
                "rdb_changes_since_last_save": 0,
            },
            "stats": {"evicted_keys": self.evicted, "expired_keys": 0},
            "replication": {"role": "master", "connected_slaves": 0},
            "cluster": {"cluster_enabled": 0},
        }
        if section is None or section in ("default", "all", "everything"):
            return {name: value for each in sections.values() for name, value in each.items()}
        return sections[section.lower()]

    def config_get(self, *names: str) -> dict[str, str]:
        """What `CONFIG GET` says, where it may be asked."""
        if self.settings["config"] == "forbidden":
            raise ResponseError("unknown command 'CONFIG'")
        known = {
            "maxmemory-policy": self.settings["policy"],
            "appendonly": "yes" if self.settings["aof"] == "1" else "no",
            "appendfsync": "always",
            "save": "3600 1",
        }
        return {name: known[name] for name in names if name in known}


class RedisClient:
    """What `redis.asyncio.Redis` is, as far as a journal uses it."""

    def __init__(self, server: RedisServer, process: Process, chance: random.Random) -> None:
        self._server = server
        self._process = process
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        async def command(*args: Any, **kwargs: Any) -> Any:
            own = getattr(self._server, name) if name in ("info", "config_get") else None
            return await self.command(name, own or getattr(self._server.commands, name), *args, **kwargs)

        return command

    async def command(self, name: str, do: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a command; where its reply is lost, run it again, as the client's own retry does."""
        disturbance: Any = self._process.disturbance
        await disturbance.work(f"before {name}")
        server = self._server
        if name == "eval" and server.is_full():
            raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
        for _ in range(3):
            try:
                reply = server.run(lambda: do(*args, **kwargs))
            except RedisConnectionError:
                await disturbance.work(f"redis is down: {name}")
                continue
            self._process.world.clocks.set(
                EPOCH + self._process.world.now + self._process.wall_offset, self._process.world.now
            )
            await disturbance.work(f"after {name}")
            if server.calm or self._chance.random() > 0.03:
                return reply
            server.world.say("redis", f"the reply to {name} for {self._process.name} is lost")
        raise RedisConnectionError("Connection reset by peer")

    def pipeline(self, transaction: bool = True, **_: Any) -> RedisPipeline:
        """Commands that are sent together."""
        return RedisPipeline(self, transaction=transaction)

    async def run_together(self, queued: list[tuple[str, tuple[Any, ...], dict[str, Any]]], whole: bool) -> list[Any]:
        """Run the commands of a pipeline; where its replies are lost, only the first of them may have been run."""
        disturbance: Any = self._process.disturbance
        server, world = self._server, self._process.world
        await disturbance.work("before a pipeline")
        for _ in range(3):
            lost = not server.calm and self._chance.random() < 0.03
            count = self._chance.randint(0, len(queued)) if lost and not whole else len(queued)
            try:
                replies = [server.run(partial(_attempt, server, *each)) for each in queued[:count]]
            except RedisConnectionError:
                await disturbance.work("redis is down: a pipeline")
                continue
            world.clocks.set(EPOCH + world.now + self._process.wall_offset, world.now)
            await disturbance.work("after a pipeline")
            if not lost:
                return replies
            world.say(
                "redis", f"the replies to a pipeline for {self._process.name} are lost, {count} commands were run"
            )
        raise RedisConnectionError("Connection reset by peer")

    def register_script(self, script: str) -> Any:
        """A script that can be awaited."""

        async def run(keys: Any = (), args: Any = (), client: Any = None) -> Any:
            return await self.command("eval", self._server.commands.eval, script, len(keys), *keys, *args)

        return run

    async def hscan_iter(self, name: str, **_: Any) -> AsyncGenerator[tuple[bytes, bytes]]:
        """All fields of a hash."""
        for item in (await self.hgetall(name)).items():
            yield item

    async def aclose(self) -> None:
        """Nothing to close."""

    close = aclose


class RedisPipeline:
    """What `redis.asyncio.client.Pipeline` is, as far as a journal uses it."""

    def __init__(self, client: RedisClient, *, transaction: bool) -> None:
        self._client = client
        self._transaction = transaction
        self._queued: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def queue(*args: Any, **kwargs: Any) -> RedisPipeline:
            self._queued.append((name, args, kwargs))
            return self

        return queue

    async def __aenter__(self) -> RedisPipeline:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._queued = []

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Run what was queued."""
        queued, self._queued = self._queued, []
        replies = await self._client.run_together(queued, self._transaction)
        for reply in replies:
            if raise_on_error and isinstance(reply, Exception):
                raise reply
        return replies


def _attempt(server: RedisServer, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a command of a pipeline; an error of its own is its reply."""
    try:
        own = getattr(server, name) if name in ("info", "config_get") else None
        return (own or getattr(server.commands, name))(*args, **kwargs)
    except ResponseError as error:
        return error
