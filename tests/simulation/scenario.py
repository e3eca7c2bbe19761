"""What happens in a seed: the rows, the connected system's habits, the runs and what befalls them."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Mapping
from typing import Literal

import attrs

from tests.simulation import troubles
from tests.simulation.fates import LONGEST_WORK
from tests.simulation.specs import DAY, FLAWS, HOUR, Other, RowSpec, RunSpec, Scenario, Turn
from tests.simulation.system import REWRITES, Habits

_EMAILS = (
    "ada{}@example.com",
    "ada{}@example.com",
    "Ada{}@Example.com",
    "ada{}+jobs@example.com",
    "ada{}@b\u00fccher.example",
    unicodedata.normalize("NFD", "ad\u00e9{}@example.com"),
    "ada{}\u200b@example.com",
)


def scenario(seed: int) -> Scenario:
    """The scenario of *seed*."""
    chance, trouble = random.Random(f"{seed} scenario"), random.Random(f"{seed} trouble")
    journal: Literal["sqlite", "redis"] = chance.choice(("sqlite", "redis"))
    keyed = chance.random() < 0.25
    shows = chance.choice(("at once", "at once", "successes", "successes", "sync", "never"))
    sync_every = chance.choice((60.0, 600.0, 4 * HOUR, 30 * HOUR))
    sync_takes = min(sync_every / 2, chance.choice((20.0, 200.0)))
    longest_work = chance.choice((3.0, 50.0, LONGEST_WORK))
    latest = longest_work + 10 + (0 if shows == "at once" else 2 * sync_every + 2 * sync_takes)
    words = "none" if shows == "never" else chance.choice(("none", "resend_after", "synced_since", "both"))
    resend_after = 1.001 * latest * chance.uniform(1, 1.5) if words in ("resend_after", "both") else None
    rows = troubles.rows(trouble, _rows(chance, keyed))
    plain = Scenario(
        seed=seed,
        journal=journal,
        keyed=keyed,
        habits=Habits(
            shows=shows,
            rewrite=chance.choice(list(REWRITES)) if chance.random() < 0.5 else "kept",
            renames=chance.random() < 0.08,
            attaches=chance.random() < 0.7,
            refuses_second=chance.random() < 0.15,
            created=chance.choice(("ms", "ms", "ms", "s", "none")),
            page=chance.choice((1, 2, 250)),
            clock=troubles.system_clock(trouble),
        ),
        clock_offset=chance.choice((0.0, 0.0, 37.0, -HOUR)),
        sends_date=chance.random() < 0.95,
        longest_work=longest_work,
        sync_every=sync_every,
        sync_takes=sync_takes,
        resend_after=resend_after,
        synced_since=words in ("synced_since", "both"),
        turns=_turns(chance, journal, rows, keyed, resend_after or latest),
        others=(*_others(chance, rows), *troubles.others(trouble, rows)),
        removals={
            index: (chance.choice(("deleted", "merged")), chance.choice((0.5, 30.0, HOUR)))
            for index in range(len(rows))
            if chance.random() < 0.06
        },
        redis=_redis(chance),
        redis_step=(chance.choice((1.0, 60.0, HOUR)), chance.choice((25 * HOUR, -25 * HOUR)))
        if chance.random() < 0.08
        else None,
        crowd=60 if chance.random() < 0.04 else 0,
    )
    if seed % 10 == 9:
        plain = _sharpened(chance, plain)
    if seed % 10 == 4:
        orderly = (troubles.proven, troubles.behind, troubles.slow)
        return orderly[seed // 10 % 3](trouble, plain)
    return troubles.troubled(trouble, plain)


def _sharpened(chance: random.Random, plain: Scenario) -> Scenario:
    """What chance alone would rarely bring about."""
    first, *later = plain.turns
    if chance.random() < 0.5:  # a worker is stopped for longer than its lease while another waits for its rows
        paused = attrs.evolve(
            first.runs[0], plan={chance.randint(18, 34): 50.0}, steps={}, leaves_after=None, delay=0.0
        )
        other = attrs.evolve(paused, name=f"{paused.name}-other", plan={}, delay=1.0, stops_after=None)
        return attrs.evolve(
            plain,
            journal="redis",
            habits=attrs.evolve(plain.habits, shows="at once", created="ms"),
            longest_work=3.0,
            resend_after=chance.uniform(13, 20),
            redis={"policy": "noeviction", "config": "allowed", "aof": "1"},
            redis_step=None,
            turns=(attrs.evolve(first, runs=(paused, other), mishap=""), *later),
        )
    killed = attrs.evolve(
        first.runs[0], plan={chance.randint(10, 50): 0.0}, steps={}, leaves_after=None, stops_after=None
    )
    alone = [attrs.evolve(turn, runs=turn.runs[:1], mishap="") for turn in later]
    alone[0] = attrs.evolve(alone[0], mishap="without its wal")
    turns = (attrs.evolve(first, runs=(killed,), mishap=""), *alone)
    return attrs.evolve(plain, journal="sqlite", turns=turns)


def _rows(chance: random.Random, keyed: bool) -> tuple[RowSpec, ...]:
    rows: list[RowSpec] = []
    for number in range(chance.randint(1, 6)):
        again = chance.choice(rows) if rows and chance.random() < 0.15 else None
        if again is not None and not again.flaw:  # the same person for the same job once more, or for another
            email = again.email.upper() if again.email.isascii() and "+" not in again.email else again.email
            job = again.job if chance.random() < 0.6 else _job(chance)
            rows.append(attrs.evolve(again, key=f"k{number}", email=email, job=job, phone=f"+49 30 {number}"))
            continue
        rows.append(
            RowSpec(
                key=f"k{number}",
                person=number,
                job=_job(chance),
                email=chance.choice(_EMAILS).format(number),
                first_name=f"Ada{number}",
                cv=chance.choice(("", "cv.pdf")),
                as_candidate=chance.random() < 0.25,
                flaw=chance.choice(FLAWS) if chance.random() < 0.04 else "",
            )
        )
    if not keyed:  # which of two operations makes somebody is not part of who they are
        rows = [attrs.evolve(row, as_candidate=rows[0].as_candidate) for row in rows]
    return tuple(rows)


def _job(chance: random.Random) -> str:
    return chance.choice(("J1", "J1", "J2", "remote:rJ3"))


def _turns(
    chance: random.Random, journal: str, rows: tuple[RowSpec, ...], keyed: bool, latest: float
) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for number in range(chance.randint(1, 3)):
        workers = chance.randint(1, 3) if journal == "redis" else 1
        rows = _edited(chance, rows, keyed) if number else rows
        runs = tuple(_run(chance, journal, f"run{number}{'abc'[worker]}", rows) for worker in range(workers))
        mishap = ""
        if chance.random() < 0.15:
            mishap = chance.choice(_MISHAPS[journal][0 if number == 0 else 1])
        wait = chance.choice((0.5, 45.0, 20 * 60.0, 26 * HOUR, latest * 1.01)) if number else 0.0
        turns.append(Turn(wait=wait, runs=runs, mishap=mishap))
    rows = _edited(chance, rows, keyed)
    last = RunSpec(name="last", rows=rows, wall_offset=_offset(chance))
    turns.append(Turn(wait=chance.choice((60.0, 2 * HOUR, latest * 1.1, 3 * latest)), runs=(last,)))
    return tuple(turns)


_MISHAPS = {
    "sqlite": (
        ("deleted while running", "replaced while running", "emptied while running", "lock dropped while running"),
        ("emptied", "without its wal", "deleted while running", "replaced while running", "lock dropped while running"),
    ),
    "redis": (
        ("evicted while running", "restarted while running"),
        ("evicted", "evicted", "restarted", "evicted while running", "restarted while running"),
    ),
}


def _run(chance: random.Random, journal: str, name: str, rows: tuple[RowSpec, ...]) -> RunSpec:
    plan: dict[int, float] = {}
    if chance.random() < (0.5 if journal == "redis" else 0.3):
        plan[chance.randint(1, 90)] = chance.choice((5.0, 40.0, 200.0, 2 * HOUR))
    if chance.random() < 0.5:
        plan[chance.randint(1, 90)] = 0.0
    steps: dict[int, float] = {}
    if chance.random() < 0.2:
        steps[int(10 ** chance.uniform(1.5, 3.3))] = chance.choice((0.0, 40.0, 200.0))
    leaves_after = stops_after = wall_step = None
    if chance.random() < 0.1:
        leaves_after = chance.randint(0, len(rows))
    elif chance.random() < 0.1:
        stops_after = chance.choice((0.05, 1.0, 20.0, 100.0))
    if chance.random() < 0.15:
        wall_step = (chance.choice((0.5, 5.0, 60.0)), chance.choice((25 * HOUR, -25 * HOUR, -120.0)))
    if chance.random() < 0.3:
        rows = tuple(chance.sample(rows, len(rows)))
    return RunSpec(
        name=name,
        rows=rows,
        delay=chance.choice((0.0, 0.0, 1.0, 10.0)),
        wall_offset=_offset(chance),
        wall_step=wall_step,
        plan=plan,
        steps=steps,
        leaves_after=leaves_after,
        stops_after=stops_after,
        concurrency=chance.choice((1, 2, 100)),
        says_words=chance.random() < 0.8,
    )


def _offset(chance: random.Random) -> float:
    return chance.choice((0.0, 0.0, 0.0, 90.0, -90.0, 25 * HOUR, -25 * HOUR))


def _edited(chance: random.Random, rows: tuple[RowSpec, ...], keyed: bool) -> tuple[RowSpec, ...]:
    """The input as it comes back the next day."""
    edit = chance.choice(("", "", "", "phone", "column", "cv", "row", "order", "case", "key", "name", "operation"))
    index = chance.randrange(len(rows))
    one = rows[index]
    match edit:
        case "phone":
            one = attrs.evolve(one, phone="+49 30 99")
        case "column":
            return tuple(attrs.evolve(row, title="Engineer") for row in rows)
        case "name":
            one = attrs.evolve(one, last_name="Byron")
        case "operation":
            return tuple(attrs.evolve(row, as_candidate=not row.as_candidate) for row in rows)
        case "cv":
            one = attrs.evolve(one, cv="cv-final.pdf")
        case "row":
            number = 100 + len(rows)
            one_more = attrs.evolve(
                one, key=f"k{number}", person=number, email=f"ada{number}@example.com", first_name="New"
            )
            return (*rows, one_more)
        case "order":
            return tuple(chance.sample(rows, len(rows)))
        case "case" if one.email.isascii() and "+" not in one.email:
            one = attrs.evolve(one, email=one.email.swapcase())
        case "key" if keyed:
            number = 200 + len(rows)
            one = attrs.evolve(one, person=number, email=f"ada{number}@example.com", first_name="Stranger")
    return (*rows[:index], one, *rows[index + 1 :])


def _others(chance: random.Random, rows: tuple[RowSpec, ...]) -> tuple[Other, ...]:
    others: list[Other] = []
    for index in range(len(rows)):
        if chance.random() < 0.12:
            before = chance.random() < 0.6
            seconds = chance.choice((30.0, 240.0, 730 * DAY)) if before else chance.choice((0.5, 20.0, 5 * HOUR))
            touched = chance.choice((1.0, HOUR)) if before and chance.random() < 0.5 else None
            same = (before or seconds > HOUR) and chance.random() < 0.7
            others.append(
                Other(
                    row=index, when="before" if before else "after", seconds=seconds, same_names=same, touched=touched
                )
            )
    return tuple(others)


def _redis(chance: random.Random) -> Mapping[str, str]:
    return {
        "policy": "allkeys-lru" if chance.random() < 0.08 else "noeviction",
        "config": "forbidden" if chance.random() < 0.5 else "allowed",
        "aof": "0" if chance.random() < 0.08 else "1",
    }
