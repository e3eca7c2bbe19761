"""The demo's job: upload each row of a CSV with its CV, read everything back, and compare."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import attrs
import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kombo_async import ats
from kombo_async.bulk import Row
from kombo_async.client import AsyncKomboClient
from kombo_async.errors import SyncPending
from kombo_async.options import RetryPolicy, Waiting


@attrs.define
class Tally:
    """Counts of the upload so far."""

    uploaded: int = 0
    retried: int = 0
    waits: int = 0
    """How often a call waited for a first sync."""
    problems: list[str] = attrs.field(factory=list[str])


async def run(console: Console, url: str, api_key: str, integrations: Sequence[str], table: Path) -> bool:
    """Upload *table* to *integrations* in turn, check what arrived and print a summary; returns whether all is well."""
    tally = Tally()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("Waiting", total=None)

        def on_wait(waiting: Waiting) -> None:
            tally.waits += isinstance(waiting.failure, SyncPending)
            status = getattr(waiting.failure, "status_code", "no answer")
            progress.console.print(f"  {waiting.integration_id}: {status}, retrying in {waiting.seconds:.1f} s")

        retry = RetryPolicy(sync_wait=120, initial_delay=0.5, max_delay=5, on_wait=on_wait)
        async with AsyncKomboClient(api_key, base_url=url, retry=retry) as kombo:
            jobs = {each: await _open_job(kombo, each) for each in integrations}
            rows = list(_rows(table, jobs))
            progress.update(bar, description="Uploading", total=len(rows))
            start = time.perf_counter()
            async for outcome in kombo.bulk(rows):
                tally.retried += max(0, outcome.attempts - 1)
                if outcome.result == "done":
                    tally.uploaded += 1
                else:
                    tally.problems.append(f"{outcome.tag.name}: {outcome.result}, {outcome.response or outcome.error}")
                progress.advance(bar)
            seconds = time.perf_counter() - start
            failed = len(tally.problems)
            for each in integrations:
                tally.problems += await _compare(
                    kombo.for_integration(each), [r for r in rows if r.integration_id == each]
                )
    console.print(
        f"\n[bold]{tally.uploaded} uploaded[/] in {seconds:.1f} s ({tally.uploaded / seconds:.0f} per second), "
        f"{tally.retried} retried, {failed} failed; waited {tally.waits} times for a first sync."
    )
    for problem in tally.problems[:20]:
        console.print(f"[red]{problem}")
    if not tally.problems:
        console.print(f"[green]All {len(rows)} candidates arrived exactly once, their CVs byte for byte as sent.")
    return not tally.problems


async def _open_job(kombo: AsyncKomboClient, integration_id: str) -> str:
    """An open job to apply for. The first answers are "no sync yet"; the client waits by itself."""
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
            request = ats.CreateApplication(
                job_id=jobs[integration_id],
                candidate=ats.CandidateInput(
                    first_name=row["first_name"], last_name=row["last_name"], email_address=row["email_address"]
                ),
                attachments=[ats.AttachmentInput.from_path(cv, type="CV")],
            )
            yield Row(request, key=row["email_address"], integration_id=integration_id, tag=cv)


async def _compare(kombo: AsyncKomboClient, rows: Sequence[Row]) -> list[str]:
    """Read back all candidates of an integration and their CVs; returns what differs from what was sent."""
    sent: dict[str | None, Path] = {row.key: row.tag for row in rows}
    found = Counter[str | None]()
    problems: list[str] = []
    places = anyio.Semaphore(20)

    async def compare_cv(candidate: ats.Candidate, cv: Path, files: httpx.AsyncClient) -> None:
        try:
            attachments = (await kombo.ats.get_candidate_attachments(candidate.id)).unwrap().results
            contents = [(await files.get(attachment.data_url)).content for attachment in attachments]
        finally:
            places.release()
        if contents != [await anyio.Path(cv).read_bytes()]:
            problems.append(f"{cv.name} did not arrive as sent")

    async with httpx.AsyncClient() as files, anyio.create_task_group() as tasks:
        async for candidate in kombo.ats.get_candidates(page_size=100).items():
            for email in (address.email_address for address in candidate.email_addresses or ()):
                if isinstance(email, str) and email in sent:
                    found[email] += 1
                    await places.acquire()  # here, to start no more tasks than run
                    tasks.start_soon(compare_cv, candidate, sent[email], files)
    times = ((cv, found[email]) for email, cv in sent.items())
    return problems + [f"the candidate with {cv.name} arrived {count} times" for cv, count in times if count != 1]
