"""A limit on calls at once, first come, first served."""

from __future__ import annotations

from kombo_async._chain.queues import Queue, Turn
from kombo_async._clock import Clock
from kombo_async.errors import TimedOut
from kombo_async.middleware import Call


class Limiter:
    """Lets *limit* calls pass at once, in the order in which they came."""

    def __init__(self, limit: float, clock: Clock) -> None:
        self.limit: float = limit
        self.in_use: int = 0
        """How many have passed and are not released yet."""
        self._clock = clock
        self._queue = Queue()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._queue)

    async def acquire(self, call: Call) -> None:
        """Wait for a turn. Raises `TimedOut` if the deadline of *call* passes first."""
        if not self._queue and self._has_room():
            self.in_use += 1
            return
        turn = Turn()
        self._queue.add(turn)
        try:
            with self._clock.within(call.deadline):
                await turn.wait()
        except BaseException:
            self._give_up(turn)
            raise
        if not turn.has_come or is_late(call, self._clock):
            self._give_up(turn)
            raise never_sent(call, "the deadline passed while it waited for its turn")

    def release(self) -> None:
        """End a turn."""
        self._free()

    def _free(self) -> None:
        self.in_use -= 1
        self.admit()

    def admit(self) -> None:
        """Let calls pass while there is room."""
        while self._queue and self._has_room():
            self.in_use += 1
            self._queue.pop().come()

    def _has_room(self) -> bool:
        return self.in_use < int(self.limit)

    def _give_up(self, turn: Turn) -> None:
        """Stop waiting; a turn granted at the moment of cancellation goes to the next call."""
        if turn.has_come:
            self._free()
        else:
            self._queue.remove(turn)


def is_late(call: Call, clock: Clock) -> bool:
    """Whether the deadline of *call* has passed: of thousands that wait, many come too late when places get free."""
    return call.deadline is not None and clock.time() >= call.deadline


def never_sent(call: Call, why: str) -> TimedOut:
    """The failure of a call that ended before anything of this attempt was sent."""
    return TimedOut(message=f"{call.operation.id} was not sent: {why}", sent=False, attempts=call.attempt - 1)
