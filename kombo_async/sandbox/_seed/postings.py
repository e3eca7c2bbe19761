"""AI Apply: career sites, and the postings on them. They belong to the platform, not to an integration."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.source import Source, Table, fixed
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.indexes import Record

SITES = ("Acme careers", "Nordlicht jobs")


def _site(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"label": SITES[place]}, stamp(source.born - days(100))


def _feed(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"label": "Nightly feed"}, stamp(source.born - days(90))


def _posting(source: Source, place: int, random: Random) -> tuple[Record, str]:
    department = words.DEPARTMENTS[place % len(words.DEPARTMENTS)]
    created = stamp(source.born - days(random.uniform(2, 60)))
    archived = place % 10 == 9
    posting = {
        "career_site_id": source.id("ai_career_sites", place % len(SITES)),
        "url": f"https://careers.example/jobs/{place + 1}",
        "job_code": f"{department[:3].upper()}-{place + 1:03}",
        "name": random.choice(words.JOB_TITLES[department]),
        "created_at": created,
        "updated_at": created,
        "archived_at": created if archived else None,
        "archived_reason": "JOB_POSTING_TAKEN_OFFLINE" if archived else None,
        "availability": "ARCHIVED" if archived else "APPLYABLE",
    }
    return posting, created


TABLES: Mapping[str, Table] = {
    "ai_career_sites": Table(fixed(len(SITES)), _site),
    "ai_job_feeds": Table(fixed(1), _feed),
    "ai_job_postings": Table(lambda source: source.sizes.jobs, _posting),
}
