"""Troubles beside those of a single upload: a second integration, outages, full disks, wrong clocks, people."""

from __future__ import annotations

import random

import attrs

from tests.simulation.fates import LONGEST_WORK
from tests.simulation.specs import FIRST, HOUR, SECOND, Other, Outage, Person, RowSpec, RunSpec, Scenario, Turn

MANY = 12
"""As many rows as it takes to see that an outage is one."""


def rows(chance: random.Random, rows: tuple[RowSpec, ...]) -> tuple[RowSpec, ...]:
    """*rows*, of which some are for a second integration, and now and then many more."""
    if chance.random() < 0.1:
        more = range(50, 50 + MANY)
        rows += tuple(
            attrs.evolve(rows[0], key=f"k{i}", person=i, email=f"ada{i}@example.com", first_name=f"Ada{i}", flaw="")
            for i in more
        )
    if chance.random() < 0.3:
        rows = tuple(attrs.evolve(row, integration=chance.choice((FIRST, FIRST, SECOND))) for row in rows)
        if chance.random() < 0.5:  # the same person for a job of the same ID
            other = SECOND if rows[0].integration == FIRST else FIRST
            rows += (attrs.evolve(rows[0], integration=other),)
    return rows


def system_clock(chance: random.Random) -> float:
    """By how many seconds the connected system's clock is ahead of Kombo's."""
    if chance.random() < 0.6:
        return 0.0
    return chance.choice((-14 * HOUR, -90.0, -5.0, -0.7, 0.3, 2.0, 60.0, 8 * HOUR))


def others(chance: random.Random, rows: tuple[RowSpec, ...]) -> tuple[Other, ...]:
    """Those who apply for the same person and job right before us, or soon after, under the same names."""
    found: list[Other] = []
    for index in range(min(len(rows), 6)):
        if chance.random() < 0.06:
            before = chance.random() < 0.6
            seconds = chance.uniform(0, 3) if before else chance.choice((40.0, 150.0, 800.0))
            same = chance.random() < 0.8
            found.append(Other(row=index, when="just before" if before else "after", seconds=seconds, same_names=same))
    return tuple(found)


def troubled(chance: random.Random, plain: Scenario) -> Scenario:
    """*plain* with drifting clocks, outages, a full disk, and people who settle rows by hand."""
    starts = _starts(plain)
    many = len(plain.turns[0].runs[0].rows) > MANY
    outages = [
        Outage(
            integration=integration,
            kind=chance.choice(("no connection", "first sync", "errors", "errors")),
            start=max(0.0, chance.choice(starts) + chance.choice((-1.0, 0.1, 0.4, 2.0))),
            seconds=chance.choice((3.0, 20.0, 100.0)),
        )
        for integration in plain.integrations
        if chance.random() < (0.7 if many else 0.06)
    ]
    full = (chance.choice(starts) + chance.uniform(0.1, 5), chance.choice((0.5, 30.0, HOUR)))
    return attrs.evolve(
        plain,
        drift=chance.choice((0.0, 0.0, 0.0, 1e-4, -1e-4)),
        outages=tuple(outages),
        full=full if chance.random() < 0.04 else None,
        turns=(plain.turns[0], *(_with_person(chance, turn) for turn in plain.turns[1:])),
    )


def proven(chance: random.Random, plain: Scenario) -> Scenario:
    """A row that is proven not to be done, and refused when it is sent again; then somebody else applies."""
    kinds = ("error, not done", "lost on its way", "no answer, not done")
    return attrs.evolve(
        _undisturbed(chance, plain),
        fates=(chance.choice(kinds), "inactive", chance.choice(kinds)),
        others=(Other(row=0, when="after", seconds=chance.choice((0.6, 5, 20)) * HOUR, same_names=True),),
    )


def behind(chance: random.Random, plain: Scenario) -> Scenario:
    """A row that is partly done, and by the clock of the connected system before it was sent."""
    calm = _undisturbed(chance, plain)
    clock = chance.choice((-14 * HOUR, -HOUR, -60.0))
    return attrs.evolve(
        calm, habits=attrs.evolve(calm.habits, clock=clock, attaches=False), fates=("error, done partly",), others=()
    )


def slow(chance: random.Random, plain: Scenario) -> Scenario:
    """A row that is being done for minutes after an error was heard of it, while syncs come and go."""
    calm = _undisturbed(chance, plain, wait=chance.uniform(130, 200))
    return attrs.evolve(
        calm,
        habits=attrs.evolve(calm.habits, shows="sync", refuses_second=False),
        longest_work=LONGEST_WORK,
        sync_every=60.0,
        sync_takes=10.0,
        resend_after=None,
        synced_since=True,
        fates=("error, done much later",),
        others=(),
    )


def _undisturbed(chance: random.Random, plain: Scenario, wait: float = 26 * HOUR) -> Scenario:
    """*plain* with an orderly connected system and runs that nothing befalls, which are told `resend_after`."""
    first, *_, last = plain.turns
    run = RunSpec(name="run0a", rows=_sound(first.runs[0].rows), concurrency=chance.choice((1, 100)))
    at_last = attrs.evolve(last.runs[0], rows=_sound(last.runs[0].rows))
    habits = attrs.evolve(plain.habits, shows="at once", created="ms", clock=0.0, renames=False, rewrite="kept")
    return attrs.evolve(
        plain,
        habits=habits,
        longest_work=3.0,
        resend_after=chance.uniform(13, 40),
        sends_date=True,
        turns=(
            Turn(wait=0.0, runs=(run,)),
            Turn(wait=wait, runs=(attrs.evolve(run, name="run1a"),)),
            attrs.evolve(last, runs=(at_last,)),
        ),
    )


def _sound(rows: tuple[RowSpec, ...]) -> tuple[RowSpec, ...]:
    return tuple(attrs.evolve(row, flaw="") for row in rows)


def _starts(plain: Scenario) -> list[float]:
    """When the turns begin, or not much earlier."""
    starts = [0.0]
    for turn in plain.turns[1:]:
        starts.append(starts[-1] + turn.wait)
    return starts


def _with_person(chance: random.Random, turn: Turn) -> Turn:
    if chance.random() < 0.75:
        return turn
    plan = {chance.randint(1, 12): chance.choice((0.0, 0.0, 40.0))} if chance.random() < 0.2 else {}
    return attrs.evolve(turn, person=Person(plan=plan))
