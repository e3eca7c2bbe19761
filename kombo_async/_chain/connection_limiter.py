"""Who gets the next connection: reads never wait behind actions, and integrations take turns."""

from __future__ import annotations

import anyio

from kombo_async._chain.limiter import never_sent
from kombo_async._chain.queues import FairQueue
from kombo_async._clock import Clock
from kombo_async.middleware import Call

KEPT_FOR_READS = 5
"""One connection in this many is kept from actions, which take minutes while a read takes milliseconds."""


class ConnectionLimiter:
    """Lets *limit* calls of a client be in flight at once."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self.limit = limit
        self._clock = clock
        self._in_use = {"action": 0, "read": 0}
        self._most = {"action": max(1, limit - limit // KEPT_FOR_READS), "read": limit}
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
        if not queue and self._has_room(kind):
            self._in_use[kind] += 1
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
        self._in_use[_kind(call)] -= 1
        self._admit()

    def _has_room(self, kind: str) -> bool:
        return self.in_use < self.limit and self._in_use[kind] < self._most[kind]

    def _admit(self) -> None:
        """Admit calls while there is room; reads and actions also take turns."""
        while kind := next((each for each in self._next if self._queues[each] and self._has_room(each)), None):
            self._next = ("action", "read") if kind == "read" else ("read", "action")
            self._in_use[kind] += 1
            self._queues[kind].pop().set()

    def _give_up(self, turn: anyio.Event, call: Call) -> None:
        """Stop waiting; a turn granted at the moment of cancellation goes to the next call."""
        if turn.is_set():
            self.release(call)
        else:
            self._queues[_kind(call)].remove(turn, call.integration_id)


def _kind(call: Call) -> str:
    return "action" if call.operation.action else "read"
