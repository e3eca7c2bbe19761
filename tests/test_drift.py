"""Drift: a success that does not fit its types is kept completely, and each spot is listed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import attrs
import httpx
import pytest

from kombo_async import Drift, Page, Success, UnknownVariant, ats, general, lms, to_dict
from kombo_async._codec.decode import decode
from kombo_async._codec.drift import Reading, read_leniently
from kombo_async._codec.structure import field_types
from kombo_async._generated.operations import REQUESTS
from kombo_async.model import field_names
from tests.support.schemas import Spot, Steps, accepts, all_facts, example, types
from tests.support.wire import CANDIDATE

WRONG: tuple[Any, ...] = (None, True, 7, 7.5, "plain text", [], {"new": "thing"})
"""Values of the wrong type for any spot."""
MISSING = object()


def success_of(request: Any, body: Any) -> Success[Any]:
    """Decode a success with this *body*."""
    content = json.dumps(body).encode()
    reply = decode(request, httpx.Response(200, content=content), content, attempts=1)
    assert type(reply) is Success
    return reply


def candidate_with(**changes: Any) -> Success[Any]:
    data = {name: value for name, value in {**CANDIDATE, **changes}.items() if value is not MISSING}
    return success_of(ats.CreateCandidate, {"status": "success", "data": data, "warnings": []})


@pytest.mark.parametrize(
    ("field", "value", "drift"),
    [
        ("id", None, Drift("data.id", "string", "null")),
        ("id", 5, Drift("data.id", "string", "integer")),
        ("id", MISSING, Drift("data.id", "string", "missing")),
        ("first_name", False, Drift("data.first_name", "string | null", "boolean")),
        ("confidential", "false", Drift("data.confidential", "boolean | null", "string")),
        ("confidential", 1, Drift("data.confidential", "boolean | null", "integer")),
        ("changed_at", "yesterday", Drift("data.changed_at", "datetime", "string")),
        ("changed_at", 1747643400, Drift("data.changed_at", "datetime", "integer")),
        ("changed_at", None, Drift("data.changed_at", "datetime", "null")),
        ("tags", None, Drift("data.tags", "array of CandidateTag", "null")),
        ("tags", {"0": {}}, Drift("data.tags", "array of CandidateTag", "object")),
        ("applications", "none", Drift("data.applications", "array of CandidateApplication", "string")),
        ("email_addresses", ["a@b.c"], Drift("data.email_addresses[0]", "EmailAddress", "string")),
        (
            "email_addresses",
            [{"email_address": "a@b.c"}],
            Drift("data.email_addresses[0].type", "string | null", "missing"),
        ),
        ("location", [], Drift("data.location", "Address | null", "array")),
    ],
)
def test_each_kind_of_misfit(field: str, value: Any, drift: Drift) -> None:
    """A value that does not fit is kept, a missing one is None, and the spot is listed without the value."""
    reply = candidate_with(**{field: value})
    assert reply.drift == [drift]
    assert isinstance(reply.data, ats.Candidate)
    found = getattr(reply.data, field)
    if value is MISSING:
        assert found is None
    else:
        assert to_dict(found) == ([{"email_address": "a@b.c", "type": None}] if "missing" in drift.got else value)
    assert isinstance(reply.data.remote_created_at, datetime), "what fits is typed"


@pytest.mark.parametrize("value", ["FAX", "", "home"])
def test_new_values_of_enums_are_no_drift(value: str) -> None:
    """Enums are open: a new value is just that value."""
    reply = candidate_with(phone_numbers=[{"phone_number": "1", "type": value}])
    assert reply.drift == []
    assert reply.data.phone_numbers[0].type == value


def test_several_spots() -> None:
    """All spots are listed with their paths, in the order of the response."""
    results = [CANDIDATE, {**CANDIDATE, "id": 5, "tags": [{"id": None}]}, "no candidate", CANDIDATE]
    reply = success_of(ats.GetCandidates, {"status": "success", "data": {"results": results, "next": 7}})
    assert isinstance(reply.data, Page)
    assert [each.path for each in reply.drift if each.got != "missing"] == [
        "data.results[1].id",
        "data.results[1].tags[0].id",
        "data.results[2]",
        "data.next",
    ]
    first, second, third, fourth = reply.data.results
    assert first == fourth == candidate_with().data
    assert isinstance(second, ats.Candidate)
    assert to_dict([second.id, third, reply.data.next]) == [5, "no candidate", 7]


@pytest.mark.parametrize(
    ("body", "data", "paths"),
    [
        (None, None, [""]),
        ([], [], [""]),
        ("x", "x", [""]),
        ({}, None, ["data"]),
        ({"data": None}, None, ["data"]),
        ({"data": [1]}, [1], ["data"]),
        ({"status": "ok", "data": CANDIDATE}, CANDIDATE, ["status"]),
        ({"status": "success", "data": CANDIDATE, "warnings": None}, CANDIDATE, ["warnings"]),
        ({"status": "success", "data": CANDIDATE, "warnings": ["careful"]}, CANDIDATE, ["warnings[0]"]),
        ({"status": "success", "data": CANDIDATE, "warnings": [{}]}, CANDIDATE, ["warnings[0].message"]),
    ],
)
def test_odd_envelopes(body: Any, data: Any, paths: list[str]) -> None:
    """Any JSON is a success, with whatever data it has, and a list of warnings."""
    reply = success_of(ats.CreateCandidate, body)
    assert to_dict(reply.data) == data
    assert [each.path for each in reply.drift if each.path != "status" or "status" in paths] == paths
    assert isinstance(reply.warnings, list)


def test_unknown_variant_of_a_union() -> None:
    """An object with an unknown tag is kept completely, as an `UnknownVariant`."""
    form: dict[str, Any] = {"type": "HOLOGRAM", "size": {"x": 3}}
    question = {
        "id": "1",
        "remote_id": None,
        "index": 0,
        "optional": True,
        "title": "Hologram?",
        "description": None,
        "category": None,
        "format": form,
        "precondition_question_id": None,
        "precondition_options": None,
    }
    reply = success_of(lms.GetUsers, {"status": "success", "data": {"results": [], "next": None}})
    assert reply.drift == []
    union = next(hint for field, hint in field_types(ats.ScreeningQuestion) if field.name == "format")
    reading = Reading()
    found = read_leniently(question, ats.ScreeningQuestion, reading)
    assert found.format == UnknownVariant(tag="HOLOGRAM", data=form)
    assert isinstance(found.format, union)
    assert [(each.path, each.got) for each in reading.drift if each.path == "format"] == [("format", "unknown variant")]
    assert to_dict(found)["format"] == form


def test_values_are_not_told() -> None:
    """Drift lists types, never values, so it can be logged."""
    reply = candidate_with(first_name=["secret person"], changed_at="secret person")
    assert len(reply.drift) == 2
    assert "secret" not in repr(reply.drift)


def test_platform_answers_drift_alike() -> None:
    """The same holds for responses without pages and without warnings."""
    reply = success_of(general.CheckApiKey, {"status": "success", "data": {"environment_id": 5}})
    assert {each.path for each in reply.drift} >= {"data.environment_id"}


# Every schema, every spot


def put(body: Any, steps: Steps, value: Any) -> Any:
    """A copy of *body* with *value* (or nothing) at the end of *steps*."""
    if not steps:
        return value
    changed = copy.copy(body)
    if value is MISSING and len(steps) == 1:
        del changed[steps[0]]
    else:
        changed[steps[0]] = put(body[steps[0]], steps[1:], value)
    return changed


def path_of(steps: Steps) -> str:
    """*steps* as drift writes them."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def differences(one: Any, other: Any, path: str) -> Iterator[str]:
    """The deepest paths at which two structured values differ in type or value."""
    if type(one) is not type(other):
        yield path
    elif attrs.has(type(one)):
        for name in field_names(type(one)):
            yield from differences(getattr(one, name), getattr(other, name), f"{path}.{name}")
    elif isinstance(one, dict) and one.keys() == other.keys():
        for name, value in one.items():
            yield from differences(value, other[name], f"{path}.{name}")
    elif isinstance(one, list) and len(one) == len(other):
        for index, (value, its) in enumerate(zip(one, other, strict=True)):
            yield from differences(value, its, f"{path}[{index}]")
    elif one != other:
        yield path


