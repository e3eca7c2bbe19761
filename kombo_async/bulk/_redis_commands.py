"""The commands of a journal in Redis; all journals of one job in a process send theirs together."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import msgspec
from redis.exceptions import RedisError

from kombo_async._cancellation import unless_cancelled
from kombo_async.bulk import _redis_scripts as scripts
from kombo_async.bulk._group_commit import GroupCommit
from kombo_async.bulk._journal import JournalDamaged, JournalError

AT_ONCE = 200
"""How many commands one script runs at most, so that it does not block Redis."""

_Command: TypeAlias = tuple[str, ...]
"""A command for a row, as `_redis_scripts.ROWS` takes it."""
Reply: TypeAlias = tuple[str, str]
"""The result, and the row's entry or a detail."""
_REPLIES = msgspec.json.Decoder(list[Reply])

_OPEN: WeakValueDictionary[tuple[int, str], Commands] = WeakValueDictionary()


def commands_for(redis: Any, job: str) -> Commands:
    """The commands of *job* over the client *redis*, shared by all open journals."""
    commands = _OPEN.get((id(redis), job))
    if commands is None:
        commands = _OPEN[id(redis), job] = Commands(redis, job)
    return commands


class Commands:
    """Runs the scripts of a journal. Raises `JournalError` if Redis cannot be used, or has lost data."""

    def __init__(self, redis: Any, job: str) -> None:
        self._name = name_of(job)
        self._redis = redis
        self._keys = keys_of(job)
        self._scripts: dict[str, Any] = {}
        self._commits = GroupCommit[_Command, Reply](self._commit)
        self._sequence = 0
        """The highest seen so far: a Redis that shows a lower one has lost writes."""

    async def do_with_row(self, *command: str) -> Reply:
        """Run a command for a row, together with those for other rows."""
        return self._checked(await self._commits.add(command))

    async def do(self, script: str, run: str, *arguments: str) -> Reply:
        """Run a script for the whole journal."""
        with as_journal_errors(self._name):
            answer, sequence, said = await self._run(script, run, self._sequence, *arguments)
        self._sequence = max(self._sequence, int(sequence))
        return self._checked((text(answer), text(said)))

    async def _commit(self, commands: Sequence[_Command]) -> list[Reply]:
        """Run commands in order. All can be repeated, so it does not matter if some have already run."""
        replies: list[Reply] = []
        with as_journal_errors(self._name):
            for start in range(0, len(commands), AT_ONCE):
                together = msgspec.json.encode(commands[start : start + AT_ONCE])
                sequence, encoded = await self._run(scripts.ROWS, self._sequence, together)
                self._sequence = max(self._sequence, int(sequence))
                replies += _REPLIES.decode(encoded)
        return replies

    async def _run(self, script: str, *arguments: str | int | bytes) -> Any:
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(script)
        return await unless_cancelled(self._scripts[script](keys=self._keys, args=arguments))

    def _checked(self, reply: Reply) -> Reply:
        if reply[0] == "older":
            raise JournalDamaged(f"{self._name}: Redis has lost writes (a restart, or another server took over)")
        if reply[0] == "lost":
            raise JournalDamaged(
                f"{self._name}: rows are missing in Redis: expired, evicted or removed by something else"
            )
        return reply


def name_of(job: str) -> str:
    """The name of *job*'s journal in messages."""
    return f"RedisJournal(job={job!r})"


def keys_of(job: str) -> list[str]:
    """The keys of a journal, as its scripts take them; the last two are prefixes of the keys of buckets."""
    return [f"kombo:{{{job}}}:{name}" for name in ("about", "runs", "counts", "unfinished", "rows:", "proofs:")]


def text(value: Any) -> str:
    """A reply as text, whether the client decodes or not."""
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def as_journal_errors(name: str) -> Generator[None]:
    """Raise what Redis raises as `JournalError`."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise JournalError(f"{name} cannot be used: {type(error).__name__}: {error}") from None
