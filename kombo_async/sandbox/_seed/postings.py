"""AI Apply: career sites, and the postings on them. They belong to the platform, not to an integration."""

from __future__ import annotations

from random import Random

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.seeding import Filler
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.sizes import Sizes
from kombo_async.sandbox._state.store import World


def _sites(world: World, sizes: Sizes, random: Random) -> None:
    for label in ("Acme careers", "Nordlicht jobs"):
        world.add("ai_career_sites", {"label": label}, at=stamp(world.born - days(100)))


def _feeds(world: World, sizes: Sizes, random: Random) -> None:
    world.add("ai_job_feeds", {"label": "Nightly feed"}, at=stamp(world.born - days(90)))


def _postings(world: World, sizes: Sizes, random: Random) -> None:
    sites = world.table("ai_career_sites")
    for number in range(sizes.jobs):
        department = words.DEPARTMENTS[number % len(words.DEPARTMENTS)]
        created = stamp(world.born - days(random.uniform(2, 60)))
        posting = {
            "career_site_id": sites[number % len(sites)].id,
            "url": f"https://careers.example/jobs/{number + 1}",
            "job_code": f"{department[:3].upper()}-{number + 1:03}",
            "name": random.choice(words.JOB_TITLES[department]),
            "created_at": created,
            "updated_at": created,
            "archived_at": created if number % 10 == 9 else None,
            "archived_reason": "JOB_POSTING_TAKEN_OFFLINE" if number % 10 == 9 else None,
            "availability": "ARCHIVED" if number % 10 == 9 else "APPLYABLE",
        }
        world.add("ai_job_postings", posting, at=created)


FILLERS: dict[str, Filler] = {"ai_career_sites": _sites, "ai_job_feeds": _feeds, "ai_job_postings": _postings}
