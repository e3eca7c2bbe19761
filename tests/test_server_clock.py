"""The server's clock is known within bounds that are correct, and narrow enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import formatdate

import pytest

from kombo_async._chain.server_clock import DRIFT, NARROW, QUESTIONS, ServerClock
from kombo_async._clock import Clock
from kombo_async.sandbox import Sandbox

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def answer(clock: ServerClock, moment: float, shows: float, took: float = 0.0) -> None:
    """An answer at *moment* of a server whose clock shows so many seconds after noon; it *took* so long."""
    date = formatdate(int(NOON.timestamp() + shows), usegmt=True)
    clock.learn({"date": date}, moment - took, moment)


def bounds(clock: ServerClock, moment: float) -> tuple[float, float]:
    """Within how many seconds after noon the server's clock was at *moment*."""
    earliest, latest = clock.earliest(moment), clock.latest(moment)
    assert earliest is not None
    assert latest is not None
    return (earliest - NOON).total_seconds(), (latest - NOON).total_seconds()


def test_one_answer_tells_the_time_to_the_second() -> None:
    """The `Date` is truncated to the second, and may have been written at any moment of the call."""
    clock = ServerClock(Clock())
    answer(clock, 100.0, 7.9, took=0.25)
    assert bounds(clock, 100.0) == (7.0, 8.25)


def test_many_answers_tell_it_more_exactly() -> None:
    """Each response can narrow the bounds."""
    clock = ServerClock(Clock())
    for moment, shows in ((100.0, 7.5), (100.4, 7.9), (100.6, 8.1)):
        answer(clock, moment, shows)
    assert bounds(clock, 100.6) == pytest.approx((8.0, 8.2), abs=0.001)


def test_bounds_become_wider_with_time() -> None:
    """Clocks drift apart: old knowledge, or knowledge of an old moment, is less exact."""
    clock = ServerClock(Clock())
    answer(clock, 100.0, 7.0)
    assert bounds(clock, 1100.0) == pytest.approx((1007 - 1000 * DRIFT, 1008 + 1000 * DRIFT))
    answer(clock, 1100.0, 1007.5)  # the server's clock has run half a second fast, as it may
    assert bounds(clock, 1100.0) == pytest.approx((1007.0, 1008.0))
    assert bounds(clock, 100.0) == pytest.approx((7.0 - 1000 * DRIFT, 8.0 + 1000 * DRIFT))


def test_servers_that_disagree_make_it_less_exact() -> None:
    """Servers behind one address differ a little: no time is known more exactly than that."""
    clock = ServerClock(Clock())
    answer(clock, 100.0, 7.0)
    answer(clock, 100.0, 10.0)  # at least two seconds ahead of the other
    assert bounds(clock, 100.0) == (8.0, 13.0)


def test_a_clock_that_steps_is_followed() -> None:
    """After a step of an hour, the new time counts; a moment before it may have been at either."""
    clock = ServerClock(Clock())
    answer(clock, 100.0, 7.0)
    before = clock.bounds(100.0, None, None)
    answer(clock, 101.0, 3608.0)
    assert bounds(clock, 101.0) == (3608.0, 3609.0)
    first, by = clock.bounds(100.0, *before)
    assert (first, by) == (before[0], clock.latest(100.0))


def test_what_is_learned_later_narrows_what_was_known_then() -> None:
    """The bounds of a moment in the past come from the answers before and after it."""
    clock = ServerClock(Clock())
    answer(clock, 100.0, 7.5)
    known = clock.bounds(100.0, None, None)
    assert known == (NOON + timedelta(seconds=7), NOON + timedelta(seconds=8))
    answer(clock, 100.6, 8.1)
    first, by = clock.bounds(100.0, *known)
    assert first is not None
    assert by is not None
    assert by - first < timedelta(seconds=0.7)
    assert first >= NOON + timedelta(seconds=7.3)


def test_a_copy_from_a_cache_tells_nothing() -> None:
    """A response with an `Age` was written earlier, so it says nothing about now."""
    clock = ServerClock(Clock())
    clock.learn({"date": formatdate(0, usegmt=True), "age": "7"}, 1.0, 2.0)
    assert not clock.known
    assert clock.bounds(1.0, None, None) == (None, None)


@pytest.mark.anyio
@pytest.mark.parametrize("ahead", [0.0, 0.3, 0.999])
async def test_asking_as_seconds_turn_tells_it_to_a_tenth(ahead: float) -> None:
    """A few requests, made as the server's second changes, are enough."""
    sandbox = Sandbox(start=NOON + timedelta(seconds=ahead), virtual_time=True, candidates=0)
    clock = ServerClock(sandbox.clock)
    async with sandbox.client(attempt_middleware=[clock]) as kombo:
        await clock.narrow(kombo)
        assert not clock.known
        await clock.ask(kombo)
        for _ in range(2):
            await clock.narrow(kombo)
    earliest, latest = clock.earliest(sandbox.clock.time()), clock.latest(sandbox.clock.time())
    assert earliest is not None
    assert latest is not None
    assert earliest <= sandbox.clock.now() <= latest
    assert latest - earliest <= timedelta(seconds=NARROW + 0.01)
    assert 1 < len(sandbox.requests("GetCheckApiKey")) <= 1 + QUESTIONS
