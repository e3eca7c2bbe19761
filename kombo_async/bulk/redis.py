"""The journal in Redis, shared by the workers of any number of machines (extra `[redis]`, asyncio only).

A row belongs to one worker at a time. Each run has a lease that it renews while it lives: once a run has not been heard
of for that long, its rows are free, and what it was sending is in doubt. A run that was only held up (a stopped virtual
machine, say) finds its lease lapsed, and sends nothing more.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from kombo_async._lazy import missing_extra

try:
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.exceptions import RedisError, ResponseError
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "redis", "redis") from None

from kombo_async.bulk._journal import (
    Claim,
    Entry,
    JournalError,
    JournalLocked,
    JournalMismatch,
    RowKey,
    decode_entry,
    encode_entry,
)

FORMAT = "1"
CONNECTIONS = 20
"""How many connections a journal makes by itself at most; more rows than these wait their turn."""

# A row is `<h or f><run>\n<entry>`: held or free, by whom last, and what is known. KEYS: rows, runs. ARGV: run, ...
_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) "
_LIVES = _NOW + "local function lives(run) return tonumber(redis.call('HGET', KEYS[2], run) or 0) > now end "
_ROW = """
    local function read(key)
        local row = redis.call('HGET', KEYS[1], key)
        if not row then return 'f', '', '' end
        local line = string.find(row, '\\n', 1, true)
        return string.sub(row, 1, 1), string.sub(row, 2, line - 1), string.sub(row, line + 1)
    end
    local function write(key, held, run, entry) redis.call('HSET', KEYS[1], key, held .. run .. '\\n' .. entry) end
"""
# ARGV: run, lease in ms, "1" at its beginning. The runs that have died long since are forgotten.
_RENEW = (
    _LIVES
    + """
    if ARGV[3] == '1' then
        local runs = redis.call('HGETALL', KEYS[2])
        for i = 1, #runs, 2 do if tonumber(runs[i + 1]) <= now then redis.call('HDEL', KEYS[2], runs[i]) end end
    elseif not lives(ARGV[1]) then
        return 0
    end
    redis.call('HSET', KEYS[2], ARGV[1], now + ARGV[2])
    return 1
"""
)
# ARGV: run, key
_CLAIM = (
    _LIVES
    + _ROW
    + """
    if not lives(ARGV[1]) then return {'lapsed', ''} end
    local held, run, entry = read(ARGV[2])
    if run == ARGV[1] then return {'met', entry} end
    if held == 'h' and lives(run) then return {'held', entry} end
    write(ARGV[2], 'h', ARGV[1], entry)
    return {'claimed', entry}
"""
)
# ARGV: run, key, entry, state. What is done is done, whoever has the row by now.
_RECORD = (
    _LIVES
    + _ROW
    + """
    local held, run = read(ARGV[2])
    local mine = run == ARGV[1] and held == 'h'
    if ARGV[4] == 'sending' then
        if not mine or not lives(ARGV[1]) then return 'lapsed' end
        write(ARGV[2], 'h', ARGV[1], ARGV[3])
    elseif mine or ARGV[4] == 'done' then
        write(ARGV[2], 'f', ARGV[1], ARGV[3])
    end
    return 'recorded'
"""
)
# ARGV: run, key
_RELEASE = (
    _ROW
    + """
    local held, run, entry = read(ARGV[2])
    if run ~= ARGV[1] or held ~= 'h' then return end
    if entry == '' then redis.call('HDEL', KEYS[1], ARGV[2]) else write(ARGV[2], 'f', '', entry) end
