"""Recruiting: a candidate's answers to a job's screening questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from kombo_async.model import Model, to_dict
from kombo_async.sandbox._api.filters import as_stamp
from kombo_async.sandbox._handlers.uploads import Fetched, read_file
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid

if TYPE_CHECKING:
    from kombo_async import ats


def read_answers(
    job: Record, answers: Sequence[ats.ScreeningAnswerInput], warnings: list[str], fetched: Fetched
) -> list[tuple[Record, StoredFile | None]]:
    """The answers as shown in an application, each with its file, if any.

    An answer to a question that the job does not ask is dropped, with a warning. Raises `InputInvalid` for an answer
    that does not fit its question, and for a missing required one.
    """
    asked = cast("list[Record]", job["screening_questions"])
    questions: dict[str, Record] = {question["id"]: question for question in asked}
    by_remote_id = {f"remote:{question['remote_id']}": question for question in asked}
    read: list[tuple[Record, StoredFile | None]] = []
    for place, given in enumerate(answers):
        path = f"screening_question_answers[{place}]"
        question = questions.get(given.question_id) or by_remote_id.get(given.question_id)
        if question is None:
            warnings.append(f"{path}: the job does not ask the question {given.question_id!r}; the answer is left out.")
            continue
        read.append(_answer(question, given.answer, f"{path}.answer", warnings, fetched))
    answered = {(by_remote_id.get(given.question_id) or {"id": given.question_id})["id"] for given in answers}
    for id, question in questions.items():
        if question["required"] and id not in answered:
            raise InputInvalid(f"screening_question_answers: {question['title']!r} must be answered ({id})")
    return read


def _answer(
    question: Record, given: Any, path: str, warnings: list[str], fetched: Fetched
) -> tuple[Record, StoredFile | None]:
    kind: str = question["format"]["type"]
    file: StoredFile | None = None
    answer: dict[str, Any]
    if kind == "FILE":
        if not isinstance(given, Model):
            raise InputInvalid(f"{path}: must be a file")
        file = read_file(given, path, warnings, fetched)
        # There is no form for files among the answers that can be read back.
        kind, answer = "UNKNOWN", {"raw": {"file_name": file.name}}
    elif kind == "TEXT":
        answer = {"content": _of(given, str, path, "a text")}
    elif kind == "BOOLEAN":
        answer = {"checked": _of(given, bool, path, "true or false")}
    elif kind == "NUMBER":
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise InputInvalid(f"{path}: must be a number")
        answer = {"number": given}
    elif kind == "DATE":
        answer = {"date": _date(given, path)}
    elif kind == "SINGLE_SELECT":
        answer = {"choice": _option(question, given, path)}
    elif kind == "MULTI_SELECT":
        if not isinstance(given, list | tuple):
            raise InputInvalid(f"{path}: must be a list of option IDs")
        answer = {"choices": [_option(question, each, path) for each in cast("Sequence[Any]", given)]}
    else:
        answer = {"raw": to_dict(given)}
    asked = {"remote_id": question["remote_id"], "title": question["title"], "type": kind}
    return {"question": asked, "answer": answer}, file


def _of(given: Any, kind: type, path: str, what: str) -> Any:
    if not isinstance(given, kind):
        raise InputInvalid(f"{path}: must be {what}")
    return given


def _date(given: Any, path: str) -> str:
    try:
        return as_stamp(given)
    except (TypeError, ValueError, AttributeError):
        raise InputInvalid(f"{path}: must be a date") from None


def _option(question: Record, given: Any, path: str) -> str:
    for option in cast("list[Record]", question["format"]["options"]):
        if given == option["id"]:
            name: str = option["name"]
            return name
    raise InputInvalid(f"{path}: must be the ID of one of the question's options")
