"""Additional fields of a customer's system: passed through, or mapped to custom fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kombo_async.sandbox._state.ids import make_number, place_of
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.initial import PERIOD
from kombo_async.sandbox._state.store import World

MODELS: Mapping[str, str] = {
    "ATS": "ats_candidates",
    "HRIS": "hris_employees",
    "LMS": "lms_users",
    "ASSESSMENT": "assessment_orders",
}
"""The model with additional fields, by category."""
VALUES: Mapping[str, tuple[Any, ...]] = {
    "cost_center": ("CC-100", "CC-200", "CC-300"),
    "shirt_size": ("S", "M", "L", "XL"),
    "favourite_language": ("English", "German", "French", "Spanish"),
}
"""The possible values of the connected system's fields."""
_TABLES = ("integration_fields", "custom_fields")


def with_fields(world: World, table: str, record: Record) -> Record:
    """*record* with the values of passed-through fields and custom fields."""
    passed = world.remember(f"passed {table}", _TABLES, lambda: _passed_fields(world, table))
    custom = {key: value_of(world, table, record, field) for key, field in mapped_fields(world, table).items()}
    return {
        **record,
        "integration_fields": [{**field, "value": value_of(world, table, record, field["key"])} for field in passed],
        "custom_fields": {**record["custom_fields"], **custom},
    }


def _passed_fields(world: World, table: str) -> list[Record]:
    return [
        {name: row.data[name] for name in ("id", "key", "type", "label")}
        for row in world.table("integration_fields")
        if row.data["model"] == table and row.data["is_passthrough_enabled"]
    ]


def mapped_fields(world: World, table: str) -> dict[str, str]:
    """The keys of a model's custom fields, each with the system's field that it is mapped to."""
    return world.remember(f"mapped {table}", _TABLES, lambda: _mapped_fields(world, table))


def _mapped_fields(world: World, table: str) -> dict[str, str]:
    keys = {row.id: row.data["key"] for row in world.table("integration_fields") if row.data["model"] == table}
    return {
        row.data["key"]: keys[row.data["integration_field_id"]]
        for row in world.table("custom_fields")
        if row.data["integration_field_id"] in keys
    }


def value_of(world: World, table: str, record: Record, key: str) -> Any:
    """The value of the connected system's field *key* for a record of *table*."""
    table_key = world.table(table).key
    place = place_of(table_key, record["id"])
    return _value(key, record["id"]) if place is None else value_at(table_key, place, key)


def value_at(table_key: tuple[object, ...], place: int, key: str) -> Any:
    """The value of the field *key* for the record in a place: it repeats after `PERIOD` places."""
    return _value(key, *table_key, place % PERIOD)


def _value(key: str, *parts: object) -> Any:
    values = VALUES[key]
    return values[int(make_number(*parts, key)) % len(values)]
