"""AI Apply: whether the answers to an application form fit its questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from kombo_async.model import Model
from kombo_async.sandbox._handlers.uploads import read_file
from kombo_async.sandbox._seed.application_form import questions
from kombo_async.sandbox._state.clock import parse
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid

if TYPE_CHECKING:
    from kombo_async import ai_apply


def check_answers(answers: Sequence[ai_apply.AnswerInput]) -> None:
    """Raises `InputInvalid` for an answer that does not fit its question, and for a missing required one."""
    asked = questions()
    for place, given in enumerate(answers):
        path = f"screening_question_answers[{place}]"
        question = asked.get(given.question_id)
        if question is None:
            raise InputInvalid(f"{path}.question_id: the form has no such question")
        _check_answer(question, given.answer, f"{path}.answer")
    answered = {answer.question_id for answer in answers}
    for id, question in asked.items():
        if question["required"] and id not in answered:
            raise InputInvalid(f"screening_question_answers: {question['label']!r} must be answered ({id})")


def _check_answer(question: Record, given: Any, path: str) -> None:
    kind: str = question["question_type"]
    if kind == "FILE":
        if not isinstance(given, Model):
            raise InputInvalid(f"{path}: must be a file")
        read_file(given, path, [], {})
    elif kind == "SINGLE_SELECT":
        _check_option(question, given, path)
    elif not isinstance(given, str):
        raise InputInvalid(f"{path}: must be a text")
    elif kind == "DATE":
        try:
            parse(given)
        except ValueError:
            raise InputInvalid(f"{path}: must be a date, such as 2026-05-19") from None


def _check_option(question: Record, given: Any, path: str) -> None:
    ids = [option["id"] for option in cast("list[Record]", question["options"])]
    if given not in ids:
        raise InputInvalid(f"{path}: must be the ID of one of the options: {', '.join(ids)}")
