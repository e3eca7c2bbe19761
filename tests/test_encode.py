"""From a request to what goes over the wire: path, query and body."""

from __future__ import annotations

import enum
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, cast

import markupsafe
import numpy
import pandas
import pendulum
import pytest

from kombo_async import UNSET, InvalidInput, ai_apply, ats, connect, general, hris, to_dict
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
    """Each kind of parameter is written as Kombo expects it; what was left out is not sent."""
    wire = encode(request_)
    assert wire.target == target
    assert (wire.body, wire.content_type) == (None, None)


@pytest.mark.parametrize("value", ["", ".", "..", None, 5])
def test_values_that_are_no_part_of_a_path(value: Any) -> None:
    """A value that would change the path, or is not text, is refused by field."""
    with pytest.raises(ValueError, match="token"):
        encode(connect.GetIntegrationByToken(token=value))


def test_comma_in_a_filter_is_refused() -> None:
    """Kombo splits filters at commas, so a value with a comma would become two."""
    with pytest.raises(ValueError, match=r"^ids: .*comma"):
        encode(ats.GetCandidates(ids=["a,b"]))


@pytest.mark.parametrize(
    ("model", "field"),
    [(ats.GetCandidates, "updated_after"), (ats.GetApplications, "updated_after")],
)
def test_times_without_zone_are_refused(model: Any, field: str) -> None:
    """A datetime without a time zone is ambiguous, so a request cannot even be created with one."""
    with pytest.raises(ValueError, match=f"{field}: this datetime has no time zone"):
        model(**{field: datetime(2026, 5, 19)})


def test_left_out_is_not_null() -> None:
    """`UNSET` fields are not sent, `None` is sent as null, and there are no other defaults."""
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
    """Times in bodies are sent in UTC and in Kombo's format, whatever their zone."""
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
    """An operation with a body but no fields gets an empty object; one without a body gets nothing."""
    assert encode(general.DeleteIntegration(integration_id="a:b")).body == b"{}"
    assert encode(general.CheckApiKey()).body is None


def test_names_that_are_no_identifiers() -> None:
    """A field whose wire name is not a Python identifier is sent under its wire name."""
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
    """A value that JSON does not have is refused before anything is sent."""
    wrong: Any = object()
    with pytest.raises(ValueError, match="a body cannot contain a object"):
        encode(ats.AddCandidateResultLink(candidate_id="1", label=wrong, url="https://example.com"))


def test_floats_that_json_lacks_are_not_sent_as_null() -> None:
    """NaN and infinity are not JSON; they are refused instead of becoming null."""
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
    """Headers that the client sets itself cannot be passed in `headers=`."""
    with pytest.raises(ValueError, match=name):
        check_headers({name: "x"})


def body_of(body: Any) -> bytes:
    """A body without files."""
    assert isinstance(body, bytes)
    return body


# Values of other libraries, and values that JSON lacks


class Text(str):
    """Text of a library's own class."""


class Count(int):
    """A number of a library's own class."""


class Measure(float):
    """A number of a library's own class."""


class Moment(datetime):
    """A time of a library's own class."""


class Day(date):
    """A date of a library's own class."""


class Kind(enum.StrEnum):
    """Text by a name."""

    LEGAL = "Legal"


class Plain(enum.Enum):
    """A name that is no text."""

    A = "a"


class Named(str, enum.Enum):  # noqa: UP042  (as people wrote them before StrEnum)
    """Text by a name, the older way."""

    LEGAL = "Legal"


def tool(value: Any) -> Any:
    """A request with *value* deep within its body."""
    return ats.CreateCandidate(
        candidate=ats.CandidateInput(first_name="F", last_name="D", email_address="f@example.com"),
        application=ats.CandidateApplicationInput(job_id="1"),
        remote_fields=cast("Any", {"some_tool": {"fields": [{"value": value}]}}),
    )


def sent(value: Any) -> str:
    """*value* as it goes out in a body."""
    whole = body_of(encode(tool(value)).body).decode()
    start, _, rest = whole.partition('"value":')
    assert start
    return rest.removesuffix("}]}}}")


