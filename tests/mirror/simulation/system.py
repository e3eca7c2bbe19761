"""A recruiting system that changes by a seed, and what Kombo's copy shows of it: blind and late, as Kombo's is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import attrs

from kombo_async.model import wire_time

LISTS = {
    "/v1/ats/tags": "ats_tags",
    "/v1/ats/application-stages": "ats_application_stages",
    "/v1/ats/jobs": "ats_jobs",
    "/v1/ats/users": "ats_users",
    "/v1/ats/candidates": "ats_candidates",
    "/v1/ats/applications": "ats_applications",
}
NESTED = {
    "ats_candidates": {"tags": ("ats_tags", True)},
    "ats_applications": {"current_stage": ("ats_application_stages", False), "job": ("ats_jobs", False)},
    "ats_jobs": {"stages": ("ats_application_stages", True), "hiring_team": ("ats_users", True)},
}
"""By model: its fields that nest records of another, and whether they are lists. `updated_after` sees none of them."""
FORGOTTEN_AFTER = 14 * 86400.0


@attrs.frozen
class Version:
    """What a record was from some time on."""

    changed_at: float
    visible_at: float
    nested_at: float
    """When it shows in records that nest it."""
    fields: dict[str, Any]
    deleted: bool = False


class System:
    """One integration's records. Changes show up to *lag* seconds late: first in their list, then in other records."""

    def __init__(self, random: Random, lag: float, now: Callable[[], float]) -> None:
        self.random = random
        self.lag = lag
        self.now = now
        self.versions: dict[str, dict[str, list[Version]]] = {model: {} for model in LISTS.values()}
        self.hidden_until = 0.0
        """What changes shows no sooner: at the end of the sync that is under way."""
        self.changed: Callable[[str], object] = lambda model: None

    # what happens in the connected system

    def change(self) -> None:
        """Make a random change."""
        random = self.random
        model = random.choice(list(self.versions))
        there = [id for id in self.versions[model] if not self.versions[model][id][-1].deleted]
        what = random.choices(["put", "change", "delete", "nest"], [3, 5, 2, 4])[0]
        if what == "put" or len(there) < 2:
            self.put(model, f"{model}-{len(self.versions[model]):03}")
        elif what == "delete":
            self.delete(model, random.choice(there))
        else:
            self.put(model, random.choice(there), nest=what == "nest")

    def put(self, model: str, id: str, *, nest: bool = True) -> None:
        """A record is created or changed; with *nest*, it holds other records from now on."""
        versions = self.versions[model].setdefault(id, [])
        fields = dict(versions[-1].fields) if versions else {}
        fields["name"] = f"{id} at {self.now():.3f}"
        for field, (other, many) in NESTED.get(model, {}).items() if nest or not versions else ():
            ids = sorted(self.versions[other])
            chosen = (
                self.random.sample(ids, min(len(ids), self.random.randint(0, 3)))
                if many
                else ids[:1] and [self.random.choice(ids)]
            )
            fields[field] = chosen if many else (chosen[0] if chosen else None)
        self._add(model, id, fields)

    def delete(self, model: str, id: str) -> None:
        """A record is deleted."""
        self._add(model, id, self.versions[model][id][-1].fields, deleted=True)

    def lose(self) -> None:
        """A record is gone without a trace."""
        model = self.random.choice(list(self.versions))
        if self.versions[model]:
            del self.versions[model][self.random.choice(list(self.versions[model]))]

    def _add(self, model: str, id: str, fields: dict[str, Any], *, deleted: bool = False) -> None:
        now = self.now()
        versions = self.versions[model].setdefault(id, [])
        visible = max(self.hidden_until, now + self.random.choice([0.0, 0.0, self.random.uniform(0, self.lag)]))
        if versions:
            visible = max(visible, versions[-1].visible_at)
        nested = max(visible, now + self.random.choice([0.0, self.random.uniform(0, self.lag)]))
        versions.append(Version(now, visible, nested, fields, deleted))
        self.changed(model)

    # what Kombo shows

    def records(self, model: str, at: float, *, deleted: bool = False) -> Iterator[dict[str, Any]]:
        """The records that the list shows, in the order of their IDs."""
        for id in sorted(self.versions[model]):
            version = self._version(model, id, at)
            if version is None or (version.deleted and not deleted):
                continue
            if version.deleted and at - version.changed_at > FORGOTTEN_AFTER:
                yield {"id": id, "name": None, "changed_at": None, "remote_deleted_at": None}
            else:
                yield self._shown(model, id, version, at)

    def _version(self, model: str, id: str, at: float, *, nested: bool = False) -> Version | None:
        versions = [
            each for each in self.versions[model].get(id, []) if (each.nested_at if nested else each.visible_at) <= at
        ]
        return versions[-1] if versions else None

    def _shown(self, model: str, id: str, version: Version, at: float) -> dict[str, Any]:
        changed_at = stamp(version.changed_at)
        shown = {
            "id": id,
            **version.fields,
            "changed_at": changed_at,
            "remote_deleted_at": changed_at if version.deleted else None,
        }
        for field, (other, many) in NESTED.get(model, {}).items():
            ids = version.fields.get(field)
            shown[field] = (
                [each for id in ids or [] if (each := self._nested(other, id, at))]
                if many
                else self._nested(other, ids, at)
            )
        return shown

    def _nested(self, model: str, id: str | None, at: float) -> dict[str, Any] | None:
        version = None if id is None else self._version(model, id, at, nested=True)
        return None if version is None or version.deleted else {"id": id, "name": version.fields["name"]}


def stamp(time: float) -> str:
    """A time as Kombo writes it."""
    return wire_time(datetime.fromtimestamp(round(time, 3), UTC))
