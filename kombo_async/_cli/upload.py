"""`kombo-async upload`: the rows of a CSV or JSONL file into a customer's system, each exactly once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import attrs
import click

from kombo_async._cli.client import client_options, make_client
from kombo_async._cli.columns import MappingError
from kombo_async._cli.operation import request_class
from kombo_async._cli.progress import Progress, progress
from kombo_async._cli.report import Report, open_report
from kombo_async._cli.rows import CsvInput, DuplicateFilter, Input, JsonlInput, ParsedRow
from kombo_async._cli.table import TableError
from kombo_async._cli.tally import RowResult, Tally, row_result
from kombo_async.bulk import Bulk, JournalError, Outcome, Row, SqliteJournal
from kombo_async.client import AsyncKomboClient
from kombo_async.errors import Failure, RateLimited, ServerError


def _pairs(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    wrong = [name for name, _, value in pairs if not name.strip() or not value.strip()]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not of the form NAME=VALUE, or its value is empty")
    return {name.strip(): value.strip() for name, _, value in pairs}


@click.command()
@click.argument("input", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--operation", default="ats.create_application", show_default=True, help="What each row asks for.")
@click.option("--map", "mapping", multiple=True, callback=_pairs, metavar="COLUMN=FIELD", help="Where a column goes.")
@click.option(
    "--set", "constants", multiple=True, callback=_pairs, metavar="FIELD=VALUE", help="The same for all rows."
)
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="INPUT.journal if left out.")
@click.option(
    "--report", "report_path", type=click.Path(dir_okay=False, path_type=Path), help="A .csv, .jsonl or .html."
)
@click.option("--dry-run", is_flag=True, help="Check every row, send nothing.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many rows.")
@click.option("--concurrency", type=click.IntRange(1), help="Rows under way at once; 100 if left out.")
@click.option("--retry-refused", is_flag=True, help="Send again what Kombo refused in an earlier run.")
@click.option(
    "--visible-after",
    type=click.FloatRange(0),
    metavar="HOURS",
    help="How long after it was sent a candidate surely shows in Kombo: only then is a row in doubt sent again. "
    "Learned from the rows that are done if left out.",
)
@click.option("--encoding", help="Of a CSV; found out if left out.")
@click.option("--delimiter", help="Of a CSV; found out if left out.")
@click.option("--json", "as_json", is_flag=True, help="Events in JSON on stdout, one a line.")
@client_options
def command(**options: Any) -> None:
    """Upload the rows of INPUT, a .csv with a header or a .jsonl, each exactly once.

    Kill it whenever you like, and begin it again with the same command: what is done is not sent again. The journal
    beside INPUT remembers it. Exit codes: 0 all done, 1 some refused or not sent, 2 wrong use, 3 some in doubt.
    """
    job = Job(**options)
    try:
        raise SystemExit(job.check() if job.dry_run else anyio.run(job.run))
    except (TableError, MappingError) as error:
        raise click.UsageError(f"{job.input}: {error}") from None
    except JournalError as error:
        raise click.UsageError(str(error)) from None


@attrs.define(kw_only=True)
class Job:
    """An upload as its options describe it."""

    input: Path
    operation: str
    mapping: dict[str, str]
    constants: dict[str, str]
    journal: Path | None
    report_path: Path | None
    dry_run: bool
    limit: int | None
    concurrency: int | None
    retry_refused: bool
    visible_after: float | None
    encoding: str | None
    delimiter: str | None
    as_json: bool
    integration_id: str | None
    base_url: str | None
    region: str | None
    _stopped_by: str = ""

    def check(self) -> int:
        """Print every fault of every row; gives the exit code."""
        rows = faulty = 0
        for row in self._rows(self._open()):
            rows += 1
            faulty += bool(row.faults)
            for fault in row.faults:
                if self.as_json:
                    continue
                click.echo(f"row {row.number}: {fault}")
            if self.as_json and row.faults:
                self._echo_json("fault", row)
        click.echo(f"{rows:,} rows checked, {faulty:,} faulty. Nothing was sent.", err=True)
        return 1 if faulty else 0

    async def run(self) -> int:
        """Upload; gives the exit code."""
        input = self._open()
        total = sum(1 for _ in self._rows(input))
        tally = Tally(total)
        with (
            progress(total, as_json=self.as_json) as shown,
            open_report(self.report_path, tally, self.input.name) as report,
        ):
            async with make_client(self.integration_id, self.base_url, self.region) as kombo:
                await self._send(kombo, input, tally, shown, report)
            shown.event("summary", tally.summary())
        if not self.as_json:
            self._print_summary(tally)
        return tally.exit_code

    async def _send(self, kombo: AsyncKomboClient, input: Input, tally: Tally, shown: Progress, report: Report) -> None:
        def settled(row: RowResult) -> None:
            tally.add(row)
            report.add(row)
            shown.event("row", row.to_dict())
            shown.at(tally.settled, tally.line())

        def good() -> Iterator[Row]:
            for row in self._rows(input):
                if row.request is not None and not row.faults:
                    yield Row(row.request, tag=row.number)
                else:
                    settled(RowResult(row=row.number, result="refused", message="; ".join(row.faults)))

        run = kombo.bulk(
            good(),
            journal=SqliteJournal(self.journal_path, job=f"{self.operation} {self.input.name}"),
            concurrency=self.concurrency,
            retry_refused=self.retry_refused,
            visible_after=None if self.visible_after is None else timedelta(hours=self.visible_after),
        )
        error: JournalError | TableError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen_for_ctrl_c, run, tasks.cancel_scope)
            tasks.start_soon(_show_waiting, run, tally, shown)
            try:
                await self._take(run, settled)
            except (JournalError, TableError) as failure:
                error = failure  # raised outside of the task group, which would wrap it
            tasks.cancel_scope.cancel()
        if error is not None:
            raise error

    async def _take(self, run: Bulk, settled: Callable[[RowResult], None]) -> None:
        async with run as outcomes:
            async for outcome in outcomes:
                settled(row_result(outcome))
                if _is_hopeless(outcome) and not self._stopped_by:
                    self._stopped_by = f"No row can be sent now: {outcome.response}"
                    run.stop()

    async def _listen_for_ctrl_c(self, run: Bulk, scope: anyio.CancelScope) -> None:
        """The first Ctrl-C lets what is in flight end; the second breaks it off, and leaves it in doubt."""
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                if self._stopped_by:
                    scope.cancel()
                    return
                self._stopped_by = "Stopped. The same command goes on from here."
                click.echo("\nStopping: waiting for what is in flight (again Ctrl-C breaks it off) ...", err=True)
                run.stop()

    @property
    def journal_path(self) -> Path:
        """Where the journal is."""
        return self.journal or self.input.with_name(f"{self.input.name}.journal")

    def _open(self) -> Input:
        request = request_class(self.operation)
        if self.input.suffix.lower() in (".jsonl", ".ndjson"):
            return JsonlInput(self.input, request, constants=self.constants)
        opened = CsvInput(
            self.input,
            request,
            mapping=self.mapping,
            constants=self.constants,
            encoding=self.encoding,
            delimiter=self.delimiter,
        )
        for note in opened.notes:
            click.echo(f"{self.input.name}: {note}", err=True)
        return opened

    def _rows(self, input: Input) -> Iterator[ParsedRow]:
        distinct = DuplicateFilter()
        for count, row in enumerate(input, 1):
            fault = distinct.fault(row)
            yield attrs.evolve(row, faults=[*row.faults, fault]) if fault else row
            if count == self.limit:
                return

    def _echo_json(self, event: str, row: ParsedRow) -> None:
        import json

        click.echo(json.dumps({"event": event, "row": row.number, "faults": row.faults}, ensure_ascii=False))

    def _print_summary(self, tally: Tally) -> None:
        if self._stopped_by:
            click.echo(self._stopped_by, err=True)
        if tally.settled and tally.earlier == tally.settled:
            click.echo(f"Nothing to send: all {tally.settled:,} rows were done before, says {self.journal_path}.")
            return
        sums = tally.summary()
        earlier = f" ({sums['done_earlier']:,} of them before)" if tally.earlier else ""
        names = ("refused", "in_doubt", "unsent", "duplicates")
        rest = "".join(f", {sums[name]:,} {name.replace('_', ' ')}" for name in names if sums[name])
        click.echo(
            f"{sums['rows']:,} of {tally.total:,} rows: {sums['done']:,} done{earlier}{rest}, in {tally.seconds:.1f} s."
        )
        for reason in sorted(tally.reasons.values(), key=lambda each: -each.count)[:20]:
            rows = ", ".join(str(each.row) for each in reason.samples)
            more = ", ..." if reason.count > len(reason.samples) else ""
            click.echo(f"  {reason.count:>6,} {reason.result.replace('_', ' ')}: {reason.text} (rows {rows}{more})")
            log_url = next((each.log_url for each in reason.samples if each.log_url), None)
            if log_url:
                click.echo(f"         {log_url}")


async def _show_waiting(run: Bulk, tally: Tally, shown: Progress) -> None:
    while True:
        await anyio.sleep(1)
        if run.waiting:
            seconds = (max(run.waiting.values()) - datetime.now(UTC)).total_seconds()
            more = f"looking again for {len(run.waiting):,} in doubt in {max(0, seconds):.0f} s"
            shown.at(tally.settled, f"{tally.settled:,} of {tally.total:,}, {more}")


def _is_hopeless(outcome: Outcome) -> bool:
    """Whether the other rows would fare no better: the key, the integration or its first sync is the matter."""
    lasting = isinstance(outcome.response, Failure) and not isinstance(outcome.response, RateLimited | ServerError)
    return outcome.result == "unsent" and lasting
