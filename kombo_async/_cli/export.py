"""`kombo-async export`: all pages of a list into a JSON Lines or CSV file; interruptible and resumable."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import anyio
import attrs
import click

from kombo_async._cli.cells import CellRules, convert
from kombo_async._cli.client import Connection, client_options
from kombo_async._cli.columns import fields_of, near
from kombo_async._cli.console import note
from kombo_async._cli.export_lines import csv_lines, json_lines
from kombo_async._cli.operation import operation_names, request_class
from kombo_async._cli.progress import Progress, progress
from kombo_async._cli.texts import CellFault
from kombo_async._cli.writing import GuardedCsv, check_output, open_private, replaced
from kombo_async._codec.unread import unread
from kombo_async.errors import InvalidInput, KomboError
from kombo_async.model import field_names, to_dict
from kombo_async.operations import REQUESTS
from kombo_async.options import RetryPolicy
from kombo_async.pages import Page, Pages
from kombo_async.request import Request, data_type

SAVE_EVERY = 1.0
"""Seconds between two saves of the position, which wait for the disk: a killed export reads as much again."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A .jsonl or .csv file (default: stdout)."
)
@click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv"]), help="The format, if OUTPUT's name does not show it."
)
@click.option("--updated-after", metavar="TIME", help="Only records changed since a time, e.g. 2026-05-19T08:30:00Z.")
@click.option("--include-deleted", is_flag=True, help="Include deleted records.")
@click.option(
    "--filter", "filters", multiple=True, metavar="NAME=VALUE", help="Any other filter; separate values with commas."
)
@click.option("--page-size", type=click.IntRange(1, 250), default=250, show_default=True)
@click.option("--cursor", help="The cursor to resume from.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON events to stdout (needs --output).")
@client_options
def command(**options: Any) -> None:
    """Export MODEL, such as ats.candidates or hris.employees.

    With --output, run the same command again to resume an interrupted export; OUTPUT appears when it is complete.
    Exit codes: 0 complete, 1 Kombo refused or failed, 2 usage error.
    """
    try:
        export = Export.of(**options)
        code = anyio.run(export.run)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    raise SystemExit(code)


@attrs.define(kw_only=True)
class Export:
    """An export as described by its options."""

    request: Request[Page[Any]]
    item: Any
    """The class of its records."""
    output: Path | None
    kind: str
    as_json: bool
    connection: Connection
    records: int = 0
    cursor: str | None = None

    @classmethod
    def of(
        cls,
        *,
        model: str,
        output: Path | None,
        kind: str | None,
        updated_after: str | None,
        include_deleted: bool,
        filters: Sequence[str],
        page_size: int,
        cursor: str | None,
        as_json: bool,
        integration_id: str | None,
        base_url: str | None,
        region: str | None,
    ) -> Export:
        """Build an export from its options. Raises `ValueError` or `UsageError` for invalid ones."""
        wanted: Any = _list_request(model)
        if as_json and output is None:
            raise click.UsageError("--json needs --output, since the records go to stdout")
        output = None if output == Path("-") else output
        check_output("--output", output, [])
        kind = _kind(output, kind)
        connection = Connection(integration_id, base_url, region)
        connection.require_integration(wanted.operation)
        fields: dict[str, Any] = {"page_size": page_size}
        for option, text in (("--updated-after", updated_after), ("--cursor", cursor)):
            if text is not None and not text.strip():  # an empty variable of a script would export everything
                raise click.UsageError(f"{option}: is empty; leave it out to export everything")
        fields |= {"updated_after": updated_after} if updated_after else {}
        fields |= {"include_deleted": True} if include_deleted else {}
        fields |= {"cursor": cursor} if cursor else {}
        for each in filters:
            key, mark, value = each.partition("=")
            if not mark:
                raise click.UsageError(f"--filter {each}: must be NAME=VALUE")
            if key in fields:
                raise click.UsageError(f"--filter {key}: is given twice; separate several values with commas")
            fields[key] = _filter_value(wanted, key, value)
        known = {key: value for key, value in fields.items() if key != "page_size" or key in wanted.operation.query}
        return cls(
            request=_built(wanted, known),
            item=get_args(data_type(wanted))[0],
            output=output,
            kind=kind,
            as_json=as_json,
            connection=connection,
        )

    @property
    def partial(self) -> Path | None:
        """The partial file, renamed to the output at the end."""
        return None if self.output is None else self.output.with_name(f"{self.output.name}.part")

    @property
    def place(self) -> Path | None:
        """The file that records how far the export got."""
        return None if self.output is None else self.output.with_name(f"{self.output.name}.cursor")

    async def run(self) -> int:
        """Run the export and return the exit code."""
        async with self.connection.client(retry=RetryPolicy(attempts=6)) as kombo:
            with _opened(self.partial) as file, progress(None, as_json=self.as_json) as shown:
                offset = self._resume()
                if self.output is not None:
                    file.truncate(offset)
                    file.seek(offset)
                if not offset and self.kind == "csv":
                    GuardedCsv(file).writerow(field_names(self.item))
                try:
                    await self._copy(Pages(kombo.send, unread(self.request)), file, shown)
                except KomboError as failure:
                    self._save_position(file)
                    self._print_failure(failure)
                    return 1
                file.flush()
                if self.output is not None:
                    os.fsync(file.fileno())
                    if os.name != "nt":
                        self._finish()  # before the lock is released: another run would continue the file
        if os.name == "nt":  # where an open file cannot be renamed
            self._finish()
        shown.event("summary", {"records": self.records})
        note(f"{self.records:,} records")
        return 0

    def _finish(self) -> None:
        if self.output is not None and self.partial is not None and self.place is not None:
            self.partial.replace(self.output)
            self.place.unlink(missing_ok=True)

    async def _copy(self, pages: Pages[Any], file: Any, shown: Progress) -> None:
        """Write the records of all pages as Kombo sent them: nothing is lost."""
        lines = csv_lines(field_names(self.item)) if self.kind == "csv" else json_lines
        save_at = 0.0
        async for page in pages.pages():
            try:
                file.write(lines(page.results))
                file.flush()
            except OSError as error:
                error.filename = error.filename or str(self.partial or "stdout")
                raise
            self.records += len(page.results)
            self.cursor = page.next
            if time.monotonic() >= save_at:
                self._save_position(file)
                save_at = time.monotonic() + SAVE_EVERY
            shown.at(self.records, f"{self.records:,} records")

    def _save_position(self, file: Any) -> None:
        """Save the position once everything before it is safely in the file."""
        if self.place is None or self.cursor is None:
            return
        os.fsync(file.fileno())
        state = {"request": self._question(), "cursor": self.cursor, "offset": file.tell(), "records": self.records}
        with replaced(self.place) as place:
            json.dump(state, place)

    def _resume(self) -> int:
        """Resume an interrupted export; returns the number of bytes already written."""
        if self.place is None or self.partial is None or not self.place.exists() or not self.partial.stat().st_size:
            return 0
        try:
            state: dict[str, Any] = json.loads(self.place.read_text(encoding="utf-8"))
            is_ours = state["request"] == self._question() and self.partial.stat().st_size >= state["offset"]
        except (ValueError, KeyError, TypeError):
            is_ours = False
            state = {}
        if not is_ours:
            raise click.UsageError(f"{self.place} belongs to another export, or is damaged; delete it to start over")
        self.request = attrs.evolve(cast("Any", self.request), cursor=state["cursor"])
        self.records = state["records"]
        note(f"resuming after {self.records:,} records")
        return int(state["offset"])

    def _question(self) -> str:
        """What is exported and from where, without the position."""
        fields = {name: value for name, value in to_dict(self.request).items() if name != "cursor"}
        where = attrs.astuple(self.connection)
        return json.dumps([self.request.operation.id, fields, self.kind, *where], sort_keys=True)

    def _print_failure(self, failure: KomboError) -> None:
        note(f"stopped after {self.records:,} records: {failure}")
        if self.place is not None:
            note("run the same command to resume")
        elif failure.cursor:
            note(f"to resume: --cursor {failure.cursor}")


