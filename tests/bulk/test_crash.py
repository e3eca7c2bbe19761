"""The upload of thousands of people is killed again and again, and begun again with the same command."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from anyio import to_thread

from kombo_async.bulk import read_journal
from kombo_async.bulk.resolve import open_doubts
from kombo_async.sandbox import LoggedRequest, Sandbox, serve

SURE_AFTER = "2"
"""Seconds: the test's server shows what it has done at once, and does nothing later than this."""
INTEGRATION = "greenhouse:crash"
CREATE = "PostAtsJobsJobIdApplications"
ROOT = Path(__file__).parents[2]


def random_seed() -> int:
    """A different seed each time; `CRASH_SEED` repeats one."""
    return int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))


def faulty_sandbox(seed: int) -> Sandbox:
    """A sandbox that fails in all the ways that leave it open whether something was done."""
    sandbox = Sandbox(seed=seed, candidates=0, allow_duplicates=True, latency=(0.01, 0.05))
    sandbox.add_integration(INTEGRATION)
    faults: list[dict[str, Any]] = [
        {"status": 500, "code": "PLATFORM.UNKNOWN_ERROR", "after_performing": True, "probability": 0.01},
        {"status": 500, "code": "PLATFORM.UNKNOWN_ERROR", "probability": 0.01},
        {"html": True, "probability": 0.01},
        {"connection": "reset", "after_performing": True, "probability": 0.01},
        {"connection": "reset", "probability": 0.01},
        {"connection": "cut", "after_performing": True, "probability": 0.005},
        {"status": 429, "code": "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED", "probability": 0.01},
    ]
    for fault in faults:
        sandbox.faults.add(CREATE, **fault)
    sandbox.faults.add(["GetAtsCandidates", "GetAtsApplications"], html=True, probability=0.05)
    return sandbox


