"""`from_dict`: requests from plain data; anything unknown, missing or of the wrong type is refused."""

from __future__ import annotations

import copy
import pickle
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

import attrs
import pytest

from kombo_async import InputFault, InvalidInput, ai_apply, ats, hris, to_dict

CREATE: dict[str, Any] = {
    "candidate": {"first_name": "Frank", "last_name": "Doe", "email_address": "frank@example.com"},
    "application": {"job_id": "1"},
    "attachments": [{"name": "cv.txt", "data": "SGVsbG8=", "type": "CV"}],
    "screening_question_answers": [{"question_id": "1", "answer": "yes"}],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """`CREATE` with one spot changed; a value of `...` takes it away."""
    *steps, last = path.split("/")
    data: dict[str, Any] = {**CREATE}
    here: Any = data
    for step in steps:
        here[place(step)] = here[place(step)].copy()
        here = here[place(step)]
    if value is ...:
        del here[last]
    else:
        here[place(last)] = value
    return data


def test_plain_data_becomes_a_request() -> None:
    """Nested plain data becomes nested models, and plain data again."""
    request = ats.CreateCandidate.from_dict(CREATE)
    assert isinstance(request.candidate, ats.CandidateInput)
    assert isinstance(request.attachments, list)
    assert isinstance(request.attachments[0], ats.AttachmentInput)
    assert to_dict(request) == CREATE


def test_models_may_stand_in_plain_data() -> None:
    """Models that are there already, and tuples, are taken as they are."""
    candidate = ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com")
    request = ats.CreateCandidate.from_dict({**CREATE, "candidate": candidate, "attachments": ()})
    assert request.candidate is candidate
    assert to_dict(request)["attachments"] == []


def place(step: str) -> Any:
    """The index or the name that a step of a path stands for."""
    return int(step) if step.isdigit() else step


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("candidate", ..., "candidate: missing"),
        ("candidate/first_name", ..., "candidate.first_name: missing"),
        ("candidate/email_address", 5, "candidate.email_address: must be string"),
        ("candidate/email_address", None, "candidate.email_address: must be"),
        ("candidate/e_mail", "f@example.com", "candidate.e_mail: there is no such field"),
        ("candidate_id", "1", "candidate_id: there is no such field"),
        ("candidate", [], "candidate: must be an object"),
        ("candidate", "Frank", "candidate: must be an object"),
        ("attachments", {}, "attachments: must be array"),
        ("attachments", "cv.pdf", "attachments: must be array"),
        ("attachments", None, "attachments: must be array of AttachmentInput, not null"),
        ("sourced_by", None, "sourced_by: must be SourcedBy, not null"),
        ("attachments/0/data", 5, "attachments[0].data: must be"),
        ("attachments/0", None, "attachments[0]: must be an object"),
        ("attachments/0/name", ..., "attachments[0].name: missing"),
        ("candidate/salary_expectations", {"period": "MONTH", "amount": "5"}, "salary_expectations.amount: must be"),
        ("candidate/salary_expectations", {"period": "MONTH", "amount": True}, "salary_expectations.amount: must be"),
        ("gdpr_consent", {"expires_at": "yesterday", "given": True}, "gdpr_consent.expires_at: must be a date such as"),
        ("gdpr_consent", {"expires_at": "2026-05-19T08:30:00+02:00"}, "gdpr_consent.expires_at: must be a date"),
        ("gdpr_consent", {"given": "false"}, "gdpr_consent.given: must be boolean"),
    ],
)
def test_faults_are_named_with_their_path(path: str, value: Any, fault: str) -> None:
    """Each fault is one line: where, and what should be there."""
    with pytest.raises(ValueError, match="CreateCandidate cannot be built") as caught:
        ats.CreateCandidate.from_dict(changed(path, value))
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert fault in lines[1]


def test_all_faults_are_named_at_once() -> None:
    """Every fault is listed, not only the first, and none shows the value."""
    data = changed("candidate/first_name", ["secret person"])
    data["application"] = {}
    data["extra"] = "secret person"
    with pytest.raises(ValueError, match="CreateCandidate") as caught:
        ats.CreateCandidate.from_dict(data)
    text = str(caught.value)
    for path in ("candidate.first_name: ", "application.job_id: missing", "extra: "):
        assert f"\n  {path}" in text
    assert "secret" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("data", [None, [], "x", 5, [("candidate", 1)]])
def test_other_than_an_object_is_refused(data: Any) -> None:
    """A request is built only from an object."""
    with pytest.raises(ValueError, match=r"\(all of it\): must be an object"):
        ats.CreateCandidate.from_dict(data)


@pytest.mark.parametrize("value", ["yes", True, 5, 5.5, ["a", "b"], "2026-05-19"])
def test_unions_take_each_of_their_types(value: Any) -> None:
    """A value that may be of several types keeps the one it has."""
    request = ats.CreateCandidate.from_dict(changed("screening_question_answers/0/answer", value))
    sent = to_dict(request)["screening_question_answers"][0]["answer"]
    assert sent == value
    assert type(sent) is type(value)


