"""Where Kombo's official clients are installed for the tests: out of the project, once for each version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PYTHON_CLIENT = "kombo==1.4.0"
NPM_PACKAGES = ("@kombo-api/sdk@1.1.3", "@kombo-api/connect@1.3.0")
PATIENCE = 180
"""Seconds that an installation may take."""


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kombo_async-tests"


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode:
        pytest.skip(f"cannot install Kombo's official client ({' '.join(command[-2:])}): {done.stderr[-300:]}")


@cache
def python_with_client() -> str:
    """A Python that has the official client, in an environment of its own."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = _cache() / f"{PYTHON_CLIENT.replace('==', '-')}-py{version}"
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", PYTHON_CLIENT)
        (folder / "done").touch()
    return str(python)


@cache
def npm_folder() -> Path:
    """A folder in whose `node_modules` the official packages are."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node.js and npm: apt-get install nodejs npm")
    folder = _cache() / "npm-{}".format("-".join(name.rpartition("@")[2] for name in NPM_PACKAGES))
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        _run("npm", "install", "--silent", "--no-audit", "--no-fund", *NPM_PACKAGES, cwd=folder)
        (folder / "done").touch()
    return folder
