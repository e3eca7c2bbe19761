"""The form for new employees: read it, fill it in, submit it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from kombo_async.model import UNSET
from kombo_async.sandbox._api.filters import as_stamp
from kombo_async.sandbox._handlers.hris_employees import new_employee
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.clock import parse
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid, Refusal
from kombo_async.sandbox._state.store import World

if TYPE_CHECKING:
    from kombo_async import hris


def _field(kind: str, label: str, key: str | None = None, *, required: bool = False, **more: Any) -> Record:
    return {"type": kind, "label": label, "required": required, "description": None, "unified_key": key, **more}


def _options(records: list[Record]) -> Record:
    entries = [{"id": each["id"], "label": each["name"], "remote_id": each["remote_id"]} for each in records]
    return {"type": "inline", "entries": entries}


def _form(world: World) -> dict[str, Record]:
    genders = [
        {"id": word.lower(), "label": word.capitalize().replace("_", " "), "unified_value": word, "remote_id": word}
        for word in ("MALE", "FEMALE", "NON_BINARY", "NOT_SPECIFIED")
    ]
    locations = [row.data for row in world.table("hris_locations") if not row.deleted]
    entities = [row.data for row in world.table("hris_legal_entities") if not row.deleted]
    certificate = _field(
        "file",
        "Certificate",
        file_restrictions={"accepted_mime_types": ["application/pdf"], "max_file_size": 5_000_000},
    )
    address = {"city": _field("text", "City", "home_address.city", required=True)}
    return {
        "first_name": _field("text", "First name", "first_name", required=True, min_length=1, max_length=100),
        "last_name": _field("text", "Last name", "last_name", required=True, min_length=1, max_length=100),
        "work_email": _field("text", "Work e-mail", "work_email", reg_exp="^.+@.+$"),
        "start_date": _field("date", "Start date", "start_date", required=True),
        "gender": _field("single_select", "Gender", "gender", options={"type": "inline", "entries": genders}),
        "location_id": _field("single_select", "Location", "location_id", options=_options(locations)),
        "legal_entity_id": _field("single_select", "Legal entity", "legal_entity_id", options=_options(entities)),
        "weekly_hours": _field("number", "Weekly hours", min=1, max=60),
        "equipment": _field("multi_select", "Equipment", min_items=0, max_items=3, options=_options(_EQUIPMENT)),
        "has_car": _field("checkbox", "Company car"),
        "home_address": _field("object", "Home address", properties=address),
        "certificates": _field("array", "Certificates", item_type=certificate, min_items=0, max_items=5),
    }


_EQUIPMENT: list[Record] = [
    {"id": name.lower(), "name": name, "remote_id": place} for place, name in enumerate(("Laptop", "Phone", "Desk"))
]


@handles("GetHrisEmployeesForm")
def get_form(context: Context, request: hris.GetEmployeeForm) -> Record:
    """One field of each kind, the same for all positions."""
    _check_position(context, request.staffing_entity_id)
    return {"properties": _form(context.world)}


@handles("PostHrisEmployeesForm")
def create_with_form(context: Context, request: hris.CreateEmployeeWithForm) -> Record:
    """An employee, if the form is completed correctly."""
    _check_position(context, request.staffing_entity_id)
    form = _form(context.world)
    given = cast("Mapping[str, Any]", request.properties)
    _check_object(form, given, "properties")
    fields: Record = {name: given[name] for name in ("first_name", "last_name", "work_email") if name in given}
    fields["start_date"] = as_stamp(given["start_date"])
    fields["gender"] = str(given["gender"]).upper() if "gender" in given else None
    fields["location_id"] = given.get("location_id")
    fields["legal_entity_id"] = given.get("legal_entity_id")
    fields["weekly_hours"] = given.get("weekly_hours")
    row = new_employee(context, fields)
    return {"id": row.id, "remote_id": row.data["remote_id"], "prehire": {"remote_id": row.data["remote_id"]}}


def _check_position(context: Context, id: Any) -> None:
    if id is UNSET:
        return
    row = context.world.get("hris_staffing_entities", id, "staffing entity")
    if row.data["status"] in ("CLOSED", "FILLED", "FROZEN"):
        raise Refusal(400, "HRIS.STAFFING_ENTITY_CLOSED", "This position is no longer open.", title="Position closed")


def _check_object(form: Mapping[str, Record], given: Mapping[str, Any], path: str) -> None:
    for name in given:
        if name not in form:
            raise InputInvalid(f"{path}.{name}: the form has no such field")
    for name, field in form.items():
        if name in given:
            _check(field, given[name], f"{path}.{name}")
        elif field["required"]:
            raise InputInvalid(f"{path}.{name}: missing")


def _check(field: Record, value: Any, path: str) -> None:
    kind: str = field["type"]
    if kind == "object":
        _expect(isinstance(value, Mapping), path, "an object")
        _check_object(field["properties"], value, path)
    elif kind == "array":
        _expect(isinstance(value, list), path, "a list")
        _check_amount(field, len(value), "min_items", "max_items", path)
        for place, item in enumerate(value):
            _check(field["item_type"], item, f"{path}[{place}]")
    elif kind in ("single_select", "multi_select"):
        chosen = list(cast("Iterable[Any]", value)) if isinstance(value, list) else [value]
        _expect(isinstance(value, list) == (kind == "multi_select"), path, "a list" if kind[0] == "m" else "one option")
        ids = [entry["id"] for entry in field["options"]["entries"]]
        _expect(all(each in ids for each in chosen), path, f"of the options {', '.join(ids)}")
    elif kind == "number":
        _expect(isinstance(value, int | float) and not isinstance(value, bool), path, "a number")
        _check_amount(field, value, "min", "max", path)
    elif kind == "checkbox":
        _expect(isinstance(value, bool), path, "true or false")
    elif kind == "file":
        _expect(isinstance(value, Mapping) and "name" in value, path, "a file, with name and data")
    else:
        _check_text(field, value, path)


def _check_text(field: Record, value: Any, path: str) -> None:
    _expect(isinstance(value, str), path, "a text")
    if field["type"] == "date":
        try:
            parse(value)
        except ValueError:
            raise InputInvalid(f"{path}: must be a date") from None
        return
    _check_amount(field, len(value), "min_length", "max_length", path)
    pattern = field.get("reg_exp")
    _expect(pattern is None or re.search(pattern, value) is not None, path, f"as {pattern} has it")


def _check_amount(field: Record, amount: float, least: str, most: str, path: str) -> None:
    low, high = field.get(least), field.get(most)
    if (low is not None and amount < low) or (high is not None and amount > high):
        raise InputInvalid(f"{path}: must be from {low} to {high}")


def _expect(holds: bool, path: str, what: str) -> None:
    if not holds:
        raise InputInvalid(f"{path}: must be {what}")