def test_enums_are_open() -> None:
    """A new enum value is accepted: Kombo decides."""
    request = ats.CreateCandidate.from_dict(changed("attachments/0/type", "PORTFOLIO"))
    assert to_dict(request)["attachments"][0]["type"] == "PORTFOLIO"


@pytest.mark.parametrize("value", ["2026-05-19", "2026-05-19T08:30:00Z", "2026-05-19T08:30:00.123Z", date(2026, 5, 19)])
def test_times_come_as_text_or_as_dates(value: Any) -> None:
    """Times are accepted in Kombo's formats, and as Python's types."""
    request = hris.GetEmployees.from_dict({"updated_after": value})
    assert request.updated_after == value


def test_time_without_zone_is_refused() -> None:
    """A datetime without a zone is refused here as it is by the class itself."""
    with pytest.raises(ValueError, match=r"\n  updated_after: must be a datetime with a time zone"):
        hris.GetEmployees.from_dict({"updated_after": datetime(2026, 5, 19)})


def test_wire_names() -> None:
    """Plain data has the wire names, also where those are no Python names."""
    data = {
        "candidate_id": "1",
        "label": "Report",
        "url": "https://example.com",
        "remote_fields": {"greenhouse": {"post_headers": {"On-Behalf-Of": "7"}}},
    }
    request = ats.AddCandidateResultLink.from_dict(data)
    fields: Any = request.remote_fields
    assert fields.greenhouse.post_headers.on_behalf_of == "7"
    assert to_dict(request) == data


def test_bulk_lines() -> None:
    """Each line of a bulk import is checked."""
    with pytest.raises(ValueError, match=r"items\[1\]"):
        ai_apply.BulkImportJobPostings.from_dict({"job_feed_id": "1", "items": [None, None]})


def test_repr_shows_no_values() -> None:
    """Printing a request shows which fields are set, without people's data."""
    assert repr(ats.CreateCandidate.from_dict(CREATE)) == (
        "<CreateCandidate: candidate, application, screening_question_answers, attachments set>"
    )


class Text(str):
    """Text of a library's own class."""


def test_values_of_other_libraries() -> None:
    """Text and numbers of a library's own class are the text and numbers that they are; booleans are no numbers."""
    absence: dict[str, Any] = {
        "employee_id": Text("1"),
        "absence_type_id": "2",
        "start_date": "2026-05-19",
        "end_date": "2026-05-20",
        "status": Text("REQUESTED"),
        "employee_note": None,
    }
    request = hris.CreateAbsence.from_dict({**absence, "amount": Decimal("1.5")})
    assert type(request.employee_id) is str
    assert request.status == "REQUESTED"
    assert request.amount == Decimal("1.5")
    for wrong in (True, "1", b"1", None):
        with pytest.raises(InvalidInput) as caught:
            hris.CreateAbsence.from_dict({**absence, "amount": wrong})
        assert [fault.path for fault in caught.value.faults] == ["amount"]


def test_faults_are_data() -> None:
    """Each fault is a path and a message; the whole prints them all, and can be copied and pickled."""
    with pytest.raises(InvalidInput) as caught:
        ats.CreateCandidate.from_dict({"candidate": {"first_name": 5, "shoe_size": "Frank"}})
    error = caught.value
    assert isinstance(error, ValueError)
    assert error.faults[0] == InputFault("candidate.first_name", "must be string")
    assert {fault.path for fault in error.faults} == {
        "candidate.first_name",
        "candidate.last_name",
        "candidate.email_address",
        "candidate.shoe_size",
        "application",
    }
    assert str(error).splitlines()[0] == "CreateCandidate cannot be built from this data:"
    assert len(str(error).splitlines()) == 1 + len(error.faults)
    assert "Frank" not in str(error) + repr(error)
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (other.faults, str(other)) == (error.faults, str(error))
    assert str(InvalidInput(InputFault("ids", "is empty"))) == "ids: is empty"
    assert str(InvalidInput(InputFault("", "is empty"))) == "(all of it): is empty"


def test_attrs_is_not_tampered_with() -> None:
    """A request's fields know their types as attrs resolves them."""
    ats.CreateCandidate.from_dict(CREATE)
    types = {field.name: field.type for field in attrs.fields(cast("Any", ats.CreateCandidate))}
    assert types["candidate"] is ats.CandidateInput


def test_no_value_hides_behind_a_fault() -> None:
    """The error that led to an `InvalidInput`, with the values in it, is not kept as its context."""
    with pytest.raises(InvalidInput) as caught:
        ats.CreateCandidate.from_dict({"candidate": {"first_name": {"secret": 1}}})
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_unknown_names_can_be_printed() -> None:
    """A name with half a character (a lone surrogate) does not break whoever prints the faults."""
    with pytest.raises(InvalidInput, match="there is no such field") as caught:
        ats.CreateCandidate.from_dict({**CREATE, "a\ud800": 1})
    assert str(caught.value).encode()
    assert caught.value.faults[0].path == "a\\ud800"