"""
)


class RedisJournal:
    """A journal in Redis, for one process or many.

    Rows outlive any process, and Redis itself as far as it is set up to keep what it has: use `appendonly yes`, and
    `appendfsync always` where a power cut must not make rows be looked for. A Redis that evicts keys is refused.

    Args:
        redis: The address (`redis://localhost:6379/0`), or a `redis.asyncio.Redis` of yours, which stays open.
        job: What the journal is for, such as the name of the input: all workers of an upload give the same.
        lease: Seconds after which a run that is not heard of counts as dead.
    """

    durable: ClassVar[bool] = True

    def __init__(self, redis: Redis | str, *, job: str, lease: float = 30.0) -> None:
        if lease <= 0:
            raise ValueError("lease: must be more than 0 seconds")
        self.job = job
        self.run: str = uuid.uuid4().hex
        self._lease = lease
        self._own = isinstance(redis, str)
        self._address = redis if isinstance(redis, str) else ""
        self._redis: Any = (
            None if isinstance(redis, str) else redis
        )  # its own types are for two kinds of clients at once
        self._renewing: asyncio.Task[None] | None = None
        self._rows = f"kombo:{{{job}}}:rows"
        self._runs = f"kombo:{{{job}}}:runs"
        self._about = f"kombo:{{{job}}}:about"

    def __repr__(self) -> str:
        return f"RedisJournal(job={self.job!r})"

    async def open(self, address: str | None) -> None:
        """Begin a run against the API at *address*; see `Journal.open`."""
        if self._renewing is not None:
            raise JournalLocked(f"{self!r} is in use by a run of this very process; make one for each run")
        with self._as_journal_errors():
            await self._check(address or "")
            self.run = uuid.uuid4().hex
            await self._renew(begin=True)
        self._renewing = asyncio.create_task(self._keep_renewing())

    async def claim(self, key: RowKey) -> Claim:
        """See `Journal.claim`."""
        answer, entry = map(_text, await self._eval(_CLAIM, self.run, _name(key)))
        if answer == "lapsed":
            raise self._lapsed()
        return Claim(_entry(entry), status={"claimed": "ours", "met": "met"}.get(answer, "held"))  # type: ignore[arg-type]

    def check(self) -> None:
        """See `Journal.check`."""

    async def owners(self, ids: Sequence[str]) -> Mapping[str, RowKey]:
        """See `Journal.owners`."""
        return {}

    async def unfinished(self) -> AsyncGenerator[tuple[RowKey, Entry]]:
        """See `Journal.unfinished`."""
        async for key, entry in self.entries():
            if entry.is_unfinished:
                yield key, entry

    async def record(self, key: RowKey, entry: Entry) -> bool:
        """See `Journal.record`. Raises `JournalLocked`, before anything is sent, where the row is another's by now."""
        encoded = encode_entry(entry).decode()
        if _text(await self._eval(_RECORD, self.run, _name(key), encoded, entry.state)) == "lapsed":
            raise self._lapsed()
        return True

    async def release(self, key: RowKey) -> None:
        """See `Journal.release`."""
        await self._eval(_RELEASE, self.run, _name(key))

    async def aclose(self) -> None:
        """End the run: rows that it still holds are free at once."""
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
        with self._as_journal_errors():
            try:
                await self._connection.hdel(self._runs, self.run)
            finally:
                if self._own:
                    redis, self._redis = self._redis, None
                    await redis.aclose()

    async def look_up(self, keys: Sequence[RowKey]) -> list[Entry | None]:
        """What is known of rows, None for new ones; without a run, for whoever spreads the work."""
        with self._as_journal_errors():
            names = [_name(key) for key in keys]
            rows: list[Any] = await self._connection.hmget(self._rows, names) if names else []
        return [None if row is None else _entry(_text(row).partition("\n")[2]) for row in rows]

    async def entries(self) -> AsyncGenerator[tuple[RowKey, Entry]]:
        """All rows, in no order; for reports."""
        with self._as_journal_errors():
            async for name, row in self._connection.hscan_iter(self._rows, count=500):
                entry = _entry(_text(row).partition("\n")[2])
                if entry is not None:
                    yield RowKey(*json.loads(_text(name))), entry

    @property
    def _connection(self) -> Any:
        if self._redis is None:
            pool: Any = BlockingConnectionPool
            self._redis = Redis.from_pool(pool.from_url(self._address, max_connections=CONNECTIONS, timeout=30))
        return self._redis

    async def _eval(self, script: str, *arguments: str) -> Any:
        with self._as_journal_errors():
            return await self._connection.register_script(script)(keys=[self._rows, self._runs], args=arguments)

    async def _check(self, address: str) -> None:
        redis = self._connection
        with suppress(ResponseError):  # where reading the settings is not allowed
            policy = await redis.config_get("maxmemory-policy")
            if any(_text(value).startswith("allkeys") for value in policy.values()):
                raise JournalError(f"{self!r}: this Redis evicts keys; set maxmemory-policy noeviction")
        for name, given in (("format", FORMAT), ("address", address)):
            await redis.hsetnx(self._about, name, given)
            known = _text(await redis.hget(self._about, name))
            if known != given:
                raise JournalMismatch(
                    f"{self!r} belongs to another upload: its {name} is {known!r}, and not {given!r}; name another job"
                )

    async def _renew(self, *, begin: bool = False) -> bool:
        milliseconds = str(int(self._lease * 1000))
        return bool(await self._eval(_RENEW, self.run, milliseconds, "1" if begin else "0"))

    async def _keep_renewing(self) -> None:
        """Renew the lease until it has lapsed; while Redis cannot be reached, try again."""
        while True:
            await asyncio.sleep(self._lease / 4)
            with suppress(JournalError):
                if not await self._renew():
                    return

    def _lapsed(self) -> JournalLocked:
        return JournalLocked(f"{self!r}: this run was not heard of for {self._lease:g} s, and others have its rows now")

    @contextmanager
    def _as_journal_errors(self) -> Generator[None]:
        try:
            yield
        except (RedisError, OSError) as error:
            raise JournalError(f"{self!r} cannot be used: {type(error).__name__}: {error}") from None


def _name(key: RowKey) -> str:
    return json.dumps([key.key, key.kind, key.integration_id])


def _text(value: Any) -> str:
    """An answer as text, whether the client decodes or not."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _entry(encoded: str) -> Entry | None:
    return decode_entry(encoded) if encoded else None
