"""A connected system, and Kombo's copy of it: what there really is, and what can be seen of it."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import attrs

from tests.simulation.scheduler import World

Text = Callable[[str], str]


def _local(change: Text) -> Text:
    def apply(email: str) -> str:
        local, _, domain = email.rpartition("@")
        return f"{change(local)}@{domain}"

    return apply


def _punycode(email: str) -> str:
    local, _, domain = email.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


REWRITES: Mapping[str, Text] = {
    "kept": lambda email: email,
    "lower": str.lower,
    "capitals": _local(str.upper),
    "nfc": lambda email: unicodedata.normalize("NFC", email),
    "no zero width": lambda email: email.replace("\u200b", ""),
    "punycode": _punycode,
    "no tag": _local(lambda local: local.partition("+")[0]),
    "stripped": str.strip,
}
"""What connected systems do to an address when they store it."""


@attrs.frozen(kw_only=True)
class Habits:
    """How the connected system, and Kombo's copy of it, behave."""

    shows: str = "at once"
    """`at once`, `successes` (the rest with a sync), `sync`, `never`."""
    rewrite: str = "kept"
    renames: bool = False
    """Whether it writes names its own way."""
    attaches: bool = True
    """Whether a second application of an address goes to the candidate that is there."""
    refuses_second: bool = False
    """Whether it refuses a second application for the same job."""
    created: str = "ms"
    """What it gives as time of creation: `ms`, `s`, `none`."""
    clock: float = 0.0
    """By how many seconds its clock is ahead of Kombo's."""
    page: int = 250
    """How many records Kombo gives on a page, at most."""


@attrs.define(eq=False)
class Candidate:
    """A person as the connected system has them."""

    id: str
    email: str
    first_name: str
    last_name: str
    phone: str
    created: float
    deleted: float | None = None


@attrs.define(eq=False)
class Application:
    """An application as the connected system has it."""

    id: str
    job: str
    candidate: Candidate
    created: float
    row: str | None
    """What it was made for: the identity of a row of ours, None where somebody else made it."""
    attempt: int = 0
    deleted: float | None = None
    shown: float | None = None
    """When it first showed in Kombo's copy."""


class System:
    """The connected system itself."""

    def __init__(self, world: World, habits: Habits, *, suffix: str = "") -> None:
        self.world = world
        self.habits = habits
        self._suffix = suffix
        self.candidates: list[Candidate] = []
        """All but `kept`."""
        self.applications: list[Application] = []
        self.partial: list[tuple[str, Candidate]] = []
        """Candidates of ours that were made without their application, with the identity of their row."""
        self.kept = Candidate(f"C0000{suffix}", "kept@example.com", "Kept", "One", "", world.now)
        """The candidate that others are merged into."""
        self.changes = 0
        """Counts what a sync would see."""
        self._count = itertools.count(1)

    def apply(
        self, person: Mapping[str, str], job: str, *, row: str | None, attempt: int = 0, partly: bool = False
    ) -> Application | Candidate | None:
        """Make an application; None where it refuses. *partly*: only the candidate is made."""
        self.changes += 1
        email = REWRITES[self.habits.rewrite](person["email"])
        candidate = self.find(person["email"])
        if self.habits.refuses_second and candidate and self._has(candidate, job):
            return None
        if candidate is None or not self.habits.attaches:
            first, last = person["first_name"], person["last_name"]
            if self.habits.renames:
                first, last = first[:1], last.upper() + "-X"
            phone, now = person.get("phone", ""), self.world.now
            candidate = Candidate(self._new_id("C"), email, first, last, phone, now)
            self.candidates.append(candidate)
            if partly and row is not None:
                self.partial.append((row, candidate))
        if partly:
            return candidate
        application = Application(self._new_id("A"), job, candidate, self.world.now, row, attempt)
        self.applications.append(application)
        return application

    def _new_id(self, kind: str) -> str:
        return f"{kind}{next(self._count):04}{self._suffix}"

    def find(self, email: str) -> Candidate | None:
        """The candidate that has this address."""
        stored = REWRITES[self.habits.rewrite](email)
        return next((each for each in self.candidates if _same(each.email, stored) and each.deleted is None), None)

    def _has(self, candidate: Candidate, job: str) -> bool:
        return any(a.candidate is candidate and a.job == job and a.deleted is None for a in self.applications)


