"""From a request to what goes over the wire: path, query and body."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from kombo_async import ai_apply, ats, connect, general, hris, to_dict
from kombo_async._codec.encode import check_headers, encode
from kombo_async.request import Request

BERLIN = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (ats.GetCandidates(), "/ats/candidates"),
        (ats.GetCandidates(page_size=100), "/ats/candidates?page_size=100"),
        (ats.GetCandidates(cursor="a/b+c="), "/ats/candidates?cursor=a%2Fb%2Bc%3D"),
        (ats.GetCandidates(email="frank+1@example.com"), "/ats/candidates?email=frank%2B1%40example.com"),
        (ats.GetCandidates(first_name="Zoë & Co"), "/ats/candidates?first_name=Zo%C3%AB%20%26%20Co"),
        (ats.GetCandidates(ids=["a", "b"]), "/ats/candidates?ids=a,b"),
        (ats.GetCandidates(ids=("a b", "c/d")), "/ats/candidates?ids=a%20b,c%2Fd"),
        (ats.GetCandidates(include_deleted=True), "/ats/candidates?include_deleted=true"),
        (ats.GetCandidates(include_deleted=False), "/ats/candidates?include_deleted=false"),
        (
            ats.GetCandidates(updated_after=datetime(2026, 5, 19, 8, 30, tzinfo=UTC)),
            "/ats/candidates?updated_after=2026-05-19T08%3A30%3A00.000Z",
        ),
        (
            ats.GetCandidates(updated_after=datetime(2026, 5, 19, 8, 30, 0, 123456, tzinfo=BERLIN)),
            "/ats/candidates?updated_after=2026-05-19T06%3A30%3A00.123456Z",
        ),
        (ats.GetCandidates(updated_after=date(2026, 5, 19)), "/ats/candidates?updated_after=2026-05-19"),
        (
            ats.GetCandidates(updated_after="2026-05-19T08:30:00Z"),
            "/ats/candidates?updated_after=2026-05-19T08%3A30%3A00Z",
        ),
        (ats.GetCandidates(page_size=5, cursor="c"), "/ats/candidates?cursor=c&page_size=5"),
        (connect.GetIntegrationByToken(token="a/../b"), "/connect/integration-by-token/a%2F..%2Fb"),
        (general.CheckApiKey(), "/check-api-key"),
    ],
)
def test_targets(request_: Request[Any], target: str) -> None:
    """Each kind of parameter is written as Kombo takes it, and what was left out is not there."""
    wire = encode(request_)
    assert wire.target == target
    assert (wire.body, wire.content_type) == (None, None)


@pytest.mark.parametrize("value", ["", ".", "..", None, 5])
def test_values_that_are_no_part_of_a_path(value: Any) -> None:
    """What would change the path, or is no text at all, is refused with the name of its field."""
    with pytest.raises(ValueError, match="token"):
        encode(connect.GetIntegrationByToken(token=value))


def test_comma_in_a_filter_is_refused() -> None:
    """Kombo splits filters at commas, so a value with one would be two."""
    with pytest.raises(ValueError, match=r"^ids: .*comma"):
        encode(ats.GetCandidates(ids=["a,b"]))


@pytest.mark.parametrize(
    ("model", "field"),
    [(ats.GetCandidates, "updated_after"), (ats.GetApplications, "updated_after")],
)
def test_times_without_zone_are_refused(model: Any, field: str) -> None:
    """A datetime without a time zone could mean any moment, so a request cannot even be made with one."""
    with pytest.raises(ValueError, match=f"{field}: this datetime has no time zone"):
        model(**{field: datetime(2026, 5, 19)})


def test_left_out_is_not_null() -> None:
    """`UNSET` fields are not sent, `None` is sent as null, and nothing has a default of its own."""
    candidate = ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="f@example.com")
    application = ats.CandidateApplicationInput(job_id="1")
    wire = encode(ats.CreateCandidate(candidate=candidate, application=application))
    assert json.loads(body_of(wire.body)) == {
        "candidate": {"first_name": "Frank", "last_name": "Doe", "email_address": "f@example.com"},
        "application": {"job_id": "1"},
    }
    job = ai_apply.ParseJobPosting(url="https://example.com", career_site_id="1", location=None)
    assert json.loads(body_of(encode(job).body)) == {
        "url": "https://example.com",
        "career_site_id": "1",
        "location": None,
    }


def test_times_in_bodies() -> None:
    """Times in bodies are in UTC and in Kombo's form, whatever zone they were given in."""
    absence = hris.CreateAbsence(
        employee_id="1",
        absence_type_id="2",
        start_date=date(2026, 5, 19),
        end_date="2026-05-20",
        employee_note=None,
    )
    assert json.loads(body_of(encode(absence).body))["start_date"] == "2026-05-19"
    consent = ats.GdprConsent(expires_at=datetime(2026, 5, 19, 8, 30, tzinfo=BERLIN), given=True)
    request = ats.CreateCandidate(
        candidate=ats.CandidateInput(first_name="F", last_name="D", email_address="f@example.com"),
        application=ats.CandidateApplicationInput(job_id="1"),
        gdpr_consent=consent,
    )
    sent = json.loads(body_of(encode(request).body))["gdpr_consent"]
    assert datetime.fromisoformat(sent["expires_at"]) == consent.expires_at
    assert sent["expires_at"].endswith("Z")


