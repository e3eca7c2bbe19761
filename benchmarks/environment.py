"""The virtual environments that the benchmarks run in: the core install alone, and one with the peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
PEERS = ("aiohttp", "httpx-aiohttp", "httpx2", "kombo")
SHOWN = ("httpx", "httpcore", "msgspec", "attrs", "anyio", "aiohttp", "httpx-aiohttp", "httpx2", "kombo")


def folder() -> Path:
    """Where they are kept from one run to the next."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "kombo_async-benchmarks" / f"{sys.version_info.major}.{sys.version_info.minor}"


def prepare(name: str, extras: tuple[str, ...] = ()) -> Path:
    """The interpreter of the environment *name*, in which this project is installed anew, and *extras* are."""
    home = folder() / name
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
    _pip(python, "install", str(ROOT), *extras)
    _pip(python, "install", "--force-reinstall", "--no-deps", str(ROOT))
    return python


def versions(python: Path) -> dict[str, str]:
    """The versions of what is measured, by package."""
    shown = "import json; from importlib.metadata import version; print(json.dumps({n: version(n) for n in %r}))"
    output = subprocess.run([python, "-c", shown % (SHOWN,)], check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = json.loads(output)
    return found


def run_quietly(python: Path, *command: object) -> None:
    """Run a script for what it writes."""
    subprocess.run([python, *map(str, command)], check=True, cwd=folder())


def _pip(python: Path, *args: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    # Byte code is compiled at the installation, as for any user.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([python, "-m", "pip", *args, *quiet], check=True, env=environment)
