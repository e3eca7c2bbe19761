"""`kombo-async demo`: the main job from end to end, over real HTTP against an embedded sandbox."""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import click
from rich.console import Console

from kombo_async._cli.demo.people import make_candidates
from kombo_async._cli.demo.upload import run
from kombo_async.sandbox import Sandbox, serve

OLDER, NEWER = "greenhouse:demo-older-contract", "lever:demo-newer-contract"


def _seconds(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    if not 0 <= value <= 3600:
        raise click.BadParameter(f"{value} is not between 0 and 3600")
    return value


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--candidates", default=500, type=click.IntRange(1), show_default=True, help="How many to upload.")
@click.option("--seed", default=1, show_default=True, help="Seed; a different number generates different people.")
@click.option(
    "--sync-seconds", default=3.0, callback=_seconds, show_default=True, help="How long the first syncs take."
)
@click.option("--verbose", is_flag=True, help="Show the client's log.")
def command(candidates: int, seed: int, sync_seconds: float, verbose: bool) -> None:
    """Upload candidates with CVs to an embedded sandbox that first answers "no sync yet", and check the result.

    Exits with 0 only if every candidate arrived exactly once, with a byte-identical CV.
    """
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
    with TemporaryDirectory(prefix="kombo-demo-") as folder:
        arrived = anyio.run(_demo, Path(folder), candidates, seed, sync_seconds)
    raise SystemExit(0 if arrived else 1)


async def _demo(folder: Path, count: int, seed: int, sync_seconds: float) -> bool:
    console = Console(stderr=False)
    table, size = make_candidates(folder, count, seed)
    console.print(f"Generated {count} candidates with CVs, {size / 1e6:.1f} MB of them")
    sandbox = Sandbox(seed=seed, candidates=0)
    sandbox.add_integration(OLDER, sync_pending=sync_seconds, sync_status=503)
    sandbox.add_integration(NEWER, sync_pending=sync_seconds * 1.5, sync_status=409)
    async with serve(sandbox) as url:
        console.print(f"Sandbox at {url}: both integrations still answer that no sync has finished (503 and 409)")
        return await run(console, url, sandbox.api_key, (OLDER, NEWER), table)