def passed_through(value: Any) -> str:
    """*value* as it goes out as any JSON, in a body that has no fields to rename."""
    request = general.SendPassthroughRequest(tool="x", api="y", method="POST", path="/z", data={"value": value})
    whole = body_of(encode(request).body).decode()
    start, _, rest = whole.partition('"data":{"value":')
    assert start
    return rest.removesuffix("}}")


PENDULUM = pendulum.datetime(2026, 5, 19, 10, 30, tz="Europe/Berlin")
PANDAS = pandas.Timestamp("2026-05-19T10:30:00", tz="Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (Text("x"), '"x"'),
        (markupsafe.Markup("<b>x</b>"), '"<b>x</b>"'),
        (numpy.str_("x"), '"x"'),
        (Kind.LEGAL, '"Legal"'),
        (Named.LEGAL, '"Legal"'),
        (Count(7), "7"),
        (numpy.int64(7), "7"),
        (numpy.uint8(7), "7"),
        (2**70, str(2**70)),
        (Measure(1.5), "1.5"),
        (numpy.float64(1.5), "1.5"),
        (numpy.float32(1.5), "1.5"),
        (Decimal("1.50"), "1.50"),
        (Decimal("12345678901234567890.123"), "12345678901234567890.123"),
        (Decimal("1E+3"), "1E+3"),
        (Moment(2026, 5, 19, 8, 30, tzinfo=UTC), '"2026-05-19T08:30:00Z"'),
        (datetime(2026, 5, 19, 10, 30, tzinfo=BERLIN), '"2026-05-19T08:30:00Z"'),
        (PENDULUM, '"2026-05-19T08:30:00Z"'),
        (PANDAS, '"2026-05-19T08:30:00Z"'),
        (Day(2026, 5, 19), '"2026-05-19"'),
        (pendulum.date(2026, 5, 19), '"2026-05-19"'),
        ((1, (2,)), "[1,[2]]"),
        (MappingProxyType({"a": (Text("b"),)}), '{"a":["b"]}'),
        ({Text("a"): 1}, '{"a":1}'),
        (ats.CandidateInput(first_name=Text("F"), last_name="D", email_address="e"), None),
    ],
)
def test_values_of_other_libraries_go_out_as_their_base(value: Any, wire: str | None) -> None:
    """Subclasses from other libraries are sent as plain text, numbers or times."""
    if wire is None:
        wire = '{"first_name":"F","last_name":"D","email_address":"e"}'
    assert sent(value) == passed_through(value) == wire
    assert json.loads(f"[{wire}]")


@pytest.mark.parametrize("value", [PENDULUM, PANDAS, Moment(2026, 5, 19, 8, 30, tzinfo=UTC)])
def test_times_of_other_libraries_in_fields_and_queries(value: Any) -> None:
    """Fields for times convert them to plain times in UTC, in bodies and queries."""
    request = ats.GetCandidates(updated_after=value)
    assert type(request.updated_after) is datetime
    assert encode(request).target == "/ats/candidates?updated_after=2026-05-19T08%3A30%3A00.000Z"


