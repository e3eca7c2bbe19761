"""How long lists with several filters take: `python -m tests.sandbox.scale_filters [RECORDS [MOST [LIST ...]]]`.

For every list, or those named: no filter, each one, pairs and triples of them; with values that nearly all records
pass, half, a few and none; with and without deleted records; the smallest and the largest page from the start, the
middle and the end. Of each number of filters, MOST requests are sent, picked by chance. Shows the slowest ones.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from itertools import combinations, product
from random import Random
from typing import Any
from urllib.parse import quote

import attrs
import httpx

from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import API_KEY, GREENHOUSE, Sandbox, SandboxTransport, default_id
from kombo_async.sandbox._api import lists
from kombo_async.sandbox._api.filters import COMMON
from kombo_async.sandbox._api.lists import Listing
from kombo_async.sandbox._handlers.registry import LISTINGS, load
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.store import World

TOOLS = {"ats": "greenhouse", "hris": "workday", "lms": "docebo", "assessment": "icims"}
FIELDS = {
    "updated_after": "changed_at",
    "remote_created_after": "remote_created_at",
    "created_after": "remote_created_at",
    "started_before": "started_at",
    "started_after": "started_at",
    "ended_before": "ended_at",
    "ended_after": "ended_at",
    "date_from": "end_date",
    "time_from": "end_date",
    "date_until": "start_date",
    "time_until": "start_date",
    "ids": "id",
    "remote_ids": "remote_id",
    "outcome": "outcome",
    "outcomes": "outcome",
    "job_codes": "job_code",
    "status": "status",
    "statuses": "status",
    "employment_types": "employment_type",
    "visibilities": "visibility",
    "emails": "email",
    "email": "emails",
    "first_name": "first_name",
    "last_name": "last_name",
    "employment_status": "employment_status",
    "employment_statuses": "employment_status",
    "work_emails": "work_email",
    "personal_emails": "personal_email",
    "types": "type",
    "model_types": "model_type",
    "scopes": "scope",
    "group_ids": "group_ids",
    "payrun_ids": "pay_run_id",
    "post_url": "post_url",
}
"""Where a filter looks, unless its name says so."""
OTHERS = {
    "custom_fields": ['{"cost_center": "CC-100"}', '{"shirt_size": "S"}', '{"cost_center": "none"}'],
    "name_contains": ["e", "en", "zzz"],
}
ROOT = "http://sandbox.localhost/v1"


@attrs.frozen
class Timed:
    """A list that was asked for."""

    query: str
    best: float
    """Seconds: the best of up to three times."""
    first: float
    found: int


def request_of(operation: str) -> Any:
    """The class of an operation's requests, whose list is known then."""
    load(REQUESTS[operation])
    return REQUESTS[operation]


def integration_of(operation: str) -> str | None:
    """An integration with this list; None for a list of the platform itself."""
    tool = TOOLS.get(REQUESTS[operation].__module__.split(".")[1])
    return None if tool is None else default_id(tool)


def filters_of(operation: str) -> list[str]:
    """The names of a list's filters."""
    known = request_of(operation).operation.query
    return [name for name in {**COMMON, **LISTINGS[operation].filters} if name in known]


def values_of(world: World, listing: Listing, name: str, sample: list[Record]) -> list[str]:
    """Values of a filter: many, some, few and no records pass it."""
    if name == "job_remote_ids":
        jobs = [job.data["remote_id"] for job in world.table("ats_jobs")[:10]]
        return [jobs[0], ",".join(jobs), "none"]
    if name in OTHERS:
        return OTHERS[name]
    field = FIELDS.get(name, name.removesuffix("s"))
    found = [value for record in sample for value in _listed(record.get(field))]
    if name.endswith(("after", "before", "from", "until")):
        return _times(name, sorted(found))
    if not found:
        found = [value for record in sample for value in world.table(listing.table).indexes.values(name, record)]
    common = [str(value) for value, _ in Counter(found).most_common(40)]
    several = [common, common[-1:]] if name.endswith("s") and not name.endswith("status") else [common[-1:]]
    return list(dict.fromkeys(",".join(values) for values in (common[:1], *several, ["none"])))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else ["null" if value is None else value]


