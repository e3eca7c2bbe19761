"""The journal in Redis, shared by the workers of any number of machines (extra `[redis]`, asyncio only).

A row belongs to one worker at a time. Each run has a lease, which it renews while it is alive. When the lease lapses,
the run's rows are free, and the ones it was sending are in doubt. A run that was only paused (by SIGSTOP, or with
its machine) sees by a clock of its own, right before sending, that its lease may have lapsed, and sends nothing more.

Rows are spread over buckets, none of which is too large to remove at once. Commands for many rows are sent together,
over a few connections that all journals of a process share.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, ClassVar

from kombo_async._cancellation import unless_cancelled
from kombo_async._lazy import missing_extra

try:
    from redis.asyncio import Redis
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "redis", "redis") from None

from kombo_async.bulk import _redis_scripts as scripts
from kombo_async.bulk._journal import (
    Claim,
    Entry,
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalMismatch,
    RowKey,
    decode_entry,
    encode_entry,
    proof_of,
)
from kombo_async.bulk._redis_clients import give_back, take_client
from kombo_async.bulk._redis_commands import Commands, Reply, as_journal_errors, commands_for, keys_of, name_of, text

FORMAT = "3"
BUCKETS = 1_024
"""The number of hashes for the rows of a journal: with ten million rows, each has ten thousand."""
MARGIN = 0.1
"""The last part of its lease, in which a run sends nothing: requests must arrive before others may have the row."""
SLICE = 100
"""How many keys are removed at once."""


def _now() -> float:
    """Seconds on a clock that is never set, and that (on Linux) runs on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class RedisJournal:
    """A journal in Redis, for one process or many.

    A Redis that evicts keys is refused, and so is one without an append-only file (`appendonly yes`), which loses data
    when it restarts. With `appendfsync always`, a run recovers even from a power cut without searching for rows.

    Args:
        redis: The address (`redis://localhost:6379/0`), or your own `redis.asyncio.Redis`, which stays open.
        job: What the journal is for, such as the name of the input; the same for all workers of an upload.
        lease: Seconds after which a silent run counts as dead.
        require_aof: Whether to refuse a Redis without an append-only file. Without one, rows sent in the last
            minutes before a restart may be sent again.
    """

    durable: ClassVar[bool] = True

    def __init__(self, redis: Redis | str, *, job: str, lease: float = 30.0, require_aof: bool = True) -> None:
        if lease <= 0:
            raise ValueError("lease: must be more than 0 seconds")
        self.job = job
        self.run: str = uuid.uuid4().hex
        self._lease = lease
        self._require_aof = require_aof
        self._address = redis if isinstance(redis, str) else ""
        self._redis: Any = None if isinstance(redis, str) else redis  # its types cover two kinds of clients at once
        self._renewing: asyncio.Task[None] | None = None
        self._commands: Commands | None = None
        self._claims = 0
        self._sends_until = 0.0
        self._about, self._runs, self._counts, self._unfinished, self._rows, self._proofs = keys_of(job)

    def __repr__(self) -> str:
        return name_of(self.job)

    async def open(self, address: str | None) -> None:
        """Begin a run against the API at *address*; see `Journal.open`."""
        if self._renewing is not None:
            raise JournalLocked(f"{self!r} is already in use by another run of this process; make one for each run")
        with as_journal_errors(repr(self)):
            await self._check_server()
        self.run = uuid.uuid4().hex
        start = _now()
        answer, known = await self._do(scripts.OPEN, self._milliseconds, FORMAT, address or "", str(BUCKETS))
        if answer in ("format", "address"):
            given = FORMAT if answer == "format" else address
            raise JournalMismatch(
                f"{self!r} belongs to another upload: its {answer} is {known!r}, not {given!r}; use another job"
            )
        if answer == "nothing":
            raise JournalError(f"{self!r} does not exist")
        self._sends_until = start + self._lease * (1 - MARGIN)
        self._renewing = asyncio.create_task(self._keep_renewing())

    async def claim(self, key: RowKey) -> Claim:
        """See `Journal.claim`."""
        self._claims += 1
        answer, entry = await self._do_with("claim", key, "", str(self._claims))
        return Claim(_entry(entry), status="ours" if answer == "done" else answer)  # type: ignore[arg-type]

    def check(self) -> None:
        """See `Journal.check`."""
        if _now() >= self._sends_until:
            raise self._lapsed()

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """See `Journal.record`. Raises `JournalLocked`, before anything is sent, if another run has the row by now."""
        proof = proof_of(entry)
        written = encode_entry(entry).decode()
        answer, _ = await self._do_with("record", key, proof, written, entry.state, proof, entry.proof, "fh"[hold])
        return answer != "taken"

    async def owners(self, ids: Sequence[str]) -> Mapping[str, RowKey]:
        """See `Journal.owners`."""
        with as_journal_errors(repr(self)):
            async with self._connection.pipeline(transaction=False) as pipeline:
                for id in ids:
                    pipeline.hget(self._proofs + _bucket(id), id)
                found: list[Any] = await pipeline.execute() if ids else []
        return {id: _key(text(there).partition(":")[2]) for id, there in zip(ids, found, strict=True) if there}

    async def release(self, key: RowKey) -> None:
        """See `Journal.release`."""
        await self._do_with("release", key, "")

    async def aclose(self) -> None:
        """End the run; rows that it still holds are free at once."""
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
        self._sends_until = 0.0
        with as_journal_errors(repr(self)):
            try:
                if self._redis is not None:
                    await self._connection.hdel(self._runs, self.run)
            finally:
                self._commands = None
                if self._address and self._redis is not None:
                    self._redis = None
                    await give_back(self._address)

    async def look_up(self, keys: Sequence[RowKey]) -> list[Entry | None]:
        """What is known about rows, None for new ones. Needs no run; for code that distributes the work."""
        with as_journal_errors(repr(self)):
            rows = await self._read([_name(key) for key in keys])
        return [None if row is None else _entry(row) for row in rows]

    async def unfinished(self) -> AsyncGenerator[tuple[RowKey, Entry]]:
        """See `Journal.unfinished`; does not scan all rows."""
        with as_journal_errors(repr(self)):
            names = sorted(map(text, await self._connection.smembers(self._unfinished)))
            for start in range(0, len(names), 500):
                part = names[start : start + 500]
                for name, row in zip(part, await self._read(part), strict=True):
                    entry = _entry(row) if row else None
                    if entry is not None and entry.is_unfinished:
                        yield _key(name), entry

    async def entries(self) -> AsyncGenerator[tuple[RowKey, Entry]]:
        """All rows, in no particular order; for reports."""
        with as_journal_errors(repr(self)):
            for bucket in range(BUCKETS):
                async for name, row in self._connection.hscan_iter(f"{self._rows}{bucket}", count=500):
                    entry = _entry(text(row).partition("\n")[2])
                    if entry is not None:
                        yield _key(text(name)), entry

    async def forget(self) -> None:
        """Remove the journal, in slices that do not block Redis. Raises `JournalLocked` while a run is alive."""
        answer, _ = await self._do(scripts.LIVES)
        if answer == "lives":
            raise JournalLocked(f"{self!r} is in use by a run; wait until it ends, or stop it first")
        keys = [f"{prefix}{bucket}" for prefix in (self._rows, self._proofs) for bucket in range(BUCKETS)]
        keys += [self._unfinished, self._counts, self._runs, self._about]
        with as_journal_errors(repr(self)):
            for start in range(0, len(keys), SLICE):
                await self._connection.unlink(*keys[start : start + SLICE])

    @property
    def _connection(self) -> Any:
        if self._redis is None:
            self._redis = take_client(self._address)
        return self._redis

    @property
    def _shared(self) -> Commands:
        if self._commands is None:
            self._commands = commands_for(self._connection, self.job)
        return self._commands

    @property
    def _milliseconds(self) -> str:
        return str(int(self._lease * 1000))

    async def _read(self, names: Sequence[str]) -> list[str | None]:
        """The stored entries of these rows."""
        if not names:
            return []
        async with self._connection.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hget(self._rows + _bucket(name), name)
            found: list[Any] = await pipeline.execute()
        return [None if row is None else text(row).partition("\n")[2] for row in found]

    async def _do_with(self, what: str, key: RowKey, proof: str, *arguments: str) -> Reply:
        """Run a command for a row."""
        name = _name(key)
        return self._checked(
            await self._shared.do_with_row(what, self.run, _bucket(name), _bucket(proof), name, *arguments)
        )

    async def _do(self, script: str, *arguments: str) -> Reply:
        """Run a script for the whole journal."""
        return self._checked(await self._shared.do(script, self.run, *arguments))

    def _checked(self, reply: Reply) -> Reply:
        if reply[0] == "lapsed":
            raise self._lapsed()
        return reply

    async def _check_server(self) -> None:
        """Refuse a Redis that may lose rows. `INFO` works even where settings cannot be read."""
        memory = await unless_cancelled(self._connection.info("memory"))
        persistence = await unless_cancelled(self._connection.info("persistence"))
        policy = str(memory.get("maxmemory_policy", "unknown"))
        if policy != "noeviction" and not policy.startswith("volatile-"):  # our keys never expire
            raise JournalError(f"{self!r}: this Redis evicts keys ({policy}); set maxmemory-policy noeviction")
        if self._require_aof and str(persistence.get("aof_enabled", "unknown")) != "1":
            raise JournalError(
                f"{self!r}: this Redis loses data when it restarts; set appendonly yes, "
                "or pass require_aof=False and accept the risk"
            )

    async def _keep_renewing(self) -> None:
        """Renew the lease until it lapses; retry while Redis cannot be reached."""
        while True:
            await asyncio.sleep(self._lease / 4)
            start = _now()
            try:
                await self._do(scripts.RENEW, self._milliseconds)
            except (JournalLocked, JournalDamaged):
                self._sends_until = 0.0
                return
            except JournalError:
                continue
            self._sends_until = start + self._lease * (1 - MARGIN)

    def _lapsed(self) -> JournalLocked:
        return JournalLocked(
            f"{self!r}: this run's lease was not renewed for {self._lease:g} s, and others may have taken its rows"
        )


@lru_cache(maxsize=4_096)  # each row comes three times
def _name(key: RowKey) -> str:
    return json.dumps([key.key, key.kind, key.integration_id])


def _key(name: str) -> RowKey:
    return RowKey(*json.loads(name))


def _bucket(name: str) -> str:
    return str(zlib.crc32(name.encode()) % BUCKETS)


def _entry(encoded: str) -> Entry | None:
    return decode_entry(encoded) if encoded else None
