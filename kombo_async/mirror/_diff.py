"""What changed in a record, for the change log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from kombo_async.mirror._records import Record, json_object


@attrs.frozen
class Difference:
    """One record that was inserted, changed or deleted."""

    id: str
    kind: Literal["inserted", "changed", "deleted"]
    fields: tuple[str, ...] = ()
    before: Mapping[str, Any] = attrs.field(factory=dict[str, Any])

    @property
    def matters(self) -> bool:
        """Whether anything changed: the same JSON written differently is not a change."""
        return self.kind != "changed" or bool(self.fields)


_MISSING = object()


def difference(record: Record, before: str | None) -> Difference:
    """How *record* differs from the stored JSON."""
    old: Mapping[str, Any] = json_object(before or "{}")
    new = record.plain
    fields = tuple(name for name in {**old, **new} if old.get(name, _MISSING) != new.get(name, _MISSING))
    return Difference(record.id, "changed", fields, {name: old[name] for name in fields if name in old})
