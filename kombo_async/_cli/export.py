"""`kombo-async export`: all pages of a list into a JSONL or CSV file; it can be broken off and gone on with."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import anyio
import attrs
import click

from kombo_async._cli.client import client_options, make_client
from kombo_async._cli.operation import request_class
from kombo_async._cli.progress import Progress, progress
from kombo_async.errors import KomboError
from kombo_async.model import field_names, to_dict
from kombo_async.options import RetryPolicy
from kombo_async.pages import Page, Pages
from kombo_async.request import Request, answer_type


@click.command()
@click.argument("model")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A .jsonl or .csv; else stdout.")
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), help="If the name of the output does not say.")
@click.option("--updated-after", metavar="TIME", help="Only what changed since, such as 2026-05-19T08:30:00Z.")
@click.option("--include-deleted", is_flag=True, help="Deleted records, too.")
@click.option("--filter", "filters", multiple=True, metavar="NAME=VALUE", help="Any other filter; lists by commas.")
@click.option("--page-size", type=click.IntRange(1, 250), default=250, show_default=True)
@click.option("--cursor", help="Where to go on.")
@click.option("--json", "as_json", is_flag=True, help="Events in JSON on stdout (needs --output).")
@client_options
def command(**options: Any) -> None:
    """Export MODEL, such as ats.candidates or hris.employees.

    With --output, an export that was broken off goes on where it was when the same command is given again:
    OUTPUT.cursor remembers the place. Exit codes: 0 all is there, 1 Kombo refused or failed, 2 wrong use.
    """
    try:
        export = Export.of(**options)
        raise SystemExit(anyio.run(export.run))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@attrs.define(kw_only=True)
class Export:
    """An export as its options describe it."""

    request: Request[Page[Any]]
    item: Any
    """The class of its records."""
    output: Path | None
    kind: str
    as_json: bool
    client: tuple[str | None, str | None, str | None]
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
        """The export that these options describe. Raises `ValueError` or `UsageError` for wrong ones."""
        namespace, _, name = model.partition(".")
        wanted: Any = request_class(model if name.startswith("get_") else f"{namespace}.get_{name}")
        if not wanted.operation.paged:
            raise click.UsageError(f"{model} is no list that comes in pages")
        if as_json and output is None:
            raise click.UsageError("--json needs --output, since stdout has the records")
        fields: dict[str, Any] = {"page_size": page_size}
        fields |= {"updated_after": updated_after} if updated_after else {}
        fields |= {"include_deleted": True} if include_deleted else {}
        fields |= {"cursor": cursor} if cursor else {}
        for each in filters:
            key, _, value = each.partition("=")
            fields[key] = _filter_value(wanted, key, value)
        known = {key: value for key, value in fields.items() if key != "page_size" or key in wanted.operation.query}
        return cls(
            request=wanted.from_dict(known),
            item=get_args(answer_type(wanted))[0],
            output=output,
            kind=kind or ("csv" if output is not None and output.suffix.lower() == ".csv" else "jsonl"),
            as_json=as_json,
            client=(integration_id, base_url, region),
        )

    @property
    def place(self) -> Path | None:
        """The file that remembers how far it is."""
        return None if self.output is None else self.output.with_name(f"{self.output.name}.cursor")

    async def run(self) -> int:
        """Export; gives the exit code."""
        integration_id, base_url, region = self.client
        offset = self._resume()
        with _opened(self.output, offset) as file, progress(None, as_json=self.as_json) as shown:
            if not offset and self.kind == "csv":
                csv.writer(file).writerow(field_names(self.item))
            async with make_client(integration_id, base_url, region, retry=RetryPolicy(attempts=6)) as kombo:
                try:
                    await self._copy(Pages(kombo.send, self.request), file, shown)
                except KomboError as failure:
                    self._print_failure(failure)
                    return 1
        if self.place is not None:
            self.place.unlink(missing_ok=True)
        shown.event("summary", {"records": self.records})
        click.echo(f"{self.records:,} records", err=True)
        return 0

    async def _copy(self, pages: Pages[Any], file: Any, shown: Progress) -> None:
        async for page in pages.pages():
            for record in page.results:
                self._write(file, to_dict(record))
            file.flush()
            self.records += len(page.results)
            self.cursor = page.next
            self._remember(file)
            shown.at(self.records, f"{self.records:,} records")

    def _write(self, file: Any, record: dict[str, Any]) -> None:
        if self.kind == "csv":
            csv.writer(file).writerow([_cell(record.get(name)) for name in field_names(self.item)])
        else:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def _remember(self, file: Any) -> None:
        """Write down where to go on, once what comes before is safely in the file."""
        if self.place is None or self.cursor is None:
            return
        os.fsync(file.fileno())
        state = {"request": self._question(), "cursor": self.cursor, "offset": file.tell(), "records": self.records}
        new = self.place.with_name(f"{self.place.name}.new")
        new.write_text(json.dumps(state), encoding="utf-8")
        new.replace(self.place)

    def _resume(self) -> int:
        """Take up an export that was broken off; gives the length of what is in the output already."""
        if self.place is None or self.output is None or not self.place.exists() or not self.output.exists():
            return 0
        state = json.loads(self.place.read_text(encoding="utf-8"))
        if state["request"] != self._question():
            raise ValueError(f"{self.place} is of another export; delete it to begin anew")
        self.request = attrs.evolve(cast("Any", self.request), cursor=state["cursor"])
        self.records = state["records"]
        click.echo(f"going on after {self.records:,} records", err=True)
        return int(state["offset"])

    def _question(self) -> str:
        """What is exported and from where, without the place in it."""
        fields = {name: value for name, value in to_dict(self.request).items() if name != "cursor"}
        return json.dumps([self.request.operation.id, fields, self.kind, *self.client], sort_keys=True)

    def _print_failure(self, failure: KomboError) -> None:
        click.echo(f"broken off after {self.records:,} records: {failure}", err=True)
        if self.place is not None:
            click.echo("the same command goes on from there", err=True)
        elif failure.cursor:
            click.echo(f"to go on from there: --cursor {failure.cursor}", err=True)


def _opened(path: Path | None, offset: int) -> Any:
    if path is None:
        return io.TextIOWrapper(os.fdopen(os.dup(sys.stdout.fileno()), "wb"), encoding="utf-8", newline="")
    file = path.open("r+" if offset else "w", encoding="utf-8", newline="")
    file.seek(offset)
    file.truncate()
    return file


def _filter_value(request: Any, name: str, value: str) -> Any:
    from kombo_async._cli.columns import fields_of

    convert = fields_of(request).get(name)
    if convert is None:
        raise click.UsageError(
            f"--filter {name}: there is no such filter; there are {', '.join(request.operation.query)}"
        )
    return convert(value.replace(",", "|"))


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
