"""The screening questions of a job, one of each kind."""

from __future__ import annotations

from typing import Any

from kombo_async.sandbox._seed.source import Source

_COUNT = 7
_YEARS = ("Less than 2", "2 to 5", "More than 5")
_LANGUAGES = ("English", "German", "French")


def questions(source: Source, job: int) -> list[dict[str, Any]]:
    """The questions of the job with this number."""

    ids = iter(source.make_ids(_COUNT + len(_YEARS) + len(_LANGUAGES), "questions", job))

    def options(names: tuple[str, ...]) -> list[dict[str, Any]]:
        return [{"id": next(ids), "remote_id": str(place), "name": name} for place, name in enumerate(names)]

    formats: tuple[tuple[str, bool, dict[str, Any]], ...] = (
        ("Why do you want to work with us?", False, {"type": "TEXT", "display_type": "MULTI_LINE", "max_length": 5000}),
        (
            "How many years of experience do you have?",
            False,
            {"type": "SINGLE_SELECT", "display_type": "RADIO", "options": options(_YEARS)},
        ),
        ("Which languages do you speak?", False, {"type": "MULTI_SELECT", "options": options(_LANGUAGES)}),
        ("May you work in the European Union?", False, {"type": "BOOLEAN"}),
        ("What do you expect to earn in a year?", False, {"type": "NUMBER", "display_type": "FIELD", "min": 0}),
        ("When could you start?", False, {"type": "DATE"}),
        (
            "Do you have a portfolio?",
            False,
            {"type": "FILE", "accepted_mime_types": ["application/pdf"], "max_file_size_bytes": 10_000_000},
        ),
    )
    return [
        {
            "id": next(ids),
            "remote_id": source.number("ats_screening_questions", job * _COUNT + index),
            "title": title,
            "description": None,
            "format": format,
            "category": None,
            "index": index,
            "required": required,
            "precondition_question_id": None,
            "precondition_options": None,
        }
        for index, (title, required, format) in enumerate(formats)
    ]