def test_empty_bodies() -> None:
    """An operation that takes a body without fields gets an empty object, one that takes none gets nothing."""
    assert encode(general.DeleteIntegration(integration_id="a:b")).body == b"{}"
    assert encode(general.CheckApiKey()).body is None


def test_names_that_are_no_identifiers() -> None:
    """A field whose wire name is no Python name is sent under its wire name."""
    request = ats.AddCandidateResultLink(
        candidate_id="1",
        label="Report",
        url="https://example.com",
        remote_fields=ats.ResultLinkRemoteFields(
            greenhouse=ats.GreenhouseFields(post_headers=ats.GreenhousePostHeaders(on_behalf_of="7"))
        ),
    )
    sent = json.loads(body_of(encode(request).body))
    assert sent["remote_fields"] == {"greenhouse": {"post_headers": {"On-Behalf-Of": "7"}}}
    assert to_dict(request)["remote_fields"] == sent["remote_fields"]


def test_lines_of_json_from_any_iterable() -> None:
    """A bulk import sends one line for each posting, and takes a generator."""

    def postings() -> Iterator[Any]:
        for number in range(3):
            yield {"job_code": f"{number}\n"}

    wire = encode(ai_apply.BulkImportJobPostings(job_feed_id="1", items=postings()))
    assert wire.content_type == "application/x-ndjson"
    lines = body_of(wire.body).splitlines()
    assert [json.loads(line) for line in lines] == [{"job_code": f"{number}\n"} for number in range(3)]


def test_what_is_no_json_is_refused() -> None:
    """A value that has no place in JSON is refused before anything is sent."""
    wrong: Any = object()
    with pytest.raises(ValueError, match="a body cannot hold a object"):
        encode(ats.AddCandidateResultLink(candidate_id="1", label=wrong, url="https://example.com"))


def test_floats_that_json_lacks_are_not_sent_as_null() -> None:
    """Not-a-number and infinity are no JSON; they are refused, not bent into null."""
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"^candidate\.salary_expectations\.amount: "):
            encode(
                ats.CreateCandidate(
                    candidate=ats.CandidateInput(
                        first_name="F",
                        last_name="D",
                        email_address="f@example.com",
                        salary_expectations=ats.SalaryExpectations(period="MONTH", amount=value),
                    ),
                    application=ats.CandidateApplicationInput(job_id="1"),
                )
            )


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-integration-id", "HOST", "Content-Type", "Content-Length", "Transfer-Encoding"],
)
def test_headers_of_ours_cannot_be_replaced(name: str) -> None:
    """Headers that the client makes are not for `headers=`."""
    with pytest.raises(ValueError, match=name):
        check_headers({name: "x"})


def body_of(body: Any) -> bytes:
    """A body without files."""
    assert isinstance(body, bytes)
    return body
