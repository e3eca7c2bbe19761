"""Fields that a customer's system has beyond Kombo's own: passed through, or mapped to custom fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kombo_async.sandbox._state.ids import make_number
from kombo_async.sandbox._state.store import Record, World
from kombo_async.sandbox._state.tools import Category

MODELS: Mapping[Category, str] = {
    "ATS": "ats_candidates",
    "HRIS": "hris_employees",
    "LMS": "lms_users",
    "ASSESSMENT": "assessment_orders",
}
"""The model that has fields of its own, by category."""
_VALUES: Mapping[str, tuple[Any, ...]] = {
    "cost_center": ("CC-100", "CC-200", "CC-300"),
    "shirt_size": ("S", "M", "L", "XL"),
    "favourite_language": ("English", "German", "French", "Spanish"),
}


def prepare_fields(world: World, category: Category) -> None:
    """Make the fields of an integration, if they are not there yet."""
    if world.table("integration_fields"):
        return
    model = MODELS[category]
    for key in _VALUES:
        field = {"key": key, "model": model, "type": "CUSTOM", "label": key.replace("_", " ").capitalize()}
        world.add("integration_fields", {**field, "is_passthrough_enabled": False, "is_writable": False})
    first = world.table("integration_fields")[0].id
    for key, mapped in (("cost_center", first), ("nickname", None)):
        custom = {"key": key, "model": model, "label": key.replace("_", " ").capitalize(), "description": None}
        world.add("custom_fields", {**custom, "integration_field_id": mapped})


def with_fields(world: World, table: str, record: Record) -> Record:
    """*record* with the values of the fields that are passed through, and of custom fields."""
    if table not in MODELS.values() or "integration_fields" not in world.tables:
        return record
    fields = {row.id: row.data for row in world.table("integration_fields") if row.data["model"] == table}
    passed = [
        {name: field[name] for name in ("id", "key", "type", "label")} | {"value": _value(record, field["key"])}
        for field in fields.values()
        if field["is_passthrough_enabled"]
    ]
    custom: Record = {}
    for row in world.table("custom_fields"):
        field = fields.get(row.data["integration_field_id"])
        if field is not None and row.data["model"] == table:
            custom[row.data["key"]] = _value(record, field["key"])
    return {**record, "integration_fields": passed, "custom_fields": {**record["custom_fields"], **custom}}


def _value(record: Record, key: str) -> Any:
    """What the connected system has in its field *key* of a record."""
    values = _VALUES[key]
    return values[int(make_number(record["id"], key)) % len(values)]
