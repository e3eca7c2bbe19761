"""The world that an integration's records make: tables that depend on one another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from kombo_async.sandbox._state.clock import Clock
from kombo_async.sandbox._state.dependents import EDITIONS, REFERENCES, touched_directly
from kombo_async.sandbox._state.models import MODELS, suggestion
from kombo_async.sandbox._state.refusals import UnknownId
from kombo_async.sandbox._state.state import State
from kombo_async.sandbox._state.table import Derive, Origin, Record, RecordTable, StoredRecord


class Source(Protocol):
    """The records that an integration has from the start."""

    def origin(self, name: str) -> Origin:
        """Those of one table."""
        ...


class World:
    """All records of one integration."""

    def __init__(
        self,
        integration_id: str,
        *,
        clock: Clock,
        seed: object,
        born: datetime,
        state: State,
        source: Source,
        derived: Mapping[tuple[str, str], Callable[[World, Record], Iterable[Any]]],
        salt: str = "",
    ) -> None:
        self.integration_id = integration_id
        self.clock = clock
        self.seed = seed
        self.born = born
        """When the sandbox was set up: what is there from the start dates from before."""
        self.changed: dict[str, set[str]] = {}
        """The tables that changed since the last `data-changed`, and which of their fields."""
        self.tables: dict[str, RecordTable] = {}
        self.watcher: Callable[[str, StoredRecord], None] | None = None
        """Told of each record that is added or changed."""
        self.acting = False
        """Whether an action is at work, and not the connected system's own people."""
        self._state = state
        self._source = source
        self._derived = derived
        self._salt = salt
        self._editions: dict[str, int] = {}
        self._deferring = False

    def table(self, name: str) -> RecordTable:
        """The table *name*. Raises `LookupError` if there is none."""
        table = self.tables.get(name)
        if table is None:
            if name not in MODELS:
                raise LookupError(f"there is no model {name!r}{suggestion(name, MODELS)}")
            derived: dict[str, Derive] = {
                field: partial(derive, self) for (model, field), derive in self._derived.items() if model == name
            }
            records = self._state.records(f"{self.integration_id}{self._salt}", name)
            key = (self.seed, self.integration_id, name)
            origin = self._source.origin(name)
            table = self.tables[name] = RecordTable(name, key, records, origin, derived)
            table.deferring = self._deferring
        return table

    @contextmanager
    def deferring(self) -> Generator[None]:
        """While the block runs and until something changes, look-ups that take long raise `IndexNeeded` instead."""
        self._defer(True)
        try:
            yield
        finally:
            self._defer(False)

    def _defer(self, whether: bool) -> None:
        if self._deferring != whether:
            self._deferring = whether
            for table in self.tables.values():
                table.deferring = whether

    def next_id(self, name: str) -> str:
        """The ID of the next record of *name*."""
        table = self.table(name)
        return table.id_at(len(table))

    def add(self, name: str, data: Record, *, at: str | None = None) -> StoredRecord:
        """Add a record, with an ID and times of its own unless *data* has them."""
        self._defer(False)  # what has begun must not be done again
        table = self.table(name)
        record = base_record(table.id_at(len(table)), table.number_at(len(table)), at or self.clock.stamp(), data)
        return self.keep(name, len(table), record, (field for field, value in data.items() if value))

    def keep(self, name: str, place: int, data: Record, fields: Iterable[str]) -> StoredRecord:
        """Put a record in its place, and tell all that depend on it."""
        table = self.table(name)
        added: list[StoredRecord] = []
        self._with_derived(name, data, lambda: added.append(table.put(place, data, data["changed_at"])))
        self._changed(name, added[0], fields)
        return added[0]

    def change(self, name: str, record: StoredRecord, /, **changes: Any) -> None:
        """Change fields of a record, now."""
        self._defer(False)
        now = self.clock.stamp()
        changes = {"remote_updated_at": now, **changes, "changed_at": now}
        fields = [field for field, value in changes.items() if record.data.get(field) != value]
        record.touched = max(record.touched, now)
        self._with_derived(name, record.data, lambda: self.table(name).change(record, changes))
        self._changed(name, record, fields)

    def delete(self, name: str, record: StoredRecord, /, **changes: Any) -> None:
        """Mark a record as deleted in the connected system: it shows with `include_deleted` alone."""
        self.change(name, record, remote_deleted_at=self.clock.stamp(), **changes)

    def edition(self, name: str) -> int:
        """Changes whenever what records of *name* nest by reference may have changed."""
        return self._editions.get(name, 0)

    def redraw(self, name: str) -> None:
        """Let lists of *name* put their records together again."""
        self._editions[name] = self.edition(name) + 1

    def get(self, name: str, id: str, what: str) -> StoredRecord:
        """The record with this ID; raises `UnknownId`, by the name *what*, if there is none or it was deleted."""
        record = self.table(name).find(id)
        if record is None or record.deleted:
            raise UnknownId(what, id)
        return record

    def id_of(self, name: str, remote_id: str) -> str | None:
        """Kombo's ID of the record that the connected system knows as *remote_id*."""
        found = self.table(name).where("remote_id", remote_id)
        return next((record.id for record in found if not record.deleted), found[0].id if found else None)

    def peek(self, name: str, id: str | None) -> Record | None:
        """The data of the record with this ID, None if there is none."""
        record = None if id is None else self.table(name).find(id)
        return None if record is None else record.data

    def related(self, name: str, field: str, value: Any) -> list[Record]:
        """The data of the records that have *value* in *field*, without deleted ones."""
        return [record.data for record in self.table(name).where(field, value) if not record.deleted]

    def _with_derived(self, name: str, data: Record, change: Callable[[], None]) -> None:
        """Make a change to an application while its candidate is looked up by the jobs that it is for."""
        candidate = self.table("ats_candidates").find(data["candidate_id"]) if name == "ats_applications" else None
        if candidate is None:
            change()
        else:
            candidate.table.reindex(candidate, "job_ids", change)

    def _changed(self, name: str, record: StoredRecord, fields: Iterable[str]) -> None:
        self.changed.setdefault(name, set()).update(fields)
        at = record.data["changed_at"]
        record.touch(at)
        for holder, counts in touched_directly(self, name, record):
            if counts:
                holder.touch(at)
            else:
                holder.encoded.clear()
        for holder_name, field, counts in REFERENCES.get(name, ()):
            if counts:
                self.table(holder_name).touch_all(field, record.id, at)
        for holder_name in EDITIONS.get(name, ()):
            self.redraw(holder_name)
        if self.watcher is not None:
            self.watcher(name, record)


def base_record(id: str, number: str, at: str, data: Record) -> Record:
    """A record with all that each record has."""
    return {
        "id": id,
        "remote_id": number,
        "remote_created_at": at,
        "remote_updated_at": at,
        "remote_deleted_at": None,
        "changed_at": at,
        "custom_fields": {},
        "integration_fields": [],
        "remote_data": None,
        **data,
    }
