"""Kombo: takes requests off the network, has the connected system do the work, and answers lists from its copy."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

from tests.simulation import fates, lists
from tests.simulation.clocks import EPOCH
from tests.simulation.fates import Fate
from tests.simulation.scheduler import World
from tests.simulation.specs import Outage
from tests.simulation.system import Application, Integration

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
    began: float
    """When this attempt began, in the process that made it."""
    answered: float | None
    """After how many seconds the client hears of it."""
    integration: str


class Kombo:
    """Kombo's API, as far as bulk needs it."""

    def __init__(
        self,
        world: World,
        integrations: Mapping[str, Integration],
        *,
        identity: Callable[[str, str, str, str], str],
        clock_offset: float,
        drift: float,
        outages: Sequence[Outage],
        planned: Mapping[str, Sequence[str]],
        longest_work: float,
        sends_date: bool,
    ) -> None:
        self.world = world
        self.integrations = integrations
        self.calm = False
        """Whether nothing fails any more."""
        self.arrived: list[Arrived] = []
        self.on_create: list[Callable[[str, int], None]] = []
        self.warned: list[str] = []
        """The applications whose answers had a warning."""
        self.unknown: list[str] = []
        """Requests that this model knows nothing of: they make the seed worthless."""
        self._identity = identity
        self._clock_offset = clock_offset
        self._drift = drift
        self._outages = outages
        self._planned_fates = planned
        self._longest_work = longest_work
        self._sends_date = sends_date
        self._attempts = defaultdict[str, int](int)
        self._reads = 0
        self.begun: list[tuple[str, str, float]] = []
        """The attempts of processes for rows, whether they arrived or not, and when they began."""
        self._delays = world.random("delays")

    def clock(self, at: float | None = None) -> datetime:
        """The time by the server's clock, now or *at* another moment."""
        at = self.world.now if at is None else at
        return datetime.fromtimestamp(EPOCH + at * (1 + self._drift) + self._clock_offset, UTC)

    def begins(self, process: str, row: str) -> None:
        """An attempt for *row* begins in a process; it is not written down yet."""
        self.begun.append((process, row, self.world.now))

    def is_out(self, integration: str) -> str:
        """In which way an integration is out now; empty where it is not."""
        if self.calm:
            return ""
        return next((each.kind for each in self._outages if each.strikes(integration, self.world.now)), "")

    def receive(
        self,
        process: str,
        integration: str,
        method: str,
        url: str,
        body: bytes,
        answer: Callable[[Answer], None],
    ) -> None:
        """Take a request; *answer* is called once the client hears something."""
        parts = urlsplit(url)
        path, query = parts.path.removeprefix(PATH), {k: v[-1] for k, v in parse_qs(parts.query).items()}
        if parts.path == "/v1/check-api-key":
            body = b'{"status":"success","data":{"environment_id":"E","customer_id":"C"}}'
            self.world.after(0.1, lambda: answer(self._response(200, body)))
        elif method == "POST":
            self._create(process, self.integrations[integration], path, json.loads(body), answer)
        elif path in ("/candidates", "/applications"):
            self._read(process, self.integrations[integration], path, query, answer)
        else:
            self.unknown.append(f"{method} {url}")
            answer(self._response(404, fates.error("PLATFORM.UNKNOWN", "the simulation does not know this")))

    # Creates

    def _create(
        self, process: str, there: Integration, path: str, body: dict[str, Any], answer: Callable[[Answer], None]
    ) -> None:
        as_candidate = path == "/candidates"
        job = body["application"]["job_id"] if as_candidate else unquote(path.split("/")[2])
        job = job.removeprefix("remote:r")
        person = body["candidate"]
        row = self._identity(job, person["email_address"], person.get("company", ""), there.id)
        self._attempts[row] += 1
        attempt = self._attempts[row]
        chance = self.world.random(f"fate of {row} {attempt}")
        out = self.is_out(there.id)
        fate = (
            fates.calm(chance)
            if self.calm
            else fates.outage(out, chance)
            if out
            else fates.fate(chance, self._longest_work, self._planned(row, attempt))
        )
        may_work = fate.performed is not None or fate.name.startswith(("lost", "no answer", "error", "strange"))
        self.arrived.append(
            Arrived(
                at=self.world.now,
                row=row,
                attempt=attempt,
                process=process,
                fate=fate.name,
                may_work=may_work,
                began=max(at for name, of, at in self.begun if (name, of) == (process, row)),
                answered=fate.answered,
                integration=there.id,
            )
        )
        self.world.say(
            process,
            f"-> create {row} #{attempt}: {fate.name} (performed {_s(fate.performed)}, heard {_s(fate.answered)})",
        )
        for tell in self.on_create:
            tell(row, attempt)
        made: list[Application | None] = []
        sent = {
            "email": person["email_address"],
            "first_name": person["first_name"],
            "last_name": person["last_name"],
            "phone": person.get("phone_number", ""),
        }
        if fate.performed is not None:
            self.world.after(fate.performed, lambda: self._perform(there, sent, job, row, attempt, fate, made))
        if fate.answered is not None:
            self.world.after(
                fate.answered, lambda: answer(self._created(there, fate, made, row, as_candidate=as_candidate))
            )

    def _planned(self, row: str, attempt: int) -> str:
        planned = self._planned_fates.get(row, ())
        return planned[attempt - 1] if attempt <= len(planned) else ""

    def _perform(
        self,
        there: Integration,
        person: dict[str, str],
        job: str,
        row: str,
        attempt: int,
        fate: Fate,
        made: list[Application | None],
    ) -> None:
        system, copy = there.system, there.copy
        done = system.apply(person, job, row=row, attempt=attempt, partly=fate.partly)
        if not isinstance(done, Application):
            made.append(None)
            what = "refused: there is one already" if done is None else f"only candidate {done.id} made"
            self.world.say("system", f"{row} #{attempt}: {what}")
            if done is not None and system.habits.shows == "at once":
                copy.take_candidate(done)
            return
        made.append(done)
        self.world.say("system", f"{row} #{attempt}: MADE {done.id} of {done.candidate.id} <{done.candidate.email}>")
        shows = system.habits.shows
        if shows == "at once" or (shows == "successes" and fate.kombo_succeeds):
            self.world.after(self._delays.uniform(0, 2), lambda: copy.take(done))

    def _created(
        self, there: Integration, fate: Fate, made: list[Application | None], row: str, *, as_candidate: bool
    ) -> Answer:
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
            data = lists.with_applications(
                there.copy.candidate(application.candidate), [there.copy.application(application)]
            )
        else:
            data = there.copy.application(application)
            data["candidate"] = {
                k: v for k, v in there.copy.candidate(application.candidate).items() if k != "applications"
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

    def _read(
        self, process: str, there: Integration, path: str, query: dict[str, str], answer: Callable[[Answer], None]
    ) -> None:
        self._reads += 1
        chance = self.world.random(f"read {self._reads}")
        delay = chance.uniform(0.02, 0.5)
        fails = self.is_out(there.id) or chance.random() < 0.06
        if not self.calm and fails:
            delay *= 20
            fault = chance.choice((500, 502, 429, 0, 403))
            body = {500: fates.error("PLATFORM.UNKNOWN_ERROR"), 429: fates.error("PLATFORM.RATE_LIMIT_EXCEEDED")}.get(
                fault, b""
            )
            self.world.say(process, f"-> read {path} {query}: fails with {fault}")
            broken = Answer(error="ReadError") if fault == 0 else self._response(fault, body)
            self.world.after(delay, lambda: answer(broken))
            return
        self.world.after(delay, lambda: self._answer_list(process, there, path, query, answer))

    def _answer_list(
        self, process: str, there: Integration, path: str, query: dict[str, str], answer: Callable[[Answer], None]
    ) -> None:
        records = lists.candidates(there, query) if path == "/candidates" else lists.applications(there, query)
        first = int(query.get("cursor", "0"))
        size = min(int(query.get("page_size", "100")), there.system.habits.page)
        page = records[first : first + size]
        following = str(first + size) if first + size < len(records) else None
        found = [each["id"] for each in page]
        self.world.say(process, f"<- {path} {query}: {found}{' ...' if following else ''}")
        data = {"status": "success", "data": {"results": page, "next": following}}
        answer(self._response(200, json.dumps(data).encode()))

    def _response(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        date = {"date": format_datetime(self.clock(), usegmt=True)} if self._sends_date else {}
        kind = "application/json" if body[:1] in (b"{", b"[") else "text/html"
        return Answer(status=status, headers={"content-type": kind, **date, **(headers or {})}, body=body)


def _s(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
