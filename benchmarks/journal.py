"""What a journal costs a bulk upload: `python -m benchmarks.journal [ROWS]`.

Uploads over HTTP to a sandbox, embedded in this process and in one of its own, with and without a journal in turns,
and prints the ratio of the throughputs (median, smallest, largest) and the peak memory of this process.
"""

from __future__ import annotations

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import anyio

from kombo_async import AsyncKomboClient, ats
from kombo_async.sandbox import Sandbox, serve

TURNS = 10


def main() -> int:
    """Run the benchmark."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    say("embedded", rows, anyio.run(_embedded, rows // TURNS // 2))
    say("another process", rows, _with_another_process(rows // TURNS // 2))
    return 0


def say(where: str, rows: int, ratios: list[float]) -> None:
    """Print what was measured with the sandbox there."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"sandbox: {where}; throughput with a journal / without: {statistics.median(ratios):.2f} (median of "
        f"{len(ratios)}, {min(ratios):.2f} to {max(ratios):.2f}); {rows} rows; peak memory {memory:.0f} MB"
    )


async def _embedded(rows: int) -> list[float]:
    sandbox = Sandbox()
    async with serve(sandbox) as url:
        settings = {"api_key": sandbox.api_key, "base_url": url, "integration_id": next(iter(sandbox.integrations))}
        return await _ratios(settings, rows)


def _with_another_process(rows: int) -> list[float]:
    server = subprocess.Popen(
        [sys.executable, "-m", "kombo_async._cli", "sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        return anyio.run(_ratios, dict(_settings(server)), rows)
    finally:
        server.terminate()
        server.wait(10)


def _settings(server: subprocess.Popen[str]) -> Iterator[tuple[str, str]]:
    """What the sandbox prints to be exported: address, key and an integration."""
    assert server.stdout is not None
    for line in server.stdout:
        if match := re.match(r"export KOMBO_(\w+)=(\S+)", line):
            yield match[1].lower(), match[2]
            if match[1] == "INTEGRATION_ID":
                return


async def _ratios(settings: dict[str, str], rows: int) -> list[float]:
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncKomboClient(**settings) as kombo:  # type: ignore[arg-type]
            job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0].id
            await _throughput(kombo, job, "warm-up", rows, None)
            for turn in range(TURNS):
                journal = Path(folder, f"journal-{turn}")
                speeds: dict[Path | None, float] = {}
                for kept in (None, journal) if turn % 2 else (journal, None):  # by turns the first
                    speeds[kept] = await _throughput(kombo, job, f"{turn}-{kept is None}", rows, kept)
                ratios.append(speeds[journal] / speeds[None])
    return ratios


async def _throughput(kombo: AsyncKomboClient, job: str, name: str, rows: int, journal: Path | None) -> float:
    """Uploads a second."""
    requests = (
        ats.CreateApplication(
            job_id=job,
            candidate=ats.CandidateInput(first_name="Ada", last_name="Abe", email_address=f"{name}-{n}@example.com"),
        )
        for n in range(rows)
    )
    start = time.perf_counter()
    async for outcome in kombo.bulk(requests, journal=journal):
        assert outcome.result == "done", outcome
    return rows / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
