"""The demo's job: upload each row of a CSV with its CV, read all of it back, and compare."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import anyio
import attrs
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kombo_async import ats
from kombo_async.client import AsyncKomboClient
from kombo_async.errors import KomboError
from kombo_async.options import RetryPolicy, Waiting
from kombo_async.response import Success

TASKS = 80
"""How many uploads are begun at once; the client holds each integration to Kombo's limit by itself."""


@attrs.frozen
class Row:
    """One candidate to upload."""

    integration_id: str
    request: ats.CreateApplication
    cv: Path

    @property
    def email(self) -> str:
        """The address that tells candidates apart."""
        return self.request.candidate.email_address


@attrs.define
class Tally:
    """What has come of the upload so far."""

    uploaded: int = 0
    retried: int = 0
    failed: list[str] = attrs.field(factory=list[str])


async def run(console: Console, url: str, api_key: str, integrations: Sequence[str], table: Path) -> bool:
    """Upload *table* in turn to *integrations*, check what arrived, and print a summary; gives whether all is well."""
    tally = Tally()
    with Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        bar = progress.add_task("Uploading", total=None, note="")

        def on_wait(waiting: Waiting) -> None:
            progress.update(bar, note=f"waiting for the first sync of {waiting.integration_id}")

        retry = RetryPolicy(sync_wait=120, initial=0.5, maximum=5, on_wait=on_wait)
        async with AsyncKomboClient(api_key, base_url=url, retry=retry) as kombo:
            for integration_id in integrations:
                await _wait_for_first_sync(kombo, integration_id)
            jobs = {each: await _open_job(kombo, each) for each in integrations}
            rows = list(_rows(table, jobs))
            progress.update(bar, total=len(rows), note="")
            start = time.perf_counter()
            await _upload(kombo, rows, tally, lambda: progress.advance(bar))
            seconds = time.perf_counter() - start
            problems = list(tally.failed)
            for each in integrations:
                problems += await _compare(kombo, each, rows)
    console.print(
        f"\n[bold]{tally.uploaded} uploaded[/] in {seconds:.1f} s ({tally.uploaded / seconds:.0f} per second), "
        f"{tally.retried} retried, {len(tally.failed)} failed"
    )
    for problem in problems[:20]:
        console.print(f"[red]{problem}")
    if not problems:
        console.print(f"[green]All {len(rows)} candidates arrived exactly once, their CVs the same byte for byte.")
    return not problems


async def _wait_for_first_sync(kombo: AsyncKomboClient, integration_id: str) -> None:
    """The first answers are "no sync yet"; the client waits by itself."""
    (await kombo.ats.get_jobs(page_size=1, options={"integration_id": integration_id})).unwrap()


async def _open_job(kombo: AsyncKomboClient, integration_id: str) -> str:
    jobs = kombo.ats.get_jobs(statuses=["OPEN"], options={"integration_id": integration_id})
    async for job in jobs.items():
        return job.id
    raise RuntimeError("the sandbox has no open job")


def _rows(table: Path, jobs: dict[str, str]) -> Iterator[Row]:
    integrations = list(jobs)
    with table.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            integration_id = integrations[number % len(integrations)]
            cv = table.parent / row["cv"]
            candidate = ats.CandidateInput(
                first_name=row["first_name"], last_name=row["last_name"], email_address=row["email_address"]
            )
            request = ats.CreateApplication(
                job_id=jobs[integration_id],
                candidate=candidate,
                attachments=[ats.AttachmentInput.from_path(cv, type="CV")],
            )
            yield Row(integration_id, request, cv)


async def _upload(kombo: AsyncKomboClient, rows: Sequence[Row], tally: Tally, advance: Callable[[], None]) -> None:
    waiting = iter(rows)

    async def worker() -> None:
        for row in waiting:
            try:
                reply = await kombo.send(row.request, integration_id=row.integration_id)
            except KomboError as error:
                tally.failed.append(f"row of {row.cv.name}: {error}")
                continue
            if isinstance(reply, Success):
                tally.uploaded += 1
            else:
                tally.failed.append(f"row of {row.cv.name}: {reply}")
            tally.retried += reply.attempts - 1
            advance()

    async with anyio.create_task_group() as tasks:
        for _ in range(TASKS):
            tasks.start_soon(worker)


async def _compare(kombo: AsyncKomboClient, integration_id: str, rows: Sequence[Row]) -> list[str]:
    """Read back all candidates and their CVs; gives what is not as it was sent."""
    kombo = kombo.for_integration(integration_id)
    expected = {row.email: row for row in rows if row.integration_id == integration_id}
    found = Counter[str]()
    problems: list[str] = []
    places = anyio.CapacityLimiter(20)

    async def compare_cv(candidate: ats.Candidate, row: Row, files: httpx.AsyncClient) -> None:
        async with places:
            attachments = (await kombo.ats.get_candidate_attachments(candidate.id)).unwrap().results
            contents = [(await files.get(attachment.data_url)).content for attachment in attachments]
        if contents != [row.cv.read_bytes()]:
            problems.append(f"{row.cv.name} did not arrive as it was sent")

    async with httpx.AsyncClient() as files, anyio.create_task_group() as tasks:
        async for candidate in kombo.ats.get_candidates(page_size=100).items():
            for email in candidate.email_addresses or ():
                if email.email_address in expected:
                    found[email.email_address] += 1
                    tasks.start_soon(compare_cv, candidate, expected[email.email_address], files)
    problems += [
        f"the candidate of {row.cv.name} arrived {found[email]} times"
        for email, row in expected.items()
        if found[email] != 1
    ]
    return problems