def test_while_time_is_frozen() -> None:
    """freezegun's replacements of `datetime` change nothing in what is sent and read, also after it ends."""
    script = """
import datetime, freezegun, sys
from kombo_async import ats
from kombo_async._codec.decode import decode
from kombo_async._codec.encode import encode
from tests.support.wire import CANDIDATE, success
from tests.test_encode import sent

def check(later):
    raw = success(CANDIDATE, [])
    reply = decode(ats.CreateCandidate, raw, raw.content, attempts=1)
    assert reply.drift == [], reply.drift
    assert later or "kombo_async._codec.drift" not in sys.modules, "it was read twice"
    assert reply.data.changed_at.year == 2026
    raw = success({**CANDIDATE, "id": 5}, [])
    assert len(decode(ats.CreateCandidate, raw, raw.content, attempts=1).drift) == 1
    now = datetime.datetime.now(datetime.UTC)
    assert "updated_after=20" in encode(ats.GetCandidates(updated_after=now)).target
    assert ats.GetCandidates.from_dict({"updated_after": now}).updated_after == now
    assert sent([now, datetime.date.today()]).startswith('["20')

with freezegun.freeze_time("2026-05-19"):
    check(later=False)
check(later=True)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "value",
    [
        b"x",
        bytearray(b"x"),
        memoryview(b"x"),
        {1},
        frozenset({1}),
        object(),
        complex(1),
        range(3),
        iter([1]),
        uuid.UUID(int=1),
        timedelta(1),
        time(8, 30),
        Fraction(1, 3),
        UNSET,
        numpy.array([1]),
        float("nan"),
        float("-inf"),
        numpy.float64("nan"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        pandas.NaT,
        datetime(2026, 5, 19),
        pandas.Timestamp("2026-05-19"),
        "\ud800",
        "a\udcffb",
        {"\ud800": 1},
        {1: 2},
        {None: 2},
        Plain.A,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_lacks_is_refused_by_its_path(value: Any) -> None:
    """No value is silently converted: it is refused by its path, wherever it is, without being shown."""
    for wrong, path in ((value, ""), ([1, value], "[1]"), ({"a": [[value]]}, ".a[0][0]")):
        with pytest.raises(InvalidInput) as caught:
            encode(tool(wrong))
        assert [fault.path for fault in caught.value.faults] == [f"remote_fields.some_tool.fields[0].value{path}"]
        assert not re.search("[\ud800-\udfff]|2026", str(caught.value))
        with pytest.raises(InvalidInput, match=rf"^data\.value{re.escape(path)}: "):
            passed_through(wrong)


def test_all_faults_of_a_body_are_told_at_once() -> None:
    """Each with its path, in order."""
    wrong: Any = b"Frank"
    request = ats.CreateCandidate(
        candidate=ats.CandidateInput(first_name=wrong, last_name="\ud800", email_address="f@example.com"),
        application=ats.CandidateApplicationInput(job_id=cast("Any", {"1"})),
    )
    with pytest.raises(InvalidInput) as caught:
        encode(request)
    assert [fault.path for fault in caught.value.faults] == [
        "candidate.first_name",
        "candidate.last_name",
        "application.job_id",
    ]
    assert "Frank" not in str(caught.value)
    assert "from_bytes" in caught.value.faults[0].message


def test_values_that_hold_themselves() -> None:
    """Values that contain themselves are refused like others, whatever their type."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidInput, match="nested too deeply"):
        encode(tool(loop))
    circle: dict[str, Any] = {}
    circle["again"] = circle
    with pytest.raises(InvalidInput, match="nested too deeply"):
        encode(tool(circle))


@pytest.mark.parametrize("number", [10**4300, -(10**5000)], ids=["positive", "negative"])
def test_numbers_that_python_does_not_write(number: int) -> None:
    """A number of more than 4,300 digits is refused by its field, in a body and in a query."""
    request = general.SendPassthroughRequest(
        tool="greenhouse", api="harvest", method="POST", path="/x", data=[10**4000]
    )
    assert encode(request).body
    with pytest.raises(InvalidInput, match=r"^data\[0\]: has more than 4,200 digits"):
        encode(request.evolve(data=[number]))
    with pytest.raises(InvalidInput, match=r"value\.a: has more than 4,200 digits"):
        encode(tool({"a": number}))
    with pytest.raises(InvalidInput, match=r"^page_size: has more than 4,200 digits"):
        encode(ats.GetJobs(page_size=number))