def _times(name: str, known: list[str]) -> list[str]:
    is_day, ends = name.startswith("date"), name.endswith(("before", "until"))
    picked = [known[int((len(known) - 1) * share)] for share in (0.0, 0.5, 0.95)]
    times = [*picked, "1990-01-01" if ends else "2190-01-01"]
    return [time if is_day or len(time) > 10 else f"{time}T00:00:00.000Z" for time in times if time != "null"]


def queries(world: World, operation: str, together: int) -> list[str]:
    """The queries with so many filters at once."""
    listing, names = LISTINGS[operation], filters_of(operation)
    table = world.table(listing.table)
    places = Random(1).sample(range(len(table)), min(300, len(table)))
    sample = [table.read(place) for place in places]
    given = {name: [f"{name}={quote(each)}" for each in values_of(world, listing, name, sample)] for name in names}
    return [
        "&".join(each)
        for chosen in combinations(names, together)
        for each in product(*(given[name] for name in chosen))
    ]


async def ask(http: httpx.AsyncClient, operation: str, query: str) -> Timed:
    """Ask for a page, again if it took long; a value that the filter does not have takes no time."""
    headers = {"Authorization": f"Bearer {API_KEY}", "X-Integration-Id": integration_of(operation) or GREENHOUSE}
    seconds: list[float] = []
    found = 0
    while len(seconds) < 3 and (not seconds or seconds[-1] > 0.02):
        started = time.perf_counter()
        response = await http.get(f"{ROOT}{request_of(operation).operation.path}?{query}", headers=headers)
        seconds.append(time.perf_counter() - started)
        if response.status_code != 400:
            assert response.status_code == 200, (query, response.text)
            found = len(response.json()["data"]["results"])
    return Timed(query, min(seconds), seconds[0], found)


def cursors(sandbox: Sandbox, operation: str) -> list[str]:
    """No cursor, and those of a list's middle and end."""
    world = sandbox.world(integration_of(operation))
    count = len(world.table(LISTINGS[operation].table))
    mark = lists._mark(world.integration_id, operation)
    return ["", *(f"&cursor={lists.make_cursor(mark, max(0, place))}" for place in (count // 2, count - 1))]


async def measure(sandbox: Sandbox, operation: str, together: int, most: int) -> list[Timed]:
    """Up to *most* requests of a list with so many filters."""
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), timeout=600) as http:
        pages = product(
            queries(sandbox.world(integration_of(operation)), operation, together),
            (1, LISTINGS[operation].largest_page),
            cursors(sandbox, operation),
            ("", "&include_deleted=true"),
        )
        asked = [f"{query}&page_size={size}{cursor}{deleted}".lstrip("&") for query, size, cursor, deleted in pages]
        asked = Random(2).sample(asked, min(most, len(asked)))
        results = [await ask(http, operation, query) for query in asked]
    sandbox.request_log.clear()
    return results


def delete_most(sandbox: Sandbox, operation: str) -> None:
    """Delete nine of ten records of a list, so that few are left to be found."""
    world = sandbox.world(integration_of(operation))
    name = LISTINGS[operation].table
    for record in world.table(name):
        if record.place % 10:
            world.delete(name, record)


def main() -> None:
    """Measure, and print."""
    records, most = (int(argument) for argument in [*sys.argv[1:3], "100000", "300"][:2])
    for operation in REQUESTS:
        request_of(operation)
    sandbox = Sandbox(employees=records, candidates=records, orders=records)
    for operation in sys.argv[3:] or [each for each in LISTINGS if filters_of(each)]:
        for together in range(4):
            results = asyncio.run(measure(sandbox, operation, together, most))
            slow = sum(each.best > 0.05 for each in results)
            print(f"{operation}, {together} filters: {len(results)} asked, {slow} over 50 ms")  # noqa: T201
            for each in sorted(results, key=lambda each: -each.best)[:3]:
                times = f"{each.best * 1000:9.1f} ms{each.first * 1000:9.1f} ms first"
                print(f"{times}{each.found:5} found  {each.query[:200]}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
