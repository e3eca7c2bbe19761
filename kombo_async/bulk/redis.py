"""The journal in Redis, shared by the workers of any number of machines (extra `[redis]`, asyncio only).

A row belongs to one worker at a time. Each run has a lease, which it renews while it is alive. When the lease lapses,
the run's rows are free, and the ones it was sending are in doubt. A run that was only paused (on a stopped virtual
machine, for example) sees by its own monotonic clock, right before sending, that its lease may have lapsed, and sends
nothing more.

Rows are spread over buckets, none of which is too large to remove at once. Commands for many rows are sent together,
over a few connections that all journals of a process share.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
import zlib
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, TypeAlias

from kombo_async._lazy import missing_extra

try:
    from redis.asyncio import Redis
    from redis.exceptions import NoScriptError, RedisError
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "redis", "redis") from None

from kombo_async.bulk import _redis_scripts as scripts
from kombo_async.bulk._group_commit import GroupCommit
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

FORMAT = "2"
BUCKETS = 1_024
"""The number of hashes for the rows of a journal: with ten million rows, each has ten thousand."""
MARGIN = 0.1
"""The last part of its lease, in which a run sends nothing: requests must arrive before others may have the row."""
SLICE = 100
"""How many keys are removed at once."""

_Command: TypeAlias = tuple[str, list[str], list[str | bytes]]
"""A script, its keys and its arguments, of which the first two are the run and the last sequence seen."""
_Reply: TypeAlias = tuple[str, int, str]


class RedisJournal:
    """A journal in Redis, for one process or many.

    A Redis that evicts keys is refused, and so is one without an append-only file (`appendonly yes`), which loses data
    when it restarts. With `appendfsync always`, a run recovers even from a power cut without searching for rows.

    Args:
        redis: The address (`redis://localhost:6379/0`), or a `redis.asyncio.Redis` of yours, which stays open.
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
        self._commits = GroupCommit[_Command, _Reply](self._execute)
        self._hashes: dict[str, str] = {}
        self._sequence = 0
        self._sends_until = 0.0
        prefix = f"kombo:{{{job}}}:"
        self._about, self._runs, self._counts = f"{prefix}about", f"{prefix}runs", f"{prefix}counts"
        self._unfinished, self._rows, self._proofs = f"{prefix}unfinished", f"{prefix}rows:", f"{prefix}proofs:"

    def __repr__(self) -> str:
        return f"RedisJournal(job={self.job!r})"

    async def open(self, address: str | None) -> None:
        """Begin a run against the API at *address*; see `Journal.open`."""
        if self._renewing is not None:
            raise JournalLocked(f"{self!r} is already in use by another run of this process; make one for each run")
        with self._as_journal_errors():
            await self._check_server()
        self.run = uuid.uuid4().hex
        start = time.monotonic()
        answer, _, known = await self._do(
            scripts.OPEN, "", "", self._milliseconds, FORMAT, address or "", str(BUCKETS), of_row=False
        )
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
        answer, _, entry = await self._do(scripts.CLAIM, _name(key), "", uuid.uuid4().hex)
        return Claim(_entry(entry), status=answer)  # type: ignore[arg-type]

    def check(self) -> None:
        """See `Journal.check`."""
        if time.monotonic() >= self._sends_until:
            raise self._lapsed()

    async def record(self, key: RowKey, entry: Entry, *, hold: bool = False) -> bool:
        """See `Journal.record`. Raises `JournalLocked`, before anything is sent, if another run has the row by now."""
        proof = proof_of(entry)
        answer, _, _ = await self._do(
            scripts.RECORD, _name(key), proof, encode_entry(entry), entry.state, proof, entry.proof, "fh"[hold]
        )
        return answer != "taken"

    async def owners(self, ids: Sequence[str]) -> Mapping[str, RowKey]:
        """See `Journal.owners`."""
        with self._as_journal_errors():
            async with self._connection.pipeline(transaction=False) as pipeline:
                for id in ids:
                    pipeline.hget(self._proofs + _bucket(id), id)
                found: list[Any] = await pipeline.execute() if ids else []
        return {id: _key(_text(there).partition(":")[2]) for id, there in zip(ids, found, strict=True) if there}

    async def release(self, key: RowKey) -> None:
        """See `Journal.release`."""
        await self._do(scripts.RELEASE, _name(key), "")

    async def aclose(self) -> None:
        """End the run; rows that it still holds are free at once."""
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
        self._sends_until = 0.0
        with self._as_journal_errors():
            try:
                if self._redis is not None:
                    await self._connection.hdel(self._runs, self.run)
            finally:
                if self._address and self._redis is not None:
                    self._redis = None
                    await give_back(self._address)

    async def look_up(self, keys: Sequence[RowKey]) -> list[Entry | None]:
        """What is known about rows, None for new ones. Needs no run; for code that distributes the work."""
        with self._as_journal_errors():
            rows = await self._read([_name(key) for key in keys])
        return [None if row is None else _entry(row) for row in rows]

    async def unfinished(self) -> AsyncGenerator[tuple[RowKey, Entry]]:
        """See `Journal.unfinished`; does not scan all rows."""
        with self._as_journal_errors():
            names = sorted(map(_text, await self._connection.smembers(self._unfinished)))
            for start in range(0, len(names), 500):
                part = names[start : start + 500]
                for name, row in zip(part, await self._read(part), strict=True):
                    entry = _entry(row) if row else None
                    if entry is not None and entry.is_unfinished:
                        yield _key(name), entry

    async def entries(self) -> AsyncGenerator[tuple[RowKey, Entry]]:
        """All rows, in no particular order; for reports."""
        with self._as_journal_errors():
            for bucket in range(BUCKETS):
                async for name, row in self._connection.hscan_iter(f"{self._rows}{bucket}", count=500):
                    entry = _entry(_text(row).partition("\n")[2])
                    if entry is not None:
                        yield _key(_text(name)), entry

    async def forget(self) -> None:
        """Remove the journal, in slices that do not block Redis. Raises `JournalLocked` while a run is alive."""
        answer, _, _ = await self._do(scripts.LIVES, "", "", "", "", "", "", of_row=False)
        if answer == "lives":
            raise JournalLocked(f"{self!r} is in use by a run; wait until it ends, or stop it first")
        keys = [f"{prefix}{bucket}" for prefix in (self._rows, self._proofs) for bucket in range(BUCKETS)]
        keys += [self._unfinished, self._counts, self._runs, self._about]
        with self._as_journal_errors():
            for start in range(0, len(keys), SLICE):
                await self._connection.unlink(*keys[start : start + SLICE])

    @property
    def _connection(self) -> Any:
        if self._redis is None:
            self._redis = take_client(self._address)
        return self._redis

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
        return [None if row is None else _text(row).partition("\n")[2] for row in found]

    async def _do(self, script: str, name: str, proof: str, *arguments: str | bytes, of_row: bool = True) -> _Reply:
        """Run a script, together with those of other rows."""
        row, proven = (_bucket(name), _bucket(proof)) if of_row else ("0", "0")
        keys = [self._about, self._runs, self._counts, self._unfinished, self._rows + row, self._proofs + proven]
        given: list[str | bytes] = [self.run, str(self._sequence)]
        given += [row, proven, name, *arguments] if of_row else arguments
        answer, sequence, text = await self._commits.add((script, keys, given))
        self._sequence = max(self._sequence, sequence)
        if answer == "lapsed":
            raise self._lapsed()
        if answer == "older":
            raise JournalDamaged(f"{self!r}: Redis has lost writes (a restart, or another server took over)")
        if answer == "lost":
            raise JournalDamaged(f"{self!r}: rows are missing in Redis: expired, evicted or removed by something else")
        return answer, sequence, text

    async def _execute(self, commands: Sequence[_Command]) -> list[_Reply]:
        """Run many scripts at once. All can be repeated, so it does not matter if some have already run."""
        with self._as_journal_errors():
            replies = await self._pipeline(commands)
            if any(isinstance(reply, NoScriptError) for reply in replies):
                for script in {script for script, _, _ in commands}:
                    self._hashes[script] = _text(await self._connection.script_load(script))
                replies = await self._pipeline(commands)
            failed = next((reply for reply in replies if isinstance(reply, Exception)), None)
            if failed is not None:
                raise failed
        return [(_text(answer), int(sequence), _text(text)) for answer, sequence, text in replies]

    async def _pipeline(self, commands: Sequence[_Command]) -> list[Any]:
        async with self._connection.pipeline(transaction=False) as pipeline:
            for script, keys, arguments in commands:
                pipeline.evalsha(self._hash(script), len(keys), *keys, *arguments)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies

    def _hash(self, script: str) -> str:
        """The hash of a script. If Redis does not know it yet, it says so."""
        import hashlib

        return self._hashes.setdefault(script, hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest())

    async def _check_server(self) -> None:
        """Refuse a Redis that may lose rows. `INFO` works even where settings cannot be read."""
        memory, persistence = await self._connection.info("memory"), await self._connection.info("persistence")
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
            start = time.monotonic()
            try:
                await self._do(scripts.RENEW, "", "", self._milliseconds, "", "", "", of_row=False)
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

    @contextmanager
    def _as_journal_errors(self) -> Generator[None]:
        try:
            yield
        except (RedisError, OSError) as error:
            raise JournalError(f"{self!r} cannot be used: {type(error).__name__}: {error}") from None


def _name(key: RowKey) -> str:
    return json.dumps([key.key, key.kind, key.integration_id])


def _key(name: str) -> RowKey:
    return RowKey(*json.loads(name))


def _bucket(name: str) -> str:
    return str(zlib.crc32(name.encode()) % BUCKETS)


def _text(value: Any) -> str:
    """A reply as text, whether the client decodes or not."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _entry(encoded: str) -> Entry | None:
    return decode_entry(encoded) if encoded else None
