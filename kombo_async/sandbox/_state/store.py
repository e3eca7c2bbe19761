"""An integration's world of records: tables that depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from kombo_async.sandbox._state.clock import Clock
from kombo_async.sandbox._state.dependents import EDITIONS, REFERENCES, nesting, owners
from kombo_async.sandbox._state.indexes import Derive, Record
from kombo_async.sandbox._state.initial import Origin
from kombo_async.sandbox._state.models import MODELS, suggestion
from kombo_async.sandbox._state.refusals import UnknownId
from kombo_async.sandbox._state.state import State
from kombo_async.sandbox._state.table import RecordTable, StoredRecord

T = TypeVar("T")


class Source(Protocol):
    """The initial records of an integration."""

    def origin(self, name: str) -> Origin:
        """The initial records of one table."""
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
        """When the sandbox was created; initial records are older."""
        self.changed: dict[str, set[str]] = {}
        """The tables that changed since the last `data-changed`, with the changed fields."""
        self.tables: dict[str, RecordTable] = {}
        self.watcher: Callable[[str, StoredRecord], None] | None = None
        """Called with each added or changed record."""
        self.acting = False
        """Whether changes come from an action, rather than from the connected system's own users."""
        self._state = state
        self._source = source
        self._derived = derived
        self._salt = salt
        self._editions: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        """How often records of each table changed."""
        self._remembered: dict[str, tuple[Any, Any]] = {}
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
            table.indexes.deferring = self._deferring
        return table

    @contextmanager
    def deferring(self) -> Generator[None]:
        """While the block runs, and until something changes, slow look-ups raise `IndexNeeded` instead."""
        self._defer(True)
        try:
            yield
        finally:
            self._defer(False)

    def _defer(self, whether: bool) -> None:
        if self._deferring != whether:
            self._deferring = whether
            for table in self.tables.values():
                table.indexes.deferring = whether

    def next_id(self, name: str) -> str:
        """The ID of the next record of *name*."""
        table = self.table(name)
        return table.id_at(len(table))

    def add(self, name: str, data: Record, *, at: str | None = None) -> StoredRecord:
        """Add a record, with a new ID and times unless *data* has them."""
        self._defer(False)  # work that has started must not be repeated
        table = self.table(name)
        record = base_record(table.id_at(len(table)), table.number_at(len(table)), at or self.clock.stamp(), data)
        return self.keep(name, len(table), record, (field for field, value in data.items() if value), is_new=True)

    def keep(self, name: str, place: int, data: Record, fields: Iterable[str], *, is_new: bool = False) -> StoredRecord:
        """Store a record, and notify its dependents; nothing can refer yet to one that *is_new*."""
        table = self.table(name)
        added: list[StoredRecord] = []
        self._with_derived(name, data, lambda: added.append(table.put(place, data, data["changed_at"])), is_new=is_new)
        self._changed(name, added[0], fields, is_new=is_new)
        return added[0]

    def change(self, name: str, record: StoredRecord, /, **changes: Any) -> None:
        """Change fields of a record, as of now."""
        self._defer(False)
        now = self.clock.stamp()
        changes = {"remote_updated_at": now, **changes, "changed_at": now}
        fields = [field for field, value in changes.items() if record.data.get(field) != value]
        record.touched = max(record.touched, now)
        self._with_derived(name, record.data, lambda: self.table(name).change(record, changes))
        self._changed(name, record, fields)

    def delete(self, name: str, record: StoredRecord, /, **changes: Any) -> None:
        """Mark a record as deleted in the connected system: only `include_deleted` shows it."""
        self.change(name, record, remote_deleted_at=self.clock.stamp(), **changes)

    def edition(self, name: str) -> int:
        """A number that changes whenever records nested in those of *name* may have changed."""
        return self._editions.get(name, 0)

    def remember(self, key: str, tables: tuple[str, ...], make: Callable[[], T]) -> T:
        """The result of *make*, kept by *key* until records of *tables* change."""
        versions = tuple(map(self.version, tables))
        kept = self._remembered.get(key)
        if kept is None or kept[0] != versions:
            kept = self._remembered[key] = (versions, make())
        value: T = kept[1]
        return value

    def version(self, name: str) -> int:
        """A number that changes with every change to a record of *name*."""
        return self._versions.get(name, 0)

    def redraw(self, name: str) -> None:
        """Make lists of *name* rebuild their records."""
        self._editions[name] = self.edition(name) + 1

    def get(self, name: str, id: str, what: str) -> StoredRecord:
        """The record with this ID; raises `UnknownId` (calling it *what*) if it is missing or deleted."""
        record = self.table(name).find(id)
        if record is None or record.deleted:
            raise UnknownId(what, id)
        return record

    def id_of(self, name: str, remote_id: str) -> str | None:
        """Kombo's ID of the record with this *remote_id*."""
        found = self.table(name).where("remote_id", remote_id)
        return next((record.id for record in found if not record.deleted), found[0].id if found else None)

    def peek(self, name: str, id: str | None) -> Record | None:
        """The data of the record with this ID, or None."""
        record = None if id is None else self.table(name).find(id)
        return None if record is None else record.data

    def related(self, name: str, field: str, value: Any) -> list[Record]:
        """The data of records with *value* in *field*, without deleted ones."""
        return [record.data for record in self.table(name).where(field, value) if not record.deleted]

    def _with_derived(self, name: str, data: Record, change: Callable[[], None], *, is_new: bool = False) -> None:
        """Change an application, and update the look-ups by jobs of its candidate and its interviews."""
        with ExitStack() as changing:
            for record in self._found_by_jobs_of(data, is_new) if name == "ats_applications" else ():
                indexes = record.table.indexes
                if indexes.is_as_made(record.place):
                    record.table.save(record)
                changing.enter_context(indexes.changing(record.place, record.data, only="job_ids"))
            change()

    def _found_by_jobs_of(self, application: Record, is_new: bool) -> Iterator[StoredRecord]:
        candidate = self.table("ats_candidates").find(application["candidate_id"])
        if candidate is not None:
            yield candidate
        if not is_new:
            yield from self.table("ats_interviews").where("application_id", application["id"])

    def _changed(self, name: str, record: StoredRecord, fields: Iterable[str], *, is_new: bool = False) -> None:
        self.changed.setdefault(name, set()).update(fields)
        self._versions[name] = self._versions.get(name, 0) + 1
        at = record.data["changed_at"]
        record.touch(at)
        for holder in owners(self, name, record):
            holder.touch(at)
        if not is_new:
            self._touch_dependents(name, record, at)
        if self.watcher is not None:
            self.watcher(name, record)

    def _touch_dependents(self, name: str, record: StoredRecord, at: str) -> None:
        for holder, counts in nesting(self, name, record):
            if counts:
                holder.touch(at)
            else:
                holder.encoded.clear()
        for holder_name, field, counts in REFERENCES.get(name, ()):
            if counts:
                self.table(holder_name).touch_all(field, record.id, at)
        for holder_name in EDITIONS.get(name, ()):
            self.redraw(holder_name)


def base_record(id: str, number: str, at: str, data: Record) -> Record:
    """A record with the fields that all records have."""
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
