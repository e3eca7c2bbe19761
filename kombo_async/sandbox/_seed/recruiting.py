"""Recruiting: jobs, who applies for them, and what follows: interviews, offers, notes, scorecards, attachments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kombo_async.sandbox._seed import applications, jobs, words
from kombo_async.sandbox._seed.applications import (
    OUTCOMES,
    applied_at,
    candidate_and_job,
    count,
    first_of,
    for_job,
    of_candidate,
    period,
)
from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Inverse, Source, Table, fixed, owned
from kombo_async.sandbox._state.clock import day, days, parse, stamp
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.initial import PERIOD


def _interview(source: Source, place: int, random: Random) -> tuple[Record, str]:
    application = source.record("ats_applications", place * 3)
    begins = parse(application["remote_created_at"]) + days(random.randint(1, 14))
    begins = begins.replace(hour=9, minute=0, second=0, microsecond=0)
    interviewers = random.sample(range(source.count("ats_users")), 2)
    interview: dict[str, Any] = {
        "title": "Interview",
        "starting_at": stamp(begins),
        "ending_at": stamp(begins + days(1 / 24)),
        "location": words.place(random),
        "video_conferencing_url": f"https://meet.example/{place}",
        "application_id": application["id"],
        "stage_id": application["current_stage_id"],
        "canceled": False,
        "user_ids": [source.id("ats_users", each) for each in interviewers],
    }
    return interview, application["remote_created_at"]


def _offer(source: Source, place: int, random: Random) -> tuple[Record, str]:
    application = source.record("ats_applications", place * len(OUTCOMES) + len(OUTCOMES) - 1)
    begins = day(source.born + days(random.randint(10, 60)))
    offer = {"status": "ACCEPTED", "employment_start_date": begins, "application_id": application["id"]}
    return offer, application["remote_created_at"]


def _note(source: Source, place: int, random: Random) -> tuple[Record, str]:
    application = source.record("ats_applications", place * 4)
    note = {
        "candidate_id": application["candidate_id"],
        "application_id": application["id"],
        "author_id": source.pick("ats_users", random),
        "title": "First call",
        "content_html": "<p>Friendly, prepared, could start next month.</p>",
        "is_private": False,
    }
    return note, application["remote_created_at"]


def _scorecard(source: Source, place: int, random: Random) -> tuple[Record, str]:
    interview = source.record("ats_interviews", place)
    options = [{"remote_id": str(n), "label": label} for n, label in enumerate(("No", "Yes", "Strong yes"))]
    common: dict[str, Any] = {"remote_id": None, "description": None, "required": True}
    candidate, _ = candidate_and_job(source, place * 3)
    scorecard = {
        "candidate_id": source.id("ats_candidates", candidate),
        "application_id": interview["application_id"],
        "interview_id": interview["id"],
        "author_id": interview["user_ids"][0],
        "responses": [
            {**common, "type": "TEXT", "label": "Summary", "answer": "Knows the field well."},
            {**common, "type": "NUMBER", "label": "Rating", "answer": random.randint(1, 5)},
            {**common, "type": "SINGLE_SELECT", "label": "Hire?", "options": options, "answer": options[1]},
        ],
    }
    return scorecard, interview["remote_created_at"]


def _attachment(source: Source, place: int, random: Random) -> tuple[Record, str]:
    candidate = source.record("ats_candidates", place * 2)
    attachment = {
        "candidate_id": candidate["id"],
        "application_id": source.id("ats_applications", first_of(source, place * 2)) if source.sizes.jobs else None,
        "type": "CV",
        "file_name": f"CV {candidate['first_name']} {candidate['last_name']}.pdf",
        "content_type": "application/pdf",
    }
    return attachment, candidate["remote_created_at"]


def cv(record: Record) -> bytes:
    """The file of an initial attachment: one page with the name on it."""
    name = str(record["file_name"]).removeprefix("CV ").removesuffix(".pdf").encode("latin-1", "replace")
    escaped = name.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    text = b"BT /F1 24 Tf 72 720 Td (" + escaped + b") Tj ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n" % len(text) + text + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    whole = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, each in enumerate(objects, 1):
        offsets.append(len(whole))
        whole += b"%d 0 obj\n" % number + each + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(whole)
    whole += b"xref\n0 6\n0000000000 65535 f \n" + table
    return whole + b"trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start


_ITSELF = owned("ats_applications")


def _every(each: int, offset: int = 0, *, of: Inverse = _ITSELF) -> Inverse:
    """Records that belong to every *each*-th application: those of *of*, which are found by their own ID or another."""

    def places(source: Source, value: Any) -> Iterable[int]:
        return (place // each for place in of(source, value) if place % each == offset)

    return places


def _of_people(each: int) -> dict[str, Inverse]:
    return {"application_id": _every(each), "candidate_id": _every(each, of=of_candidate)}


def _attached(source: Source, value: Any) -> Iterable[int]:
    place = source.place("ats_candidates", value)
    return () if place is None or place % 2 else (place // 2,)


def _attached_to_application(source: Source, value: Any) -> Iterable[int]:
    place = source.place("ats_applications", value)
    if place is None:
        return ()
    candidate, _ = candidate_and_job(source, place)
    return (candidate // 2,) if candidate % 2 == 0 and place == first_of(source, candidate) else ()


def _applied(each: int, offset: int = 0) -> dict[str, Any]:
    """When records that belong to every *each*-th application were made: with it."""

    def made(source: Source, place: int) -> Iterable[str]:
        return (applied_at(source, place * each + offset),)

    return {"changed_at": made}


def _every_period(each: int) -> Callable[[Source], int]:
    return lambda source: period(source) // each


def _interviews(source: Source) -> int:
    return -(-count(source) // 3)


TABLES: Mapping[str, Table] = {
    **jobs.TABLES,
    **applications.TABLES,
    "ats_interviews": Table(
        _interviews,
        _interview,
        {"application_id": _every(3), "job_ids": _every(3, of=for_job)},
        _applied(3),
        _every_period(3),
    ),
    "ats_offers": Table(
        lambda source: count(source) // len(OUTCOMES),
        _offer,
        {"application_id": _every(len(OUTCOMES), len(OUTCOMES) - 1)},
        _applied(len(OUTCOMES), len(OUTCOMES) - 1),
        _every_period(len(OUTCOMES)),
    ),
    "ats_notes": Table(lambda source: -(-count(source) // 4), _note, _of_people(4), _applied(4), _every_period(4)),
    "ats_scorecards": Table(
        _interviews,
        _scorecard,
        {**_of_people(3), "interview_id": owned("ats_interviews")},
        _applied(3),
        _every_period(3),
    ),
    "ats_attachments": Table(
        lambda source: -(-source.sizes.candidates // 2),
        _attachment,
        {"candidate_id": _attached, "application_id": _attached_to_application},
        {"changed_at": lambda source, place: (applications.created_at(source, place * 2),)},
        fixed(PERIOD // 2),
    ),
}
