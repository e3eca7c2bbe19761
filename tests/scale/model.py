"""A model of Kombo's limits, for many clients on virtual time: no socket, no real second passes."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any, Literal, TypeAlias, TypeVar

import anyio
import attrs
import httpx
from anyio.abc import TaskGroup

from kombo_async import AsyncKomboClient, Request, RetryPolicy, Success, ats, hris
from tests.support.virtual_loop import run
from tests.support.wire import APPLICATION

T = TypeVar("T")

Refusal: TypeAlias = Literal["concurrency", "platform", "plain", "remote", "error", "pending"]

CODES: dict[Refusal, tuple[int, str | None]] = {
    "concurrency": (429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"),
    "platform": (429, "PLATFORM.RATE_LIMIT_EXCEEDED"),
    "plain": (429, None),
    "remote": (400, "REMOTE.RATE_LIMIT_EXCEEDED"),
    "error": (500, None),
    "pending": (409, "INTEGRATION.SETUP_SYNC_PENDING"),
}

CREATE = ats.CreateApplication(
    job_id="BDpgnpZ148nrGh4mYHNxJBgx",
    candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
)
READ = hris.GetEmployees()


@attrs.define
class System:
    """A connected system, as Kombo lets it be used."""

    limit: int = 30
    """How many actions it takes at once."""
    seconds: float = 1.0
    """How long an action takes, on average."""
    refusal: Refusal = "concurrency"
    headers: bool = True
    """Whether responses carry `Concurrency-Limit` and `Concurrency-Remaining`."""
    counts_itself: bool = True
    """Whether `Concurrency-Remaining` counts the action that is answered as one that still runs."""
    retry_after: float | None = None
    down: bool = False
    """Whether everything is refused, reads too."""
    read_seconds: float | None = None
    """How long a page of a list takes; None for `Kombo.read_seconds`."""
    in_flight: int = 0
    performed: int = 0
    refused: int = 0
    last_begun: float = 0.0
    """When its last action began: until then there was work for all places."""
    changes: list[tuple[float, int]] = attrs.field(factory=list)
    """When its actions began and ended, and how many were in flight from then on."""

    def begin(self) -> None:
        """Begin an action."""
        self._change(+1)
        self.last_begun = anyio.current_time()

    def end(self) -> None:
        """End an action."""
        self._change(-1)

    def _change(self, by: int) -> None:
        self.in_flight += by
        self.changes.append((anyio.current_time(), self.in_flight))

    def use(self, *, since: float | None = None, until: float | None = None) -> float:
        """Which part of its places was used, on average over a time; by default from the first action to the last.

        At a single moment, an action that has just ended may not have been followed yet.
        """
        start = self.changes[0][0] if since is None else since
        end = self.changes[-1][0] if until is None else until
        used = 0.0
        for (began, in_flight), (ended, _) in pairwise([*self.changes, (end, 0)]):
            used += in_flight * max(0.0, min(ended, end) - max(began, start))
        return used / (end - start) / self.limit


@attrs.define
class Kombo(httpx.AsyncBaseTransport):
    """Answers actions and reads of any number of clients."""

    systems: defaultdict[str, System] = attrs.field(factory=lambda: defaultdict(System))
    read_seconds: float = 0.02
    spread: float = 0.2
    extra_headers: dict[str, str] = attrs.field(factory=dict)
    by_client: Counter[str] = attrs.field(factory=Counter)
    asked: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Take the request, for as long as it takes."""
        self.asked += 1
        if "x-integration-id" not in request.headers:  # the check of the API key, which asks for the time
            return httpx.Response(200, json=_success({}))
        system = self.systems[request.headers["x-integration-id"]]
        if request.method == "GET":
            await anyio.sleep(self.read_seconds if system.read_seconds is None else system.read_seconds)
            if system.down:
                return self._refuse(system)
            return httpx.Response(
                200, json=_success({"results": [], "next": None}), headers=_encoded(self.extra_headers)
            )
        if system.down or system.in_flight >= system.limit:
            await anyio.sleep(0.005)
            return self._refuse(system)
        system.begin()
        seconds = system.seconds * (1 + self.spread * (2 * random.random() - 1))
        try:
            await anyio.sleep(seconds)
            remaining = system.limit - system.in_flight + (not system.counts_itself)
        finally:
            system.end()
        system.performed += 1
        self.by_client[request.headers.get("x-client", "")] += 1
        headers = self._headers(system, remaining)
        made = {**APPLICATION, "id": f"{self.asked:024}"}
        return httpx.Response(200, json=_success(made, warnings=[]), headers=_encoded(headers | self.extra_headers))

    def _headers(self, system: System, remaining: int) -> dict[str, str]:
        if not system.headers:
            return {}
        return {"Concurrency-Limit": str(system.limit), "Concurrency-Remaining": str(remaining)}

    def _refuse(self, system: System) -> httpx.Response:
        system.refused += 1
        status, code = CODES[system.refusal]
        headers = self._headers(system, 0)
        if system.retry_after is not None:
            headers["Retry-After"] = str(system.retry_after)
        error = {"code": code, "title": None, "message": "refused", "log_url": None}
        return httpx.Response(status, json={"status": "error", "error": error}, headers=headers)

    def client(self, name: str = "one", **settings: Any) -> AsyncKomboClient:
        """A client of this Kombo, on a machine of its own."""
        settings = {"retry": RetryPolicy(attempts=10), "integration_id": "greenhouse:a", **settings}
        return AsyncKomboClient("key", transport=self, headers={"X-Client": name}, **settings)


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """*headers* as they are sent, other than ASCII, too."""
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _success(data: object, **more: object) -> dict[str, object]:
    return {"status": "success", "data": data, **more}


def on_virtual_time(scene: Callable[[], Coroutine[Any, Any, T]], *, seed: int = 7) -> T:
    """Run *scene* on a clock that jumps to the next thing that happens; the same *seed* plays the same scene."""
    before = random.getstate()
    random.seed(seed)
    try:
        return run(scene())
    finally:
        random.setstate(before)


async def timed(client: AsyncKomboClient, request: Request[Any], integration_id: str) -> float:
    """How many seconds a call takes."""
    start = anyio.current_time()
    reply = await client.send(request, integration_id=integration_id)
    assert isinstance(reply, Success)
    return anyio.current_time() - start


async def hang(kombo: Kombo, client: AsyncKomboClient, tasks: TaskGroup, number: int, *, at_work: bool = True) -> None:
    """Let so many systems with 250 actions each never answer: after some seconds *at_work*, or from the beginning."""
    systems = {f"hanging:{each}": System(seconds=1.0 if at_work else 1e6) for each in range(number)}
    kombo.systems.update(systems)
    for integration_id in systems:
        for _ in range(250):
            tasks.start_soon(timed, client, CREATE, integration_id)
    await anyio.sleep(5)
    for system in systems.values():
        system.seconds = 1e6
    await anyio.sleep(30)