@attrs.define
class Crasher:
    """Starts the upload again and again, and kills it."""

    sandbox: Sandbox
    command: list[str]
    random: random.Random
    rows: int
    kills: int
    """How often it is to be killed."""
    performed: Counter[str] = attrs.field(factory=Counter[str])
    """How often each person's application was made, by e-mail."""
    made: dict[str, str] = attrs.field(factory=dict[str, str])
    """The ID of the application that was made last for each person, by e-mail."""

    def count(self, call: LoggedRequest) -> None:
        """Record what the sandbox performed."""
        if call.operation == CREATE and call.performed:
            email = call.body["candidate"]["email_address"]
            self.performed[email] += 1
            self.made[email] = call.result["id"]

    async def run(self) -> dict[str, int]:
        """Kill it this often, then let it finish; returns the last run's summary."""
        while self.kills:
            process = self._start()
            try:
                if await self._wait_to_kill(process):
                    self.kills -= 1
            finally:
                process.kill()  # SIGKILL
                process.communicate()
        return await self.finish()

    async def finish(self) -> dict[str, int]:
        """One run without being killed."""
        process = self._start()
        output, errors = await to_thread.run_sync(partial(process.communicate, timeout=150))
        assert process.returncode in (0, 3), "\n".join(errors.splitlines()[-15:])  # the end says what it was
        tally: dict[str, int] = json.loads(output)
        assert (process.returncode == 3) == bool(tally.get("in_doubt"))
        return tally

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    async def _wait_to_kill(self, process: subprocess.Popen[str]) -> bool:
        """Wait for a random moment of the run, counted in calls that the server sees; False if it ended before."""
        left = self.rows - len(self.performed)
        calls = self.random.randrange(max(40, 2 * left // self.kills))
        start, began = self.sandbox.request_log.total, time.monotonic()
        while process.poll() is None and self.sandbox.request_log.total - start < calls:
            assert time.monotonic() - began < 60, "the upload stands still"
            await anyio.sleep(0.002)
        await anyio.sleep(self.random.random() * 0.02)
        return process.poll() is None


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("seed", "rows", "kills"),
    [pytest.param(1, 3_000, 30, id="fixed"), pytest.param(random_seed(), 1_000, 10, id="random")],
)
def test_each_row_is_performed_exactly_once_however_often_the_upload_is_killed(
    tmp_path: Path, seed: int, rows: int, kills: int
) -> None:
    """After many `kill -9` with faults on, each row was done once; a person settles the rest; a new run is idle."""
    print(f"CRASH_SEED={seed}")  # noqa: T201 - to repeat a failure
    sandbox = faulty_sandbox(seed)
    journal = tmp_path / "upload.journal"
    by_hand = 0

    async def settle_by_hand() -> None:
        """Rows created within the second of their sending are in doubt; their possible matches are right."""
        nonlocal by_hand
        async with open_doubts(journal) as doubts:
            for doubt in [each async for each in doubts]:
                assert "at about the time this row was first sent" in doubt.why
                (email,) = re.findall("<(.*)>", doubt.about)
                (match,) = doubt.found
                assert match.ids["id"] == crasher.made[email]
                await doubts.found(doubt.key, match.ids["id"])
                by_hand += 1

    async def upload() -> tuple[dict[str, int], dict[str, int]]:
        async with serve(sandbox) as url, sandbox.client(INTEGRATION) as kombo:
            job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0]
            crasher.command += [url, sandbox.api_key, INTEGRATION, job.id, str(rows), str(journal), SURE_AFTER]
            last = await crasher.run()
            for _ in range(3):  # faults may leave doubts even at the end; the next run settles them
                if not last.get("in_doubt") and not last.get("unsent"):
                    break
                last = await crasher.finish()
            await settle_by_hand()
            sent = len(sandbox.requests(CREATE))
            again = await crasher.finish()
            assert len(sandbox.requests(CREATE)) == sent
            return last, again

    crasher = Crasher(sandbox, [sys.executable, "-m", "tests.bulk.uploader"], random.Random(seed), rows, kills)
    sandbox.request_log.watch(crasher.count)
    last, again = anyio.run(upload)
    twice = {email: times for email, times in crasher.performed.items() if times > 1}
    assert not twice
    assert len(crasher.performed) == rows
    assert last["done"] + by_hand == rows
    assert by_hand < rows / 4
    assert again == {"done": rows, "earlier": rows, "found": last["found"]}
    entries = [entry for _, entry in read_journal(journal)]
    assert {entry.state for entry in entries} == {"done"}
    assert {entry.ids["id"] for entry in entries} == set(crasher.made.values())


@pytest.mark.timeout(300)
def test_without_your_word_nothing_is_sent_again(tmp_path: Path) -> None:
    """After kills with faults on, nobody was created twice, and unclear rows are in doubt: exit code 3."""
    sandbox = faulty_sandbox(seed=2)
    journal = tmp_path / "upload.journal"
    rows = 1_500

    async def upload() -> dict[str, int]:
        async with serve(sandbox) as url, sandbox.client(INTEGRATION) as kombo:
            job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0]
            crasher.command += [url, sandbox.api_key, INTEGRATION, job.id, str(rows), str(journal)]
            last = await crasher.run()
            for _ in range(3):
                if last.get("unsent"):
                    last = await crasher.finish()
            return last

    crasher = Crasher(sandbox, [sys.executable, "-m", "tests.bulk.uploader"], random.Random(2), rows, kills=8)
    sandbox.request_log.watch(crasher.count)
    last = anyio.run(upload)
    assert max(crasher.performed.values()) == 1
    assert last["in_doubt"] > 0
    assert last["done"] + last["in_doubt"] == rows
    entries = [entry for _, entry in read_journal(journal)]
    assert {entry.state for entry in entries} == {"done", "in_doubt"}
    done = {entry.ids["id"] for entry in entries if entry.state == "done"}
    assert len(done) == last["done"]
    assert done <= set(crasher.made.values())
