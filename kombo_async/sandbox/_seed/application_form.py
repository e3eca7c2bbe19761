"""The form that every posting of AI Apply has here."""

from __future__ import annotations

from typing import Any


def _question(id: str, label: str, kind: str, key: str | None = None, *, required: bool = False) -> dict[str, Any]:
    return {
        "block_type": "QUESTION",
        "question_id": id,
        "label": label,
        "description": None,
        "required": required,
        "category": None,
        "question_type": kind,
        "unified_key": key,
        "options": None,
        "display_when": None,
    }


_OPTIONS: list[dict[str, Any]] = [
    {"id": "now", "label": "At once", "unified_key": None},
    {"id": "later", "label": "Later", "unified_key": None},
]

FORM: list[dict[str, Any]] = [
    _question("first_name", "First name", "TEXT", "FIRST_NAME", required=True),
    _question("last_name", "Last name", "TEXT", "LAST_NAME", required=True),
    _question("email", "E-mail", "TEXT", "EMAIL", required=True),
    {
        "block_type": "SECTION",
        "label": "More about you",
        "children": [
            _question("cv", "CV", "FILE"),
            {**_question("start", "When could you start?", "SINGLE_SELECT"), "options": _OPTIONS},
            {
                **_question("when", "When exactly?", "DATE"),
                "display_when": {"question_id": "start", "answer_equals": "later"},
            },
        ],
    },
]


def questions() -> dict[str, dict[str, Any]]:
    """All questions of the form, by ID."""
    blocks = [each for block in FORM for each in block.get("children", [block])]
    return {block["question_id"]: block for block in blocks}
