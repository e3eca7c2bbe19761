"""What Kombo documents for single operations: timeouts, limits of bodies, blind spots of `updated_after`."""

from __future__ import annotations

from typing import Any, get_args

import attrs
import pytest

from kombo_async import ErrorCode, ai_apply, ats
from kombo_async._codec.codes import SYNC_PENDING
from kombo_async._codec.encode import encode
from kombo_async._generated.operations import REQUESTS
from kombo_async.options import Timeout
from kombo_async.request import data_type
from kombo_async.webhooks import ModelName

IMPORT = ai_apply.BulkImportJobPostings.operation


def test_a_documented_timeout_is_the_least_that_its_operation_gets() -> None:
    """The bulk import gets 300 s by default; the same number of seconds for every attempt stays what it is."""
    assert IMPORT.timeout == 300
    assert Timeout().of(IMPORT) == 300
    assert Timeout(read=10).of(IMPORT) == 300
    assert Timeout(read=400).of(IMPORT) == 400
    assert Timeout(read=10, documented=False).of(IMPORT) == 10
    assert Timeout.of_seconds(5).of(IMPORT) == 5
    assert Timeout().of(ats.GetJobs.operation) == 30


def test_a_body_that_is_too_large_is_refused_before_it_is_sent() -> None:
    """The error names the field, both sizes and what to do."""
    assert IMPORT.max_body_bytes == 35 * 1024 * 1024
    posting = ai_apply.BulkJobPosting(url="https://example.com/" + "x" * 1_000_000, career_site_label="a")
    fits = ai_apply.BulkImportJobPostings(job_feed_id="1", items=[posting] * 36)
    assert isinstance(encode(fits).body, bytes)
    with pytest.raises(ValueError, match=r"items: the body has 37,\d{3},\d{3} bytes.*at most 36,700,160.*fewer items"):
        encode(fits.evolve(items=[posting] * 37))


def blind() -> list[Any]:
    return [each for each in REQUESTS.values() if each.operation.blind_spots]


def test_blind_spots_are_fields_of_what_is_listed() -> None:
    """Each is a field of the records of a list that takes `updated_after`, with a model that `data-changed` names."""
    assert len(blind()) == 8
    known = get_args(get_args(ModelName)[0])
    for request in blind():
        assert "updated_after" in request.operation.query
        (record,) = data_type(request).__args__
        for field, model in request.operation.blind_spots:
            assert field in {each.name for each in attrs.fields(record)}
            assert model in known
    assert dict(ats.GetApplications.operation.blind_spots) == {
        "current_stage": "ats_application_stages",
        "job": "ats_jobs",
    }


def test_error_codes_are_known_and_open() -> None:
    """`ErrorCode` completes with what is documented, and takes what is not."""
    literal, other = get_args(ErrorCode)
    codes = get_args(literal)
    assert other is str
    assert len(codes) == 30
    assert {SYNC_PENDING, "ATS.JOB_CLOSED", "HRIS.STAFFING_ENTITY_CLOSED", "AI_APPLY.JOB_POSTING_ALREADY_EXISTS"} <= {
        *codes
    }