def test_lines_are_checked_like_bodies() -> None:
    """Faults in the lines of a bulk import have the index of the line."""
    postings: Any = [{"job_code": "1"}, {"job_code": b"2"}]
    with pytest.raises(InvalidInput, match=r"^items\[1\]\.job_code: "):
        encode(ai_apply.BulkImportJobPostings(job_feed_id="1", items=postings))
    postings = [{"job_code": Text("1")}]
    assert (
        body_of(encode(ai_apply.BulkImportJobPostings(job_feed_id="1", items=postings)).body) == b'{"job_code":"1"}\n'
    )


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        (["a", None], "None"),
        ([None], "None"),
        ([], "empty list"),
        ((), "empty list"),
        (iter(()), "empty list"),
        (["a", ""], "empty"),
        (["a", b"b"], "bytes"),
        (b"a", "bytes"),
        (["a", ["b"]], "list"),
        ({"a": 1}, "dict"),
        (["\ud800"], "surrogate"),
        (None, "leave the field out"),
        (1.5, "float"),
    ],
)
def test_filters_that_select_nothing_sensible(ids: Any, says: str) -> None:
    """An empty list or None might read all records instead of none; other values are not filters at all."""
    with pytest.raises(InvalidInput, match=f"^ids: .*{says}") as caught:
        encode(ats.GetCandidates(ids=ids))
    assert [fault.path for fault in caught.value.faults] == ["ids"]


@pytest.mark.parametrize("ids", [["a", "b"], ("a", "b"), iter(["a", "b"]), [Text("a"), numpy.str_("b")]])
def test_filters_of_several_values(ids: Any) -> None:
    """Any iterable of text is one."""
    assert encode(ats.GetCandidates(ids=ids)).target == "/ats/candidates?ids=a,b"


def test_numbers_and_booleans_in_queries() -> None:
    """Numbers and booleans from other libraries are sent as plain ones."""
    assert encode(ats.GetCandidates(page_size=numpy.int64(50))).target.endswith("?page_size=50")  # type: ignore[arg-type]
    assert encode(ats.GetCandidates(include_deleted=True)).target.endswith("?include_deleted=true")


def test_a_target_that_is_too_long_names_the_field_and_what_to_do() -> None:
    """3,000 IDs are too many for a URL; 250, a whole page, are not."""
    many = [f"{number:024}" for number in range(3_000)]
    with pytest.raises(InvalidInput, match=r"^ids: 3,000 values: .* ask for about 318 at a time") as caught:
        encode(ats.GetCandidates(ids=many, email="f@example.com"))
    assert [fault.path for fault in caught.value.faults] == ["ids"]
    assert many[0] not in str(caught.value)
    assert len(encode(ats.GetCandidates(ids=many[:250])).target) < 8_000
    assert len(encode(ats.GetCandidates(ids=many[:318], email="f@example.com")).target) <= 8_000
    with pytest.raises(InvalidInput, match=r"^email: makes a URL of"):
        encode(ats.GetCandidates(email="f" * 9_000))
    with pytest.raises(InvalidInput, match=r"^candidate_id: "):
        encode(ats.AddCandidateResultLink(candidate_id="1" * 9_000, label="x", url="https://example.com"))


def test_lone_surrogates_in_paths() -> None:
    """An ID with a lone surrogate is refused by field."""
    with pytest.raises(InvalidInput, match=r"^token: .*surrogate"):
        encode(connect.GetIntegrationByToken(token="a\ud800"))


@pytest.mark.parametrize("name", ["X-Trace", "x_trace", "X.Trace", "X-Trace-2"])
def test_headers_of_users(name: str) -> None:
    """Any header name that HTTP allows is accepted."""
    assert check_headers({name: "a b"}) == {name: "a b"}


@pytest.mark.parametrize("name", ["", "X Trace", "X:Trace", "Ä", "X\r\n", "X-Träce"])
def test_names_that_are_no_headers(name: str) -> None:
    """Other names are refused."""
    with pytest.raises(InvalidInput, match=r"^headers: .* is not a valid header name"):
        check_headers({name: "x"})


@pytest.mark.parametrize("value", ["", " x", "x ", "x\r\ny", "x\0", "x\x7f", "x\ty", "\x1b[0m", "ä"])
def test_values_that_are_no_headers(value: str) -> None:
    """Invalid header values are refused, and no frame of the traceback shows them."""
    with pytest.raises(InvalidInput, match=r"^headers\['X-Trace'\]: must be non-empty ASCII") as caught:
        check_headers({"X-Trace": value})
    innermost = caught.traceback[-1].frame
    assert "value" not in innermost.f_locals
