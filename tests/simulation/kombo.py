"""Kombo: takes requests off the network, has the connected system do the work, and answers lists from its copy."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

from tests.simulation import fates
from tests.simulation.clocks import EPOCH
from tests.simulation.fates import Fate
from tests.simulation.scheduler import World
from tests.simulation.system import Application, Copy, System

PATH = "/v1/ats"
WARNING = "The attachment could not be uploaded."


@attrs.frozen(kw_only=True)
class Answer:
    """What the client hears: a response, or that the connection broke."""

    status: int = 0
    headers: dict[str, str] = attrs.field(factory=dict[str, str])
    body: bytes = b""
    error: str = ""


@attrs.frozen(kw_only=True)
class Arrived:
    """A create that arrived at Kombo."""

    at: float
    row: str
    attempt: int
    process: str
    fate: str
    may_work: bool
    """Whether it may be done, or have been."""


class Kombo:
    """Kombo's API, as far as bulk needs it."""

    def __init__(
        self,
        world: World,
        system: System,
        *,
        identity: Callable[[str, str, str], str],
        clock_offset: float,
        longest_work: float,
        sends_date: bool,
    ) -> None:
        self.world = world
        self.system = system
        self.copy = Copy(system, self.clock)
        self.calm = False
        """Whether nothing fails any more."""
        self.arrived: list[Arrived] = []
        self.on_create: Callable[[str, int], None] = lambda row, attempt: None
        self.warned: list[str] = []
        """The applications whose answers had a warning."""
        self.unknown: list[str] = []
        """Requests that this model knows nothing of: they make the seed worthless."""
        self._identity = identity
        self._clock_offset = clock_offset
        self._longest_work = longest_work
        self._sends_date = sends_date
        self._attempts = defaultdict[str, int](int)
        self._reads = 0
        self._delays = world.random("delays")

    def clock(self) -> datetime:
        """The time by the server's clock."""
        return datetime.fromtimestamp(EPOCH + self.world.now + self._clock_offset, UTC)

    def receive(self, process: str, method: str, url: str, body: bytes, answer: Callable[[Answer], None]) -> None:
        """Take a request; *answer* is called once the client hears something."""
        parts = urlsplit(url)
        path, query = parts.path.removeprefix(PATH), {k: v[-1] for k, v in parse_qs(parts.query).items()}
        if parts.path == "/v1/check-api-key":
            body = b'{"status":"success","data":{"environment_id":"E","customer_id":"C"}}'
            self.world.after(0.1, lambda: answer(self._response(200, body)))
        elif method == "POST":
            self._create(process, path, json.loads(body), answer)
        elif path in ("/candidates", "/applications"):
            self._read(process, path, query, answer)
        else:
            self.unknown.append(f"{method} {url}")
            answer(self._response(404, fates.error("PLATFORM.UNKNOWN", "the simulation does not know this")))

    # Creates

    def _create(self, process: str, path: str, body: dict[str, Any], answer: Callable[[Answer], None]) -> None:
        as_candidate = path == "/candidates"
        job = body["application"]["job_id"] if as_candidate else unquote(path.split("/")[2])
        job = job.removeprefix("remote:r")
        person = body["candidate"]
        row = self._identity(job, person["email_address"], person.get("company", ""))
        self._attempts[row] += 1
        attempt = self._attempts[row]
        chance = self.world.random(f"fate of {row} {attempt}")
        fate = fates.calm(chance) if self.calm else fates.fate(chance, self._longest_work)
        may_work = fate.performed is not None or fate.name.startswith(("lost", "no answer", "error", "strange"))
        self.arrived.append(
            Arrived(at=self.world.now, row=row, attempt=attempt, process=process, fate=fate.name, may_work=may_work)
        )
        self.world.say(
            process,
            f"-> create {row} #{attempt}: {fate.name} (performed {_s(fate.performed)}, heard {_s(fate.answered)})",
        )
        self.on_create(row, attempt)
        made: list[Application | None] = []
        sent = {
            "email": person["email_address"],
            "first_name": person["first_name"],
            "last_name": person["last_name"],
            "phone": person.get("phone_number", ""),
        }
        if fate.performed is not None:
            self.world.after(fate.performed, lambda: self._perform(sent, job, row, attempt, fate, made))
        if fate.answered is not None:
            self.world.after(fate.answered, lambda: answer(self._created(fate, made, row, as_candidate=as_candidate)))

    def _perform(
        self, person: dict[str, str], job: str, row: str, attempt: int, fate: Fate, made: list[Application | None]
    ) -> None:
        done = self.system.apply(person, job, row=row, attempt=attempt, partly=fate.partly)
        if not isinstance(done, Application):
            made.append(None)
            what = "refused: there is one already" if done is None else f"only candidate {done.id} made"
            self.world.say("system", f"{row} #{attempt}: {what}")
            if done is not None and self.system.habits.shows == "at once":
                self.copy.take_candidate(done)
            return
        made.append(done)
        self.world.say("system", f"{row} #{attempt}: MADE {done.id} of {done.candidate.id} <{done.candidate.email}>")
        shows = self.system.habits.shows
        if shows == "at once" or (shows == "successes" and fate.kombo_succeeds):
            self.world.after(self._delays.uniform(0, 2), lambda: self.copy.take(done))

    def _created(self, fate: Fate, made: list[Application | None], row: str, *, as_candidate: bool) -> Answer:
        if fate.error:
            self.world.say("kombo", f"<- {row}: {fate.error}")
            return Answer(error=fate.error)
        if fate.body is not None or not made:
            self.world.say("kombo", f"<- {row}: {fate.status} {(fate.body or b'')[:60]!r}")
            return self._response(fate.status, fate.body or b"", fate.headers)
        application = made[0]
        if application is None:
            self.world.say("kombo", f"<- {row}: 400 ATS.APPLICATION_ALREADY_EXISTS")
            return self._response(400, fates.error("ATS.APPLICATION_ALREADY_EXISTS"))
        if as_candidate:
            data = self._with_applications(
                self.copy.candidate(application.candidate), [self.copy.application(application)]
            )
        else:
            data = self.copy.application(application)
            data["candidate"] = {
                k: v for k, v in self.copy.candidate(application.candidate).items() if k != "applications"
            }
            del data["interviews"], data["offers"]
        warnings = [{"message": WARNING}] if fate.warns else []
        if warnings:
            self.warned.append(application.id)
        if fate.odd_text:
            data["remote_url"] = "https://example.com/\ud800"
        self.world.say("kombo", f"<- {row}: 200 {data['id']}{' with a warning' if warnings else ''}")
        answer = {"status": "success", "data": data, "warnings": warnings}
        return self._response(200, json.dumps(answer).encode(), fate.headers)

    # Lists

    def _read(self, process: str, path: str, query: dict[str, str], answer: Callable[[Answer], None]) -> None:
        self._reads += 1
        chance = self.world.random(f"read {self._reads}")
        delay = chance.uniform(0.02, 0.5)
        if not self.calm and chance.random() < 0.06:
            delay *= 20
            fault = chance.choice((500, 502, 429, 0, 403))
            body = {500: fates.error("PLATFORM.UNKNOWN_ERROR"), 429: fates.error("PLATFORM.RATE_LIMIT_EXCEEDED")}.get(
                fault, b""
            )
            self.world.say(process, f"-> read {path} {query}: fails with {fault}")
            broken = Answer(error="ReadError") if fault == 0 else self._response(fault, body)
            self.world.after(delay, lambda: answer(broken))
            return
        self.world.after(delay, lambda: self._answer_list(process, path, query, answer))

    def _answer_list(self, process: str, path: str, query: dict[str, str], answer: Callable[[Answer], None]) -> None:
        records = self._candidates(query) if path == "/candidates" else self._applications(query)
        first = int(query.get("cursor", "0"))
        size = min(int(query.get("page_size", "100")), self.system.habits.page)
        page = records[first : first + size]
        following = str(first + size) if first + size < len(records) else None
        found = [each["id"] for each in page]
        self.world.say(process, f"<- {path} {query}: {found}{' ...' if following else ''}")
        data = {"status": "success", "data": {"results": page, "next": following}}
        answer(self._response(200, json.dumps(data).encode()))

    def _candidates(self, query: dict[str, str]) -> list[dict[str, Any]]:
        found = [each for each in self.copy.candidates.values() if _passes(each, query)]
        if "email" in query:
            wanted = query["email"].lower()
            found = [e for e in found if any(a["email_address"].lower() == wanted for a in e["email_addresses"])]
        for name in ("first_name", "last_name"):
            if name in query:
                found = [each for each in found if each[name].lower() == query[name].lower()]
        full = [
            self._with_applications(
                each, [a for a in self.copy.applications.values() if a["candidate_id"] == each["id"]]
            )
            for each in found
        ]
        if "job_ids" in query:
            jobs = query["job_ids"].split(",")
            full = [each for each in full if any(a["job"]["id"] in jobs for a in each["applications"])]
        return full

    def _with_applications(self, candidate: dict[str, Any], applications: list[dict[str, Any]]) -> dict[str, Any]:
        names = [
            *("id", "remote_id", "outcome", "rejection_reason_name", "rejected_at", "remote_url", "changed_at"),
            *("remote_created_at", "remote_updated_at", "current_stage", "job"),
        ]
        living = [each for each in applications if each["remote_deleted_at"] is None]
        return {**candidate, "applications": [{name: each[name] for name in names} for each in living]}

    def _applications(self, query: dict[str, str]) -> list[dict[str, Any]]:
        found = [each for each in self.copy.applications.values() if _passes(each, query)]
        if "job_ids" in query:
            found = [each for each in found if each["job"]["id"] in query["job_ids"].split(",")]
        if "job_remote_ids" in query:
            found = [each for each in found if each["job"]["remote_id"] in query["job_remote_ids"].split(",")]
        if "remote_created_after" in query:
            after = _moment(query["remote_created_after"])
            found = [e for e in found if e["remote_created_at"] and _moment(e["remote_created_at"]) >= after]
        return found

    def _response(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        date = {"date": format_datetime(self.clock(), usegmt=True)} if self._sends_date else {}
        kind = "application/json" if body[:1] in (b"{", b"[") else "text/html"
        return Answer(status=status, headers={"content-type": kind, **date, **(headers or {})}, body=body)


def _passes(record: dict[str, Any], query: dict[str, str]) -> bool:
    if record["remote_deleted_at"] is not None and query.get("include_deleted") != "true":
        return False
    if "updated_after" in query and _moment(record["changed_at"]) < _moment(query["updated_after"]):
        return False
    if "ids" in query and record["id"] not in query["ids"].split(","):
        return False
    return "remote_ids" not in query or record["remote_id"] in query["remote_ids"].split(",")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _s(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
