"""How many actions of an integration run at once: learned from Kombo's headers and refusals."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from kombo_async._chain.backoff import backoff
from kombo_async._chain.limiter import Limiter, never_sent
from kombo_async._clock import Clock
from kombo_async.middleware import Call
from kombo_async.response import Response

DOCUMENTED_LIMIT = 30
"""How many actions Kombo runs at once per integration (since 2026-03-20), until `Concurrency-Limit` says otherwise."""
FIRST_LIMIT = 3
"""How many a client starts with, since it cannot know how many others use."""
LOWEST_LIMIT = 0.3
"""Below one, a client rests between actions: 0.3 is one place for 30 % of the time."""
ACTIONS_IN_A_ROW = 8
"""How many actions a client runs one after the other before it rests for all of them.

Who sends the next action right after a response takes the place that has just become free; who comes back from a rest
may be refused.
"""
LONGEST_OWED = 5.0
"""Seconds of rest after which a client rests earlier than that, because its actions are slow."""
KEPT_AFTER_REFUSAL, KEPT_AFTER_NEXT = 0.8, 0.5
"""The fraction of its limit that a client keeps when it meets others that want their share, and when it is refused
again before anything got through."""
GIVEN_UP_WHEN_FULL = 0.1
"""The fraction of its limit that a client gives up in a round in which Kombo has no room left for others."""
CAUTIOUS_ROUNDS = 3
"""How many rounds a client grows slowly after a refusal that involves others, whatever the headers say.

Actions that end together make places look free that are about to be taken again.
"""
LEFT_FREE = 1
"""Places that clients sharing a limit leave for newcomers."""
FIRST_REST, LONGEST_REST = 0.5, 2.0
"""Seconds without an action after a refusal that involves others: the most after one, and after many in a row."""
LONGEST_PATIENCE = 64
"""The most rounds before a client tries one more place than ever worked."""
RAMP, RAMP_BELOW_ONE = 0.01, 0.005
"""Without headers: by how much more a client that shares a limit grows with each round since its last refusal.

Below one place, a round is a single action; growing by the same step each time would mean a refusal every few actions.
"""


@attrs.frozen
class Turn:
    """One action's turn."""

    level: int
    """How many actions of this client were in flight with it, itself included."""
    epoch: int
    """The limiter's epoch when it began."""
    began: float


