"""An upload as its options describe it: check the rows, or send them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import attrs
import click

from kombo_async._cli.client import Connection
from kombo_async._cli.console import echo, note
from kombo_async._cli.duplicates import DuplicateFilter
from kombo_async._cli.faults import FaultGroups
from kombo_async._cli.inputs import InputOptions, open_input, saved_mapping
from kombo_async._cli.mapping_file import save_mapping
from kombo_async._cli.operation import name_of, request_class
from kombo_async._cli.people_files import PeopleFiles
from kombo_async._cli.progress import progress
from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import TableError
from kombo_async._cli.report import Report, check_report, open_report
from kombo_async._cli.rows import Input, ParsedRow
from kombo_async._cli.sending import Sending
from kombo_async._cli.signals import stop_signals
from kombo_async._cli.summary import print_summary
from kombo_async._cli.tally import RowResult, Tally, refused_row
from kombo_async._cli.writing import check_output
from kombo_async.bulk import Bulk, JournalDamaged, JournalError, Row, SqliteJournal
from kombo_async.client import AsyncKomboClient
from kombo_async.errors import KomboError

GRACE = 1.0
"""Seconds that requests in flight have to finish after a second Ctrl-C."""


@attrs.define(kw_only=True)
class Job:
    """An upload as described by its options."""

    source: Source
    options: InputOptions
    connection: Connection
    mapping_file: Path | None
    given: dict[str, Any]
    journal: Path | None
    report_path: Path | None
    save_mapping: Path | None
    files_from: Path | None
    allow_any_file: bool
    dry_run: bool
    limit: int | None
    concurrency: int | None
    retry_refused: bool
    keep_trying: timedelta | None
    resend_after: timedelta | None
    as_json: bool
    operation_name: str = attrs.field(default="", init=False)
    """The operation by its usual name, whatever the user calls it: journals are named after it."""

    def run(self) -> int:
        """Check the options, then check the rows or send them; returns the exit code."""
        request = request_class(self.options.operation)
        self.operation_name = name_of(request)
        self._check_options(request)
        input = self._open(request)
        if self.save_mapping is not None:
            save_mapping(self.save_mapping, saved_mapping(input, self.options, self.given))
            note(f"saved the mapping as {self.save_mapping}")
        for remark in input.notes:
            note(f"{self.source.name}: {remark}")
        if next(iter(input), None) is None:
            note(f"{self.source.name}: has no rows")
        integrations = input.integrations_with_jobs()
        if not self.dry_run:
            return anyio.run(self._upload, input, integrations)
        if integrations:
            anyio.run(self._read_jobs, input, integrations)
        return self._check(input)

    def _check_options(self, request: Any) -> None:
        if request.operation.method == "GET":
            raise click.UsageError(f"--operation {self.operation_name}: only reads; use kombo-async export for lists")
        inputs = [None if self.source.is_pipe else self.source.path, self.mapping_file, self.journal]
        check_report(self.report_path)
        check_output("--report", self.report_path, inputs)
        check_output("--save-mapping", self.save_mapping, [*inputs, self.report_path])
        check_output("--journal", self.journal, [*inputs[:2], self.report_path])
        if self.save_mapping is not None and not self.dry_run:
            raise click.UsageError("--save-mapping goes with --dry-run")
        if self.files_from is not None and not self.files_from.is_dir():
            raise click.UsageError(f"--files-from {self.files_from}: there is no such folder")
        if self.dry_run:
            return
        if self.options.choices.integration_column is None:
            self.connection.require_integration(request.operation)

    def _open(self, request: Any) -> Input:
        journal = self.journal if self.dry_run else self.journal_path
        own = [self.source.path, self.mapping_file, self.report_path, journal, self.save_mapping]
        files = PeopleFiles(
            self.files_from or self.source.folder,
            anywhere=self.allow_any_file,
            own=tuple(path.resolve() for path in own if path is not None),
        )
        return open_input(self.source, request, self.options, files)

    async def _read_jobs(self, input: Input, integrations: set[str | None]) -> None:
        if None in integrations and self.connection.integration_id is None:
            raise click.UsageError(
                "the rows name jobs; looking them up needs an integration: "
                "pass --integration TOOL:ID or set KOMBO_INTEGRATION_ID"
            )
        async with self.connection.client() as kombo:
            await self._look_up(kombo, input, integrations)

    async def _look_up(self, kombo: AsyncKomboClient, input: Input, integrations: set[str | None]) -> None:
        try:
            await input.jobs.read(kombo, sorted(integrations, key=str))
        except KomboError as failure:
            raise click.ClickException(f"the jobs cannot be looked up: {failure}") from None

    def _check(self, input: Input) -> int:
        """Print what is wrong, by kind; returns the exit code."""
        groups = FaultGroups()
        rows = 0
        tally = Tally(0)
        with open_report(self.report_path, tally, self.source.name, dry_run=True) as report:
            for row in self._rows(input):
                rows += 1
                groups.add(row.number, row.faults)
                result = (
                    refused_row(row)
                    if row.faults
                    else RowResult(row=row.number, result="valid", person=row.person, email=row.email)
                )
                tally.total = rows
                tally.add(result)
                report.add(result)
                if self.as_json and row.faults:
                    echo({"event": "fault", "row": row.number, "faults": list(map(str, row.faults))})
        if not self.as_json:
            for group in groups:
                echo(str(group))
        checked = "1 row" if rows == 1 else f"{rows:,} rows"
        note(f"{checked} checked, {groups.rows:,} with errors. Nothing was sent.")
        if self.report_path is not None and not report.problem:
            note(f"report: {self.report_path}")
        return self._tell(report) or (1 if groups.rows else 0)

    def _tell(self, report: Report) -> int:
        """Print that the report could not be written, if so; returns the exit code."""
        if report.problem is None:
            return 0
        note(f"Error: the report {self.report_path} cannot be written: {report.problem.strerror}")
        return 1

    async def _upload(self, input: Input, integrations: set[str | None]) -> int:
        async with self.connection.client() as kombo:
            await self._look_up(kombo, input, integrations)
            tally = Tally(sum(1 for _ in self._rows(input)))
            with (
                stop_signals() as signals,
                progress(tally.total, as_json=self.as_json) as shown,
                open_report(self.report_path, tally, self.source.name) as report,
            ):

                def settled(row: RowResult) -> None:
                    tally.add(row)
                    report.add(row)
                    shown.event("row", row.to_dict())
                    shown.at(tally.settled, tally.line())

                sending = Sending(
                    rows=lambda: self._rows(input),
                    bulk=lambda rows: self._bulk(kombo, rows),
                    settled=settled,
                    say=lambda line: shown.at(tally.settled, line),
                    tally=tally,
                    signals=signals,
                    keep_trying=self.keep_trying,
                    one_integration=self.options.choices.integration_column is None,
                )
                try:
                    await sending.run()
                except (JournalError, TableError, OSError, sqlite3.Error) as error:
                    if not sending.begun:
                        raise
                    sending.stopped_by = self._explain(error)
                shown.event("summary", tally.summary())
        if not self.as_json:
            written = None if report.problem else self.report_path
            print_summary(tally, sending.stopped_by, self.journal_path, written)
        failed = self._tell(report)
        if signals.count and tally.settled < tally.total:
            return signals.exit_code
        return tally.exit_code or failed

    def _explain(self, error: Exception) -> str:
        """Say why an upload ended early, when rows may have been sent already."""
        if isinstance(error, OSError):
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        else:
            what = f"{self.source.name}: {error}" if isinstance(error, TableError) else str(error)
        again = "" if isinstance(error, JournalDamaged | TableError) else ". Run the same command again to continue"
        return f"Error: {what}{again}"

    def _bulk(self, kombo: AsyncKomboClient, rows: Iterator[Row]) -> Bulk:
        return kombo.bulk(
            rows,
            journal=SqliteJournal(self.journal_path, job=self._job_name),
            concurrency=self.concurrency,
            retry_refused=self.retry_refused,
            resend_after=self.resend_after,
            grace=GRACE,
        )

    @property
    def _job_name(self) -> str:
        column = self.options.choices.integration_column
        return f"{self.operation_name} {'' if column else self.connection.integration_id or ''}".strip()

    @property
    def journal_path(self) -> Path:
        """The journal's path: by default beside the input, named after the job rather than the file."""
        if self.journal is not None:
            return self.journal
        host = self.connection.host
        operation, _, integration = self._job_name.partition(" ")
        parts = [integration or "all", operation, *([] if host == "api.kombo.dev" else [host])]
        name = re.sub(r"[^\w.-]+", "-", " ".join(parts)).strip("-")
        return self.source.folder / f"kombo-{name}.journal"

    def _rows(self, input: Input) -> Iterator[ParsedRow]:
        with closing(DuplicateFilter()) as distinct:
            for count, row in enumerate(input, 1):
                fault = distinct.fault(row)
                yield attrs.evolve(row, faults=[*row.faults, fault]) if fault else row
                if count == self.limit:
                    return
