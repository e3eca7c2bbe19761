"""`kombo-async sandbox`: Kombo on this machine, over HTTP."""

from __future__ import annotations

from pathlib import Path

import anyio
import click

from kombo_async.sandbox import Sandbox, serve


@click.command()
@click.option("--port", default=8420, show_default=True, help="Where to listen on 127.0.0.1; 0 picks a free port.")
@click.option("--seed", default=1, show_default=True, help="Other numbers give other people and companies.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="Keep the state in this SQLite file.")
def command(port: int, seed: int, state: Path | None) -> None:
    """Serve a sandbox: Kombo on this machine, to develop and test against. Ctrl-C ends it."""
    try:
        anyio.run(_serve, port, seed, state)
    except KeyboardInterrupt:
        click.echo("sandbox closed")


async def _serve(port: int, seed: int, state: Path | None) -> None:
    sandbox = Sandbox(seed=seed, state=str(state) if state else None)
    async with serve(sandbox, port=port) as url:
        click.echo(f"Kombo sandbox; look at it in a browser: {url.removesuffix('/v1')}/\n")
        click.echo(f"export KOMBO_BASE_URL={url}")
        click.echo(f"export KOMBO_API_KEY={sandbox.api_key}")
        first, *others = sandbox.integrations
        click.echo(f"export KOMBO_INTEGRATION_ID={first}")
        click.echo("\nOther integrations, for --integration:")
        for integration_id in others:
            click.echo(f"  {integration_id}")
        await anyio.sleep_forever()