class AdaptiveLimiter(Limiter):
    """Limits the actions of one integration to this client's share of Kombo's limit.

    Alone, a client takes all there is: it grows until Kombo's headers or a refusal say that there is no more,
    and tries one more less and less often. Without headers, it leaves a place free for a moment after that, since
    others may have none. With others (the headers show more actions than its own, or it is refused at a level that used
    to work) it gives up a part whenever Kombo is full and grows slowly while it is not, as TCP does. All clients end up
    with similar shares, and none starves.
    """

    def __init__(self, clock: Clock, rand: Callable[[], float] = random.random) -> None:
        super().__init__(FIRST_LIMIT, clock)
        self.epoch: int = 0
        """Counts refusals; those of actions started in the same epoch count as one."""
        self._rand = rand
        self._running = 0
        self._fraction = 0.0
        self._kombos_limit = float(DOCUMENTED_LIMIT)
        self._told = False
        self._shared = False
        self._cautious = 0
        self._counts_itself: bool | None = None
        self._proven = 0
        self._patience = 1
        self._quiet_rounds = 0
        self._left_free = 0
        self._seconds = 0.0
        self._refusals = 0
        self._rest_until = 0.0
        self._owed = 0.0
        self._in_a_row = 0
        self._answers = 0
        self._highest = 0
        self._others = 0.0
        self._least_remaining = DOCUMENTED_LIMIT

    async def take_turn(self, call: Call) -> Turn:
        """Wait for a turn, and for the end of the rest after a refusal.

        Raises `TimedOut` if the deadline of *call* passes first.
        """
        await self.acquire(call)
        try:
            began = self._clock.time()
            while began < self._rest_until:
                if call.deadline is not None and call.deadline < self._rest_until:
                    raise never_sent(call, "the deadline passes before this integration accepts actions again")
                await self._clock.sleep(self._rest_until - began)
                began = self._clock.time()
        except BaseException:
            self._free()
            raise
        self._running += 1
        return Turn(self._running, self.epoch, began)

    def release(self) -> None:
        """End a turn."""
        self._running -= 1
        if not self._shared:
            self._fraction = self._rand()
        self._free()

    def _has_room(self) -> bool:
        most = int(self.limit + self._fraction) - self._left_free
        return self.in_use < max(1, most)  # 2.4 means 2, and 3 for 40 % of the time

    def learn(self, response: Response[object], turn: Turn, *, refused: bool, retry_after: float | None = None) -> None:
        """Adapt to the *response* to the action of *turn*.

        *refused* says that it was one too many; *retry_after* is how many seconds to hold the next.
        """
        headers = response.raw_response.headers
        told = number(headers.get("concurrency-limit"))
        if told:
            self._kombos_limit = float(told)
            self.limit = min(self.limit, self._kombos_limit)
        if turn.epoch == self.epoch:  # otherwise it was in flight together with one that was already refused
            if refused:
                self._refuse(turn)
            else:
                self._confirm(turn, number(headers.get("concurrency-remaining")))
        if refused and retry_after is not None:
            self._rest(retry_after)
        self.admit()

    def _refuse(self, turn: Turn) -> None:
        self.epoch += 1
        self._refusals += 1
        self._quiet_rounds = 0
        if turn.level > max(1, self._proven) and not self._told:  # one more than ever worked
            self.limit = min(self._kombos_limit, turn.level - 1.0)
            self._patience = min(LONGEST_PATIENCE, 2 * self._patience)
            self._left_free = 1
        else:
            self._shared = True
            kept = KEPT_AFTER_REFUSAL if self._refusals == 1 else KEPT_AFTER_NEXT
            self.limit = max(LOWEST_LIMIT, self.limit * kept)
            self._proven = min(self._proven, int(self.limit))
            self._cautious = CAUTIOUS_ROUNDS
            self._left_free = 0
            if self._told or self.limit < 2 or self._refusals > 1:
                self._rest(backoff(self._refusals, initial_delay=FIRST_REST, max_delay=LONGEST_REST, jitter=True))
        self._begin_round()

    def _confirm(self, turn: Turn, remaining: int | None) -> None:
        self._refusals = 0
        self._seconds = self._clock.time() - turn.began
        if remaining is not None:
            self._heed(remaining, turn)
        self._answers += 1
        self._highest = max(self._highest, turn.level)
        if self._answers >= self.limit:
            self._end_round(told=remaining is not None)
        self._count_turn(turn)

    def _count_turn(self, turn: Turn) -> None:
        """Apply the part of the limit that is less than a place, after several actions: see `ACTIONS_IN_A_ROW`."""
        self._in_a_row += 1
        lacking = max(0.0, 1 / self.limit - 1)
        self._owed = self._owed + (self._clock.time() - turn.began) * lacking if lacking else 0.0
        if self._in_a_row >= ACTIONS_IN_A_ROW or self._owed >= LONGEST_OWED:
            self._rest(self._owed)
            self._in_a_row, self._owed, self._fraction = 0, 0.0, self._rand()

    def _heed(self, remaining: int, turn: Turn) -> None:
        """Apply `Concurrency-Remaining`: how many more actions Kombo would accept right now, from anyone.

        Whether an action still counts while its response is sent is not documented, so it is learned: see
        `_learn_what_counts`. Until then, a place that may be its own counts neither as another's nor as free.
        """
        self._told = True
        self._least_remaining = min(self._least_remaining, remaining)
        used = self._kombos_limit - remaining
        self._others = max(self._others, used + (self._counts_itself is False) - self.in_use)
        self._shared = self._shared or self._others >= 1
        free = remaining if self._counts_itself else remaining - 1
        if not self._shared:
            left_since = self.in_use - turn.level
            self.limit = min(self._kombos_limit, max(self.limit, self.in_use + (remaining - left_since) / 2))
        elif free < LEFT_FREE:
            self.limit = max(LOWEST_LIMIT, self.limit - GIVEN_UP_WHEN_FULL * min(1.0, self.limit))
        elif free > LEFT_FREE and self.waiting:
            ours = 0.0 if self._cautious else (free - LEFT_FREE) * self.in_use / max(1.0, used)
            self._grow(max(2 * GIVEN_UP_WHEN_FULL, ours) / max(1.0, self.limit))

    def _learn_what_counts(self) -> None:
        """A success that leaves 0 counts itself; if a whole round at the limit leaves 1, responses do not count."""
        if self._least_remaining == 0:
            self._counts_itself = True
        elif self._counts_itself is None and self._least_remaining == 1 and self._highest >= int(self._kombos_limit):
            self._counts_itself = False

    def _begin_round(self) -> None:
        self._answers = 0
        self._highest = 0
        self._others = 0.0
        self._least_remaining = DOCUMENTED_LIMIT

    def _end_round(self, *, told: bool) -> None:
        """End a round, which is as many responses as the limit. If the whole limit was used, it works."""
        if self._left_free:
            self._take_back()
        elif self._highest >= int(self.limit):
            self._proven = max(self._proven, self._highest)
            self._cautious = max(0, self._cautious - 1)
            if told:
                self._learn_what_counts()
                self._shared = self._others >= 1 or self._cautious > 0
            elif self._shared:
                self._grow_alongside_others()
            else:
                self._ask_for_more()
        self._begin_round()

    def _take_back(self) -> None:
        """End the round in which a place was left free, after a refusal showed that there is none for others.

        Without headers, a client that is refused whenever it tries one more place may be alone, or it may keep others
        from working at all. If somebody takes the place, the next refusal shows it. A single place is left by a rest,
        as long as an action takes, but no longer than others need to notice.
        """
        self._left_free = 0
        if self.limit <= 1:
            self._rest(min(self._seconds, LONGEST_OWED))

    def _grow_alongside_others(self) -> None:
        """Without headers: slowly after a refusal, and faster with each round without one."""
        self._quiet_rounds += 1
        if self.limit >= 1:
            self._grow(GIVEN_UP_WHEN_FULL + RAMP * self._quiet_rounds)
        else:
            self._grow(RAMP_BELOW_ONE * self._quiet_rounds)

    def _ask_for_more(self) -> None:
        """Without headers: double until the first refusal, then try one more, less and less often."""
        self._quiet_rounds += 1
        if self._quiet_rounds >= self._patience:
            self._quiet_rounds = 0
            self._grow(self.limit if self._patience == 1 else 1.0)

    def _grow(self, more: float) -> None:
        self.limit = min(self._kombos_limit, self.limit + more)

    def _rest(self, seconds: float) -> None:
        self._rest_until = max(self._rest_until, self._clock.time() + seconds)


def number(value: str | None) -> int | None:
    """The number in a header, or None."""
    return int(value) if value and value.isascii() and value.isdigit() and len(value) <= 6 else None