def within(path: str, whole: str) -> bool:
    """Whether *path* is *whole*, or lies below it."""
    return path == whole or path.startswith((f"{whole}.", f"{whole}["))


def misfits(spot: Spot) -> Iterator[Any]:
    """Values that do not fit at *spot*."""
    if types(spot.schema) == ["null"]:
        return  # the document says so where it knows no type
    if spot.must_be_there:
        yield MISSING
    yield from (value for value in WRONG if not accepts(spot.schema, value))


def data_spots(operation_id: str) -> tuple[Any, list[Spot]]:
    """A full response, and the paths of its data, including `data` itself."""
    body, spots = example(all_facts()[operation_id].answer)
    if isinstance(body["data"], dict):
        body["data"].pop("next_cursor", None)  # a deprecated twin of `next`
        spots = [spot for spot in spots if spot.steps != ("data", "next_cursor")]
    return body, [spot for spot in spots if spot.steps[:1] == ("data",)]


@pytest.mark.parametrize("operation_id", sorted(REQUESTS))
def test_every_spot_of_every_answer(operation_id: str) -> None:
    """One wrong value anywhere in any response is listed by path and kept, and changes nothing else."""
    request = REQUESTS[operation_id]
    body, spots = data_spots(operation_id)
    whole = success_of(request, body)
    assert whole.drift == []
    for spot in spots:
        for wrong in misfits(spot):
            if wrong is MISSING and isinstance(spot.steps[-1], int):
                continue  # a shorter list is a list
            case = f"{path_of(spot.steps)}: {wrong!r}"
            changed = put(body, spot.steps, wrong)
            reply = success_of(request, changed)
            assert reply.drift, case
            # a tag that is not known makes drift of the whole variant
            place = reply.drift[0].path
            assert len({each.path for each in reply.drift}) == len(reply.drift), case
            assert within(path_of(spot.steps), place), case
            if place != path_of(spot.steps):
                assert reply.drift[0].got == "unknown variant", case
            assert all(within(where, place) for where in differences(whole.data, reply.data, "data")), case
            if wrong is MISSING and reply.drift[0].got == "missing":
                changed = put(body, spot.steps, None)
            assert as_json(to_dict(reply.data)) == as_json(changed["data"]), case


def test_every_answer_without_what_may_be_left_out() -> None:
    """Fields that older responses lack are `UNSET` if they are missing, and not drift."""
    for operation_id, request in REQUESTS.items():
        body, spots = data_spots(operation_id)
        for spot in spots:
            if not spot.must_be_there:
                changed = put(body, spot.steps, MISSING)
                reply = success_of(request, changed)
                assert reply.drift == [], path_of(spot.steps)
                assert as_json(to_dict(reply.data)) == as_json(changed["data"])


def as_json(value: Any) -> str:
    """*value* as text, in which True, 1 and 1.0 differ."""
    return json.dumps(value, sort_keys=True)
