"""`kombo-async upload`: the rows of a file into a customer's system, each exactly once."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import attrs
import click

from kombo_async._cli.client import Connection, client_options
from kombo_async._cli.columns import MappingError
from kombo_async._cli.console import PROBLEMS, WRONG_USE, note
from kombo_async._cli.durations import DurationType
from kombo_async._cli.inputs import InputOptions, load_mapping
from kombo_async._cli.reading.source import Source, is_pipe, open_source
from kombo_async._cli.reading.table import TableError
from kombo_async._cli.upload_job import Job
from kombo_async._machine_faults import machine_fault
from kombo_async.bulk import JournalError


def _pairs(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in values:
        name, _, value = map(str.strip, text.rpartition("=") if parameter.name == "mapping" else text.partition("="))
        if not name or not value:
            raise click.BadParameter(f"{text!r} is not of the form {parameter.metavar}")
        if pairs.setdefault(name, value) != value:
            raise click.BadParameter(f"{name!r} is given twice")
    return pairs


_PATH = click.Path(path_type=Path)


def _is_full(error: JournalError) -> bool:
    """Whether the journal lacks space on the disk."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return cause.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return machine_fault(cause) is not None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("input", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--operation", help="The operation to run for each row.  [default: ats.create_application]")
@click.option(
    "--map", "mapping", multiple=True, callback=_pairs, metavar="COLUMN=FIELD", help="Map a column to a field."
)
@click.option(
    "--set", "constants", multiple=True, callback=_pairs, metavar="FIELD=VALUE", help="Set a field for all rows."
)
@click.option("--mapping", "mapping_file", type=_PATH, help="A mapping saved with --save-mapping.")
@click.option("--save-mapping", type=_PATH, help="Save the column mapping to this file (with --dry-run).")
@click.option("--job-column", metavar="COLUMN", help="The column of the job: Kombo's ID, remote:ID or unique name.")
@click.option("--integration-column", metavar="COLUMN", help="The column of each row's integration.")
@click.option("--key", metavar="COLUMN", help="The column that identifies a row (default: person and job).")
@click.option("--files-from", type=_PATH, metavar="DIR", help="The folder of the files (default: INPUT's).")
@click.option("--allow-any-file", is_flag=True, help="Allow files outside that folder.")
@click.option("--encoding", help="The CSV's encoding (default: detected).")
@click.option("--delimiter", help="The CSV's delimiter: one character, or tab (default: detected).")
@click.option("--sheet", help="The Excel sheet (default: the first).")
@click.option("--decimal", metavar=", or .", help="The decimal mark of numbers.")
@click.option("--date-format", metavar="FORM", help="The date format, e.g. DD.MM.YYYY (default: ISO).")
@click.option("--empty", metavar="TEXT", help="Texts that mean an empty cell, e.g. '-' or '-|NULL'.")
@click.option("--dry-run", is_flag=True, help="Check every row, send nothing.")
@click.option("--report", "report_path", type=_PATH, help="A .html for people, or a .csv or .jsonl with all rows.")
@click.option("--journal", type=_PATH, help="The journal of what was done (default: next to INPUT).")
@click.option("--limit", type=click.IntRange(1), help="Only the first N rows.")
@click.option("--concurrency", type=click.IntRange(1, 10_000), help="Rows in progress at once (default: 100).")
@click.option("--retry-refused", is_flag=True, help="Send again what Kombo refused in an earlier run.")
@click.option(
    "--keep-trying", type=DurationType(), metavar="30m", help="How long to keep trying while nothing succeeds."
)
@click.option(
    "--resend-after",
    type=DurationType(),
    metavar="24h",
    help="Resend a row in doubt if it is still missing this long after it was sent.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON events to stdout, one per line.")
@client_options
def command(
    input: Path,
    mapping: dict[str, str],
    constants: dict[str, str],
    mapping_file: Path | None,
    integration_id: str | None,
    base_url: str | None,
    region: str | None,
    **given: Any,
) -> None:
    """Upload the rows of INPUT, each exactly once.

    INPUT is a .csv, .tsv, .xlsx, .json or .jsonl, or - for a pipe. Stop it at any time and run the
    same command again: rows that are done are not sent again.

    Exit codes: 0 all done, 1 some refused or not sent, 2 usage error, 3 some in doubt,
    130 and 143 stopped by Ctrl-C or SIGTERM.
    """
    source: Source | None = None
    try:
        if is_pipe(input) and given["journal"] is None and not given["dry_run"]:  # before waiting for its content
            raise click.UsageError("INPUT is a pipe: pass --journal FILE to record what was done")
        saved = load_mapping(mapping_file)
        options = InputOptions.of(given, saved, mapping=mapping, constants=constants)
        source = open_source(input)
        job = Job(
            source=source,
            options=options,
            connection=Connection(integration_id, base_url, region),
            mapping_file=mapping_file,
            given=given,
            **{field.name: given[field.name] for field in attrs.fields(Job) if field.name in given},
        )
        code = job.run()
    except (TableError, MappingError) as error:
        text = str(error)
        raise click.UsageError(text if text.startswith("--") else f"{input}: {text}") from None
    except JournalError as error:
        note(f"Error: {error}")
        code = PROBLEMS if _is_full(error) else WRONG_USE
    finally:
        if source is not None:
            source.close()
    raise SystemExit(code)