def _list_request(model: str) -> type[Request[Any]]:
    """The request class of a list: `ats.candidates`. Raises `click.UsageError`."""
    namespace, _, name = model.partition(".")
    full = model if name.startswith("get_") else f"{namespace}.get_{name}"
    lists = {
        each.replace(".get_", "."): each for each, known in operation_names().items() if REQUESTS[known].operation.paged
    }
    if model not in REQUESTS and full not in lists.values():
        raise click.UsageError(f"{model}: there is no list of that name{near(model, lists)}")
    wanted = request_class(full if full in lists.values() else model)
    if not wanted.operation.paged:
        raise click.UsageError(f"{model} is not a paged list")
    return wanted


def _kind(output: Path | None, kind: str | None) -> str:
    """The format of the export. Raises `click.UsageError` if the name of the file says another one, or none."""
    by_name = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}.get(output.suffix.lower()) if output else None
    if output is None or by_name is None:
        if kind is None and output is not None:
            raise click.UsageError(f"--output {output}: the name must end in .jsonl or .csv; or pass --format")
        return kind or "jsonl"
    if kind not in (None, by_name):
        raise click.UsageError(f"--output {output}: the name says {by_name}, but --format says {kind}")
    return by_name


def _built(request: Any, fields: dict[str, Any]) -> Any:
    try:
        return request.from_dict(fields)
    except InvalidInput as error:
        faults = "; ".join(f"--{fault.path.replace('_', '-')}: {fault.message}" for fault in error.faults)
        raise click.UsageError(faults) from None


def _opened(path: Path | None) -> Any:
    if path is None:
        return io.TextIOWrapper(os.fdopen(os.dup(sys.stdout.fileno()), "wb"), encoding="utf-8", newline="")
    return open_private(path)


def _filter_value(request: Any, name: str, value: str) -> Any:
    kind = fields_of(request).get(name)
    if kind is None:
        raise click.UsageError(f"--filter {name}: there is no such filter{near(name, request.operation.query)}")
    try:
        if kind == "list":
            return [part.strip() for part in value.split(",") if part.strip()]
        return value if kind == "date" else convert(value, kind, CellRules(decimal="."))
    except CellFault as fault:
        raise click.UsageError(f"--filter {name}: {fault.message}") from None