class Copy:
    """Kombo's copy: snapshots of records, by ID, in the form in which Kombo answers."""

    def __init__(self, system: System, clock: Callable[[float | None], datetime]) -> None:
        self.system = system
        self.clock = clock
        self.candidates: dict[str, dict[str, Any]] = {}
        self.applications: dict[str, dict[str, Any]] = {}
        self._read = -1
        self.syncs: list[tuple[float, float]] = []
        """When the full syncs began and ended that ended well."""

    def take(self, application: Application) -> None:
        """Show *application*, and its candidate, as they are now."""
        application.shown = application.shown if application.shown is not None else self.system.world.now
        self._put(self.candidates, self.candidate(application.candidate))
        self._put(self.applications, self.application(application))

    def take_candidate(self, candidate: Candidate) -> None:
        """Show *candidate* as it is now."""
        self._put(self.candidates, self.candidate(candidate))

    def read_all(self) -> list[Callable[[], None]]:
        """What a full sync that ends well reads just now: how to show it."""
        system = self.system
        if self._read == system.changes:
            return []
        self._read = system.changes
        candidates = [each for each in system.candidates if each.deleted is None or each.id in self.candidates]
        applications = [each for each in system.applications if each.deleted is None or each.id in self.applications]
        return [
            *(partial(self._put, self.candidates, self.candidate(each)) for each in candidates),
            *(partial(self._show, each, self.application(each)) for each in applications),
        ]

    def _show(self, application: Application, shot: dict[str, Any]) -> None:
        application.shown = application.shown if application.shown is not None else self.system.world.now
        self._put(self.applications, shot)

    def _put(self, table: dict[str, dict[str, Any]], shot: dict[str, Any]) -> None:
        known = table.get(shot["id"])
        if known is not None and {**known, "changed_at": ""} == {**shot, "changed_at": ""}:
            return
        table[shot["id"]] = shot

    def _time(self, at: float | None) -> str | None:
        if at is None or self.system.habits.created == "none":
            return None
        moment = self.clock(at + self.system.habits.clock)
        return _iso(moment.replace(microsecond=0) if self.system.habits.created == "s" else moment)

    def candidate(self, each: Candidate) -> dict[str, Any]:
        """*each* as Kombo answers it, without its applications."""
        return {
            "id": each.id,
            "remote_id": f"r{each.id}",
            "first_name": each.first_name,
            "last_name": each.last_name,
            "company": None,
            "title": None,
            "confidential": None,
            "source": None,
            "phone_numbers": [{"phone_number": each.phone, "type": None}] if each.phone else [],
            "email_addresses": [{"email_address": each.email, "type": None}],
            "social_media": [],
            "location": None,
            "custom_fields": None,
            "integration_fields": [],
            "remote_url": None,
            "remote_created_at": self._time(each.created),
            "remote_updated_at": None,
            "remote_data": None,
            "changed_at": _iso(self.clock(None)),
            "remote_deleted_at": None if each.deleted is None else _iso(self.clock(each.deleted)),
            "tags": [],
        }

    def application(self, each: Application) -> dict[str, Any]:
        """*each* as Kombo answers it."""
        person = self.candidate(each.candidate)
        names = ("id", "remote_id", "first_name", "last_name", "email_addresses", "phone_numbers", "social_media")
        return {
            "id": each.id,
            "remote_id": f"r{each.id}",
            "outcome": "PENDING",
            "rejection_reason_name": None,
            "rejected_at": None,
            "current_stage_id": None,
            "job_id": each.job,
            "candidate_id": each.candidate.id,
            "screening_question_answers": [],
            "custom_fields": None,
            "integration_fields": [],
            "remote_url": None,
            "changed_at": _iso(self.clock(None)),
            "remote_deleted_at": None if each.deleted is None else _iso(self.clock(each.deleted)),
            "remote_created_at": self._time(each.created),
            "remote_updated_at": None,
            "remote_data": None,
            "candidate": {name: person[name] for name in names} | {"source": None, "remote_url": None, "tags": []},
            "current_stage": None,
            "job": job(each.job),
            "interviews": [],
            "offers": [],
        }


@attrs.frozen
class Integration:
    """A connected system, and Kombo's copy of it."""

    id: str
    system: System
    copy: Copy


def job(name: str) -> dict[str, Any]:
    """A job as records refer to it."""
    return {"id": name, "remote_id": f"r{name}", "name": None}


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
