"""Who gets the next connection: reads never wait behind actions, and integrations take turns.

Actions of a connected system that hangs hold their connections until they time out. A few such systems may hold all
that are for actions, so some of those that are kept for reads are also for integrations without an action in flight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator

import anyio

from kombo_async._chain.limiter import never_sent
from kombo_async._chain.queues import FairQueue
from kombo_async._clock import Clock
from kombo_async.middleware import Call

KEPT_FOR_READS = 5
"""One connection in this many is kept from actions, which take minutes while a read takes milliseconds."""
KEPT_FROM_ALL_ACTIONS = 10
"""One connection in this many is kept even from the first action of an integration."""


class ConnectionLimiter:
    """Lets *limit* calls of a client be in flight at once."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self.limit = limit
        self._clock = clock
        self._in_use = {"action": 0, "read": 0}
        self._most = {"action": max(1, limit - limit // KEPT_FOR_READS), "read": limit}
        self._most_with_first = max(1, limit - limit // KEPT_FROM_ALL_ACTIONS)
        self._actions: Counter[Hashable] = Counter()
        """How many actions each integration has in flight."""
        self._queues = {"action": FairQueue(), "read": FairQueue()}
        self._next = ("read", "action")

    @property
    def in_use(self) -> int:
        """How many calls are in flight."""
        return sum(self._in_use.values())

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(map(len, self._queues.values()))

    async def acquire(self, call: Call) -> None:
        """Wait for a connection. Raises `TimedOut` if the deadline of *call* passes first."""
        kind = _kind(call)
        queue = self._queues[kind]
        is_first = kind == "action" and call.integration_id not in self._actions
        if (not queue and self._has_room(kind)) or (is_first and self._has_room_for_first()):
            self._begin(kind, call.integration_id)
            return
        turn = anyio.Event()
        queue.add(turn, call.integration_id)
        try:
            with self._clock.until(call.deadline):
                await turn.wait()
        except BaseException:
            self._give_up(turn, call)
            raise
        if not turn.is_set():
            self._give_up(turn, call)
            raise never_sent(call, "the deadline passed while it waited for a connection")

    def release(self, call: Call) -> None:
        """Give the connection back."""
        kind = _kind(call)
        self._in_use[kind] -= 1
        if kind == "action":
            self._actions[call.integration_id] -= 1
            if not self._actions[call.integration_id]:
                del self._actions[call.integration_id]
        self._admit()

    def _begin(self, kind: str, integration_id: Hashable) -> None:
        self._in_use[kind] += 1
        if kind == "action":
            self._actions[integration_id] += 1

    def _has_room(self, kind: str) -> bool:
        return self.in_use < self.limit and self._in_use[kind] < self._most[kind]

    def _has_room_for_first(self) -> bool:
        """Whether there is room for an action of an integration that has none in flight."""
        return self.in_use < self.limit and self._in_use["action"] < self._most_with_first

    def _admit(self) -> None:
        """Admit calls while there is room; reads and actions also take turns."""
        while self._admit_one(self._next[0]) or self._admit_one(self._next[1]):
            pass

    def _admit_one(self, kind: str) -> bool:
        """Admit the next call of this kind, if there is room for one."""
        for integration_id in self._admissible(kind):
            self._next = ("action", "read") if kind == "read" else ("read", "action")
            self._begin(kind, integration_id)
            self._queues[kind].pop_from(integration_id).set()
            return True
        return False

    def _admissible(self, kind: str) -> Iterator[Hashable]:
        """The integrations whose next call of this kind may begin, in the order of their turns."""
        groups = self._queues[kind].groups()
        if self._has_room(kind):
            yield from groups
        elif kind == "action" and self._has_room_for_first():
            yield from (each for each in groups if each not in self._actions)

    def _give_up(self, turn: anyio.Event, call: Call) -> None:
        """Stop waiting; a turn granted at the moment of cancellation goes to the next call."""
        if turn.is_set():
            self.release(call)
        else:
            self._queues[_kind(call)].remove(turn, call.integration_id)


def _kind(call: Call) -> str:
    return "action" if call.operation.action else "read"
