"""Filters and cursors of the lists, as others send them: several values, odd ones, ones of another list."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, get_args
from urllib.parse import quote

import pytest

from kombo_async._codec.structure import field_types, is_list, is_union, members
from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from tests.sandbox.raw_calls import call, error, ids

pytestmark = pytest.mark.anyio

HRIS = default_id("workday")
LMS = default_id("docebo")
ORDERS = default_id("icims")


@pytest.mark.parametrize("comma", [",", "%2C", "%2c"])
@pytest.mark.parametrize(
    ("integration", "path", "name", "table", "field"),
    [
        (GREENHOUSE, "/ats/candidates", "ids", "ats_candidates", "id"),
        (GREENHOUSE, "/ats/candidates", "remote_ids", "ats_candidates", "remote_id"),
        (GREENHOUSE, "/ats/users", "emails", "ats_users", "email"),
        (HRIS, "/hris/employees", "work_emails", "hris_employees", "work_email"),
        (LMS, "/lms/users", "work_emails", "lms_users", "work_email"),
    ],
)
async def test_values_of_a_filter_are_separated_by_commas_encoded_or_not(
    sandbox: Sandbox, comma: str, integration: str, path: str, name: str, table: str, field: str
) -> None:
    """Filter values are separated by commas, encoded or not."""
    rows = sandbox.world(integration).table(table)[:3]
    values = comma.join(quote(row.data[field], safe="") for row in rows)
    response = await call(sandbox, "GET", f"{path}?{name}={values}", integration=integration)
    assert sorted(ids(response)) == sorted(row.id for row in rows)


def _words(hint: Any) -> list[str]:
    """The words that a hint names, however deep."""
    return [hint] if isinstance(hint, str) else [word for inner in get_args(hint) for word in _words(inner)]


def test_every_list_parameter_takes_an_encoded_comma() -> None:
    """Every list parameter of every operation accepts an encoded comma."""
    from kombo_async.sandbox._api.request_parsing import read_request

    for id in REQUESTS:
        cls: Any = REQUESTS[id]
        hints = {field.name: hint for field, hint in field_types(cls)}
        for name in cls.operation.query:
            hint = hints[name]
            lists = [each for each in (members(hint) if is_union(hint) else (hint,)) if is_list(each)]
            words = [word for part in lists for word in _words(part)]
            texts = words[:2] or ["a", "b"]
            if lists:
                parameters = dict.fromkeys(cls.operation.path_parts[1::2], "x")
                request = read_request(cls, parameters, f"{name}={'%2C'.join(texts)}", "", b"")
                assert list(getattr(request, name)) == texts, (id, name)


@pytest.mark.parametrize(
    ("integration", "path", "name", "table", "field"),
    [
        (GREENHOUSE, "/ats/users", "emails", "ats_users", "email"),
        (GREENHOUSE, "/ats/candidates", "email", "ats_candidates", "emails"),
        (HRIS, "/hris/employees", "work_emails", "hris_employees", "work_email"),
        (HRIS, "/hris/employees", "personal_emails", "hris_employees", "personal_email"),
        (LMS, "/lms/users", "work_emails", "lms_users", "work_email"),
    ],
)
async def test_email_filters_do_not_mind_case(
    sandbox: Sandbox, integration: str, path: str, name: str, table: str, field: str
) -> None:
    """Upper case finds what is written in lower case."""
    row = sandbox.world(integration).table(table)[1]
    value = row.data[field]
    email = value[0] if isinstance(value, list) else value
    assert ids(await call(sandbox, "GET", f"{path}?{name}={quote(email.upper())}", integration=integration)) == [row.id]


@pytest.mark.parametrize(
    ("integration", "path", "name", "table", "field"),
    [
        (GREENHOUSE, "/ats/applications", "remote_created_after", "ats_applications", "remote_created_at"),
        (GREENHOUSE, "/ats/jobs", "remote_created_after", "ats_jobs", "remote_created_at"),
        (GREENHOUSE, "/ats/tags", "updated_after", "ats_tags", "changed_at"),
        (ORDERS, "/assessment/orders", "created_after", "assessment_orders", "remote_created_at"),
        (HRIS, "/hris/timesheets", "started_after", "hris_timesheets", "started_at"),
        (HRIS, "/hris/timesheets", "started_before", "hris_timesheets", "started_at"),
        (HRIS, "/hris/timesheets", "ended_after", "hris_timesheets", "ended_at"),
        (HRIS, "/hris/timesheets", "ended_before", "hris_timesheets", "ended_at"),
    ],
)
async def test_bounds_of_time_include_the_time_itself(
    sandbox: Sandbox, integration: str, path: str, name: str, table: str, field: str
) -> None:
    """Time bounds include the time itself, but not the next millisecond."""
    row = sandbox.world(integration).table(table)[2]
    at = row.data[field]
    step = timedelta(milliseconds=1 if name.endswith("after") else -1)
    beyond = (datetime.fromisoformat(at) + step).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    query = f"{path}?ids={row.id}&{name}="
    assert ids(await call(sandbox, "GET", f"{query}{quote(at)}", integration=integration)) == [row.id]
    assert ids(await call(sandbox, "GET", f"{query}{quote(beyond)}", integration=integration)) == []


async def test_custom_fields_takes_one_key(sandbox: Sandbox) -> None:
    """The filter of employees; a mapped field is found by it."""
    listed = await call(sandbox, "GET", "/hris/employees", integration=HRIS)
    employee = listed.json()["data"]["results"][0]
    value = employee["custom_fields"]["cost_center"]
    one = quote(f'{{"cost_center": "{value}"}}')
    assert employee["id"] in ids(await call(sandbox, "GET", f"/hris/employees?custom_fields={one}", integration=HRIS))
    for wrong in ('{"a": 1, "b": 2}', "{}", "[]", "x"):
        refused = await call(sandbox, "GET", f"/hris/employees?custom_fields={quote(wrong)}", integration=HRIS)
        assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")


@pytest.mark.parametrize("value", ["1", "[1]", "{}", "null", "true", "1e300", str(10**40)])
async def test_a_custom_field_is_compared_with_text(sandbox: Sandbox, value: str) -> None:
    """A custom field is compared with text; other values find nobody."""
    query = quote(f'{{"cost_center": {value}}}')
    assert ids(await call(sandbox, "GET", f"/hris/employees?custom_fields={query}", integration=HRIS)) == []


@pytest.mark.parametrize("value", ['{"cost_center": "\\ud800"}', "[" * 5_000, '{"cost_center": NaN}'])
async def test_what_is_no_json_is_no_custom_field(sandbox: Sandbox, value: str) -> None:
    """Invalid JSON in `custom_fields` is refused."""
    refused = await call(sandbox, "GET", f"/hris/employees?custom_fields={quote(value)}", integration=HRIS)
    assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")
    assert error(refused)[2].startswith("custom_fields")


async def test_a_cursor_is_of_one_list_of_one_integration(sandbox: Sandbox) -> None:
    """Elsewhere it would silently skip records; it goes on where the next one was, though that was deleted."""
    lever = next(id for id in sandbox.integrations if id.startswith("lever:"))

    async def page(path: str, cursor: str, integration: str = GREENHOUSE) -> Any:
        return await call(sandbox, "GET", f"{path}?page_size=2&cursor={cursor}", integration=integration)

    first = await call(sandbox, "GET", "/ats/candidates?page_size=2")
    cursor = first.json()["data"]["next"]
    for refused in (await page("/ats/jobs", cursor), await page("/ats/candidates", cursor, lever)):
        assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")
        assert error(refused)[2].startswith("cursor")
    rows = sandbox.world(GREENHOUSE).table("ats_candidates")
    sandbox.delete_record(GREENHOUSE, "ats_candidates", rows[2].id)
    assert ids(await page("/ats/candidates", cursor)) == [rows[3].id, rows[4].id]


@pytest.mark.parametrize("cursor", ["", "zzz", "%00", "%C3%A9", "A" * 5_000, "cGxhY2U6LTE", "cGxhY2U6w7I", "null"])
async def test_cursors_that_are_none(sandbox: Sandbox, cursor: str) -> None:
    """Invalid values are refused by name."""
    assert error(await call(sandbox, "GET", f"/ats/jobs?cursor={cursor}"))[2].startswith("cursor")


@pytest.mark.parametrize("empty", ["ids=", "ids=,", "ids=%2C%2C", "remote_ids=", "job_ids=", "ids=%ff", "ids=remote:"])
async def test_a_filter_without_a_value_finds_nobody(sandbox: Sandbox, empty: str) -> None:
    """A filter without a value finds nobody, not everybody."""
    assert ids(await call(sandbox, "GET", f"/ats/candidates?{empty}")) == []


@pytest.mark.parametrize("query", ["ids[]=a", "ids%5B%5D=a", "ids[0]=a", "statuses[]=OPEN", "ids=a&ids=b"])
async def test_lists_in_other_forms_are_refused(sandbox: Sandbox, query: str) -> None:
    """An ignored filter would find everything."""
    refused = await call(sandbox, "GET", f"/ats/jobs?{query}")
    assert error(refused)[:2] == (400, "PLATFORM.INPUT_INVALID")
    assert "commas" in error(refused)[2]


@pytest.mark.parametrize("size", ["0", "-1", "251", "1000000000", "9" * 30, "1e2", "", "+5", "%D9%A1"])
async def test_sizes_of_pages_that_there_are_not(sandbox: Sandbox, size: str) -> None:
    """Invalid values are refused by name."""
    assert error(await call(sandbox, "GET", f"/ats/candidates?page_size={size}"))[2].startswith("page_size")


@pytest.mark.parametrize("separator", [":", "/", "://", ":/%3A"])
async def test_remote_ids_with_colons_and_slashes(sandbox: Sandbox, separator: str) -> None:
    """Remote IDs with colons and slashes are found if they are encoded in the path."""
    world = sandbox.world(GREENHOUSE)
    candidate = world.table("ats_candidates")[0]
    remote_id = f"urn{separator}7"
    world.change("ats_candidates", candidate, remote_id=remote_id)
    remote = quote(f"remote:{remote_id}", safe="")
    found = await call(sandbox, "GET", f"/ats/candidates/{remote}/attachments")
    listed = await call(sandbox, "GET", f"/ats/candidates?remote_ids={quote(remote_id, safe='')}")
    assert found.status_code == 200, found.text
    assert ids(listed) == [candidate.id]
