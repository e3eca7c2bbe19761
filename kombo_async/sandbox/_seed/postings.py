"""AI Apply: career sites, and the postings on them. They belong to the platform, not to an integration."""

from __future__ import annotations

from collections.abc import Mapping

from kombo_async.sandbox._seed import words
from kombo_async.sandbox._seed.jobs import code_of, numbered
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table, ago, fixed, nowhere
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.indexes import Record

SITES = ("Acme careers", "Nordlicht jobs")


def _site(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"label": SITES[place]}, stamp(source.born - days(100))


def _feed(source: Source, place: int, random: Random) -> tuple[Record, str]:
    return {"label": "Nightly feed"}, stamp(source.born - days(90))


def _posting(source: Source, place: int, random: Random) -> tuple[Record, str]:
    department = words.DEPARTMENTS[place % len(words.DEPARTMENTS)]
    created = _created_at(source, place)
    archived = place % 10 == 9
    posting = {
        "career_site_id": _site_of(source, place),
        "url": f"https://careers.example/jobs/{place + 1}",
        "job_code": code_of(place),
        "name": random.choice(words.JOB_TITLES[department]),
        "created_at": created,
        "updated_at": created,
        "archived_at": created if archived else None,
        "archived_reason": "JOB_POSTING_TAKEN_OFFLINE" if archived else None,
        "availability": "ARCHIVED" if archived else "APPLYABLE",
    }
    return posting, created


def _created_at(source: Source, place: int) -> str:
    return stamp(ago(source, place, 23, 2, 60))


def _site_of(source: Source, place: int) -> str:
    return source.id("ai_career_sites", place % len(SITES))


TABLES: Mapping[str, Table] = {
    "ai_career_sites": Table(fixed(len(SITES)), _site),
    "ai_job_feeds": Table(fixed(1), _feed),
    "ai_job_postings": Table(
        lambda source: source.sizes.jobs,
        _posting,
        {"job_code~": numbered(lambda place: code_of(place).lower()), "job_feed_id": nowhere},
        {
            "career_site_id": lambda source, place: (_site_of(source, place),),
            "changed_at": lambda source, place: (_created_at(source, place),),
        },
    ),
}
