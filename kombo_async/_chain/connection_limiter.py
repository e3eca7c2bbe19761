"""Who gets the next connection: reads never wait behind actions, and integrations take turns.

Actions of a connected system that hangs hold their connections until they time out. A few such systems may hold all
that are for actions, so some of those that are kept for reads are also for integrations without an action in flight.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from kombo_async._chain.limiter import is_late, never_sent
from kombo_async._chain.queues import FairQueue, Turn
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
        self._actions: dict[Hashable, int] = {}
        """How many actions each integration has in flight, if any."""
        self._firsts: OrderedDict[Hashable, None] = OrderedDict()
        """The integrations with actions that wait, and none in flight."""
        self._queues = {"action": FairQueue(), "read": FairQueue()}
        self._next = ("read", "action")

    @property
    def in_use(self) -> int:
        """How many calls are in flight."""
        return self._in_use["action"] + self._in_use["read"]

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
        turn = Turn()
        queue.add(turn, call.integration_id)
        if is_first:
            self._firsts[call.integration_id] = None
        try:
            with self._clock.within(call.deadline):
                await turn.wait()
        except BaseException:
            self._give_up(turn, call)
            raise
        if not turn.has_come or is_late(call, self._clock):
            self._give_up(turn, call)
            raise never_sent(call, "the deadline passed while it waited for a connection")

    def release(self, call: Call) -> None:
        """Give the connection back."""
        kind = _kind(call)
        self._in_use[kind] -= 1
        if kind == "action":
            self._end_action(call.integration_id)
        self._admit()

    def _begin(self, kind: str, integration_id: Hashable) -> None:
        self._in_use[kind] += 1
        if kind == "action":
            self._actions[integration_id] = self._actions.get(integration_id, 0) + 1
            self._firsts.pop(integration_id, None)

    def _end_action(self, integration_id: Hashable) -> None:
        left = self._actions[integration_id] - 1
        if left:
            self._actions[integration_id] = left
            return
        del self._actions[integration_id]
        if integration_id in self._queues["action"].groups():
            self._firsts[integration_id] = None

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
        queue = self._queues[kind]
        if not queue:
            return False
        if self._has_room(kind):
            integration_id = next(iter(queue.groups()))
        elif kind == "action" and self._firsts and self._has_room_for_first():
            integration_id = next(iter(self._firsts))
        else:
            return False
        self._next = ("action", "read") if kind == "read" else ("read", "action")
        self._begin(kind, integration_id)
        queue.pop(integration_id).come()
        return True

    def _give_up(self, turn: Turn, call: Call) -> None:
        """Stop waiting; a turn granted at the moment of cancellation goes to the next call."""
        if turn.has_come:
            self.release(call)
            return
        queue = self._queues[_kind(call)]
        queue.remove(turn, call.integration_id)
        if call.operation.action and call.integration_id not in queue.groups():
            self._firsts.pop(call.integration_id, None)


def _kind(call: Call) -> str:
    return "action" if call.operation.action else "read"
