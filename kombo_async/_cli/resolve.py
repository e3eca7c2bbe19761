"""`kombo-async resolve`: show what is in doubt, and settle it by hand."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import anyio
import click

from kombo_async._cli.console import echo
from kombo_async.bulk import JournalError
from kombo_async.bulk.resolve import Doubt, Doubts, UnknownDoubt, open_doubts


def _found(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = [tuple(value.rpartition("=")[::2]) for value in values]
    if any(not key.strip() or not id.strip() for key, id in pairs):
        raise click.BadParameter("must be KEY=ID: the row's key, and the ID of the created record")
    return [(key.strip(), id.strip()) for key, id in pairs]


@click.command()
@click.argument("journal")
@click.option("--found", multiple=True, callback=_found, metavar="KEY=ID", help="It was created, with this ID.")
@click.option("--send-again", multiple=True, metavar="KEY", help="It was not created: send it in the next run.")
@click.option("--give-up", multiple=True, metavar="KEY", help="Give up: never send it again.")
@click.option("--job", help="For a journal in Redis: the job= that the workers use.")
@click.option("--json", "as_json", is_flag=True, help="Print what is in doubt as JSON, one row per line.")
@click.option("--ask/--no-ask", default=None, help="Go through the rows one by one; the default on a terminal.")
def command(
    journal: str,
    found: list[tuple[str, str]],
    send_again: tuple[str, ...],
    give_up: tuple[str, ...],
    job: str | None,
    as_json: bool,
    ask: bool | None,
) -> None:
    """Show the rows of JOURNAL that are in doubt, and settle them by hand.

    JOURNAL is a file or a Redis URL. Look in the connected system, then say what you found. The beginning of a KEY is
    enough unless it is one of your own.

    Exit codes: 0 nothing is in doubt any more, 2 usage error, 3 some rows still are.
    """
    if Path(journal).is_dir():
        raise click.UsageError(f"{journal}: is a folder; pass the journal in it")
    told = [*found, *((key, None) for key in send_again), *((key, None) for key in give_up)]
    is_asking = sys.stdin.isatty() and sys.stdout.isatty() and not (told or as_json) if ask is None else ask

    async def run() -> int:
        async with open_doubts(journal, job=job) as doubts:
            for key, id in found:
                _say("done", await doubts.found(key, id))
            for key in send_again:
                _say("will be sent again by the next run", await doubts.send_again(key))
            for key in give_up:
                _say("given up", await doubts.give_up(key))
            left = [doubt async for doubt in doubts]
            if is_asking:
                await _ask(doubts, left)
                left = [doubt async for doubt in doubts]
            elif as_json:
                for doubt in left:
                    echo(_plain(doubt))
            else:
                _show(left, journal)
        return 3 if left else 0

    try:
        code = anyio.run(run)
    except (JournalError, UnknownDoubt, ValueError) as error:
        raise click.UsageError(str(error)) from None
    raise SystemExit(code)


def _show(doubts: list[Doubt], journal: str) -> None:
    if not doubts:
        echo("Nothing is in doubt.")
        return
    for doubt in doubts:
        _describe(doubt)
    echo(f"{len(doubts):,} in doubt. Look in the connected system, then say what you found:")
    key = shlex.quote(doubts[0].short_key)
    echo(f"  kombo-async resolve {shlex.quote(journal)} --found {key}=ID | --send-again {key} | --give-up {key}")


def _describe(doubt: Doubt) -> None:
    row = f"row {doubt.row}: " if doubt.row else ""
    echo(f"{doubt.short_key}  {row}{doubt.about or doubt.row_key.kind}")
    where = f" for {doubt.integration_id}" if doubt.integration_id else ""
    if doubt.sent is not None:
        echo(f"  sent {doubt.sent:%Y-%m-%d %H:%M:%S} UTC{where}")
    echo(f"  {doubt.why}")
    for match in doubt.found:
        ids = ", ".join(f"{name} {id}" for name, id in match.ids.items())
        made = f", created {match.created:%Y-%m-%d %H:%M:%S} UTC" if match.created else ""
        echo(f"  found {ids}{made}: {match.why}")
        if match.url:
            echo(f"    {match.url}")
    if doubt.log_url:
        echo(f"  log: {doubt.log_url}")


async def _ask(doubts: Doubts, left: list[Doubt]) -> None:
    if not left:
        echo("Nothing is in doubt.")
    for number, doubt in enumerate(left, 1):
        echo("")
        echo(f"{number} of {len(left)}")
        _describe(doubt)
        while True:
            answer = click.prompt(
                "[f]ound, [s]end again, [g]ive up, [l]ater, [q]uit", default="l", show_default=False
            ).strip()
            if answer in ("l", "q"):
                break
            try:
                if answer == "f":
                    _say("done", await doubts.found(doubt, click.prompt("ID of the created record")))
                elif answer == "s":
                    _say("will be sent again by the next run", await doubts.send_again(doubt))
                elif answer == "g":
                    _say("given up", await doubts.give_up(doubt))
                else:
                    continue
                break
            except ValueError as error:
                echo(str(error))
        if answer == "q":
            return


def _say(what: str, doubt: Doubt) -> None:
    echo(f"{doubt.short_key}: {what}")


def _plain(doubt: Doubt) -> dict[str, Any]:
    return {
        "key": doubt.key,
        "row": doubt.row,
        "about": doubt.about,
        "integration_id": doubt.integration_id,
        "sent": doubt.sent.isoformat() if doubt.sent else None,
        "why": doubt.why,
        "log_url": doubt.log_url,
        "found": [
            {
                "ids": dict(each.ids),
                "created": each.created and each.created.isoformat(),
                "url": each.url,
                "why": each.why,
            }
            for each in doubt.found
        ],
    }
