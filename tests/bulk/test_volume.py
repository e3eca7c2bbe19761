"""Many rows: memory stays bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kombo_async import ats
from tests.bulk.conftest import Bench

BEGIN, END, ROWS = 3_000, 11_000, 100_000
MOST_MEGABYTES = 200

UPLOAD = f"""
import gc, json, sys
import anyio
from kombo_async import AsyncKomboClient, ats
from kombo_async.sandbox import Sandbox, serve

def resident():
    gc.collect()
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

def applications(job):
    for number in range({END}):
        person = ats.CandidateInput(first_name="Ada", last_name="Abe", email_address=f"ada{{number}}@example.com")
        yield ats.CreateApplication(job_id=job, candidate=person)

async def main(journal):
    sandbox, megabytes, done = Sandbox(), {{}}, 0
    async with serve(sandbox) as url, AsyncKomboClient(sandbox.api_key, base_url=url) as client:
        kombo = client.for_integration(next(iter(sandbox.integrations)))
        job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0].id
        async for outcome in kombo.bulk(applications(job), journal=journal):
            done += outcome.result == "done"
            if done in ({BEGIN}, {END}):
                megabytes[done] = resident()
    print(json.dumps([len(sandbox.performed("PostAtsJobsJobIdApplications")), *megabytes.values()]))

anyio.run(main, sys.argv[1])
"""


@pytest.mark.anyio
async def test_an_endless_source_is_read_only_as_far_as_outcomes_are_taken(bench: Bench, tmp_path: Path) -> None:
    """An endless source is read only as far as outcomes are taken."""
    read = 0

    def rows() -> Iterator[ats.CreateApplication]:
        nonlocal read
        while True:
            read += 1
            yield bench.application(f"ada{read}")

    taken = 0
    async with bench.client() as kombo, kombo.bulk(rows(), journal=tmp_path / "j", concurrency=10) as outcomes:
        async for _ in outcomes:
            taken += 1
            assert read <= taken + 11
            if taken == 300:
                break
    assert taken == 300


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
def test_a_hundred_thousand_rows_fit_with_the_sandbox_in_the_same_process(tmp_path: Path) -> None:
    """What the first rows need, and what each further one adds, comes to less than 200 MB for 100,000 rows."""
    command = [sys.executable, "-c", UPLOAD, str(tmp_path / "journal")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    performed, before, after = json.loads(run.stdout)
    assert performed == END
    a_row = (after - before) / (END - BEGIN)
    assert after + a_row * (ROWS - END) < MOST_MEGABYTES
