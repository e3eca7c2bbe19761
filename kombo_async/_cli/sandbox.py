"""`kombo-async sandbox`: a local Kombo over HTTP."""

from __future__ import annotations

import errno
import re
from datetime import UTC, datetime
from typing import Any

import anyio
import click

from kombo_async.sandbox import API_KEY, Sandbox, serve


def _sizes(command: Any) -> Any:
    """The options for the number of records."""
    for name, count in (("orders", 10), ("courses", 10), ("jobs", 10), ("candidates", 20), ("employees", 50)):
        text = f"How many {name} each integration starts with."
        command = click.option(f"--{name}", default=count, show_default=True, help=text)(command)
    return command


def _pair(_: click.Context, option: click.Parameter, value: str | None) -> Any:
    """Seconds, or two comma-separated numbers."""
    if value is None:
        return None
    try:
        numbers = [float(part) for part in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"must be a number or two, such as 2 or 2,30, not {value!r}", param=option) from None
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def _key(_: click.Context, __: click.Parameter, value: str) -> str:
    """A key that can be sent in a header and pasted into a shell."""
    if not re.fullmatch(r"[!-~]+", value):
        raise click.BadParameter("must be non-empty ASCII without spaces")
    return value


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8420,
    show_default=True,
    help="The port on 127.0.0.1; 0 picks a free one.",
)
@click.option("--seed", default=1, show_default=True, help="Seed; a different number generates different records.")
@_sizes
@click.option(
    "--api-key", callback=_key, default=API_KEY, show_default=True, help="The API key that callers must send."
)
@click.option("--integrations/--no-integrations", default=True, help="Start with integrations, or with none.")
@click.option("--latency", callback=_pair, help="Seconds that actions take: 2, or median and 95th percentile (2,30).")
@click.option("--read-latency", callback=_pair, help="Seconds that everything else takes.")
@click.option("--actions-at-once", type=int, help="How many actions may be in flight per integration.")
@click.option("--rate-limit", callback=_pair, help="Requests and seconds: 300,60 allows 300 requests per minute.")
@click.option("--allow-duplicates", is_flag=True, help="Accept a second application by a person for a job.")
@click.option("--start", type=click.DateTime(), help="When the clock starts, in UTC (default: now).")
@click.option("--copy-lag", type=float, help="Seconds until lists show changes.")
@click.option("--write-through", is_flag=True, help="With --copy-lag: show what actions did at once.")
@click.option("--strict", is_flag=True, help="Refuse unknown parameters and fields instead of noting them.")
@click.option("--scene", multiple=True, metavar="NAME[:SETTING=VALUE,...]", help="Start with a scene; may be repeated.")
@click.option("--host", "hosts", multiple=True, help="Another host name that requests may use.")
@click.option("--state", type=click.Path(dir_okay=False), help="Keep the state in this SQLite file.")
def command(port: int, start: datetime | None, **settings: Any) -> None:
    """Run a sandbox: a local Kombo to develop and test against. Press Ctrl-C to stop it.

    Scenes: first-sync, job-closes, outage, slow-system, smaller-limit, becomes-inactive, candidate-exists,
    lagging-copy, webhooks-late, webhooks-twice, webhooks-out-of-order.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        sandbox = Sandbox(start=None if start is None else start.replace(tzinfo=UTC), **given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        anyio.run(_serve, sandbox, port)
    except KeyboardInterrupt:
        click.echo("sandbox closed")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise click.UsageError(
            f"port {port} is in use; choose another with --port, or 0 for any that is free"
        ) from None


async def _serve(sandbox: Sandbox, port: int) -> None:
    async with serve(sandbox, port=port) as url:
        click.echo(f"Kombo sandbox; open it in a browser: {url.removesuffix('/v1')}/\n")
        click.echo(f"export KOMBO_BASE_URL={url}")
        click.echo(f"export KOMBO_API_KEY={sandbox.api_key}")
        first, *others = [*sandbox.integrations] or ["none"]
        click.echo(f"export KOMBO_INTEGRATION_ID={first}")
        click.echo("\nOther integrations, for --integration:")
        for integration_id in others:
            click.echo(f"  {integration_id}")
        await anyio.sleep_forever()
