"""Many rows in doubt, of several integrations, on virtual time."""

from __future__ import annotations

import gc
from itertools import chain

import anyio
import httpx
import pytest

from kombo_async.bulk import Outcome
from kombo_async.bulk._records import Record
from tests.scale.model import Kombo, on_virtual_time
from tests.scale.settling import InDoubt, rows, settled
from tests.support.wire import APPLICATION, page

SLOW, QUICK = "slow:1", "quick:1"


@pytest.mark.parametrize("ordered_by_integration", [True, False])
def test_a_slow_list_holds_up_no_other_integration(ordered_by_integration: bool) -> None:
    """Rows of other integrations are settled at once, though one has more in doubt than there are workers."""
    kombo = Kombo()
    kombo.systems[SLOW].read_seconds = 20.0
    parts = [list(rows(40, SLOW)), *(list(rows(4, f"{QUICK}{number}")) for number in range(5))]
    source = chain.from_iterable(parts if ordered_by_integration else reversed(parts))
    times = settled(kombo, source, concurrency=10)
    slow = times.pop(SLOW)
    assert {name: len(each) for name, each in times.items()} == {f"{QUICK}{number}": 4 for number in range(5)}
    assert max(max(each) for each in times.values()) < 1
    assert len(slow) == 40
    assert min(slow) >= 20


def test_integrations_are_settled_side_by_side() -> None:
    """Twenty integrations take as long as one."""
    alone, together = Kombo(read_seconds=5.0), Kombo(read_seconds=5.0)
    one = settled(alone, rows(3, "a:0"))
    many = settled(together, [row for number in range(20) for row in rows(3, f"a:{number}")])
    assert max(map(max, many.values())) <= 1.01 * max(map(max, one.values()))


class WithApplications(Kombo):
    """A Kombo with an application for each job, of somebody of the same name; counts what is asked for."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        kind = request.url.path.rpartition("/")[2]
        self.by_client[kind] += 1
        response = await super().handle_async_request(request)
        if kind != "applications":
            return response
        person = {"id": "c", "first_name": "A", "last_name": "B", "email_addresses": None}
        job = {"id": request.url.params["job_ids"], "name": "Job"}
        return page({**APPLICATION, "job": job, "job_id": job["id"], "candidate": person})


def test_a_jobs_list_is_read_once_for_all_rows_in_doubt() -> None:
    """A hundred rows in doubt for one job cost one pass through its applications, not a hundred."""
    kombo = WithApplications()
    settled(kombo, rows(100, QUICK), why="found a record that may be this row's")
    assert kombo.by_client["applications"] <= 3


def test_lists_are_not_kept() -> None:
    """Once a job's rows are settled, nothing of its list is left, however many jobs there are."""

    def kept() -> int:
        gc.collect()
        return sum(isinstance(each, Record | anyio.Lock) for each in gc.get_objects())

    async def scene() -> tuple[int, int]:
        outcomes: list[Outcome] = []
        before = kept()
        run = WithApplications().client().bulk(rows(300, QUICK, jobs=300), journal=InDoubt(), concurrency=10)
        async with run:
            async for outcome in run:
                assert outcome.found
                outcomes.append(outcome)
                if len(outcomes) == 200:
                    break
            return before, kept()

    before, after = on_virtual_time(scene)
    assert after - before <= 3 * 10  # what the rows in progress hold
