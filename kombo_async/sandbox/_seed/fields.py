"""Additional fields of a customer's system, and their mappings."""

from __future__ import annotations

from collections.abc import Mapping

from kombo_async.sandbox._seed.quick_random import Random
from kombo_async.sandbox._seed.source import Source, Table
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.fields import MODELS, VALUES
from kombo_async.sandbox._state.indexes import Record

CUSTOM = (("cost_center", 0), ("nickname", None))
"""Custom fields, and the system's field that each is mapped to."""


def _field(source: Source, place: int, random: Random) -> tuple[Record, str]:
    key = tuple(VALUES)[place]
    field = {
        "key": key,
        "model": MODELS[source.category],
        "type": "CUSTOM",
        "label": key.replace("_", " ").capitalize(),
        "is_passthrough_enabled": False,
        "is_writable": False,
    }
    return field, stamp(source.born - days(200))


def _custom(source: Source, place: int, random: Random) -> tuple[Record, str]:
    key, mapped = CUSTOM[place]
    custom = {
        "key": key,
        "model": MODELS[source.category],
        "label": key.replace("_", " ").capitalize(),
        "description": None,
        "integration_field_id": None if mapped is None else source.id("integration_fields", mapped),
    }
    return custom, stamp(source.born - days(200))


TABLES: Mapping[str, Table] = {
    "integration_fields": Table(lambda source: len(VALUES) if source.category in MODELS else 0, _field),
    "custom_fields": Table(lambda source: len(CUSTOM) if source.category in MODELS else 0, _custom),
}
