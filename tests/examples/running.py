"""Examples as processes of their own, beside a sandbox that is served in this one."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
from anyio import to_thread

from kombo_async.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
WEBHOOK_SECRET = "whsec-example"


def documented(begin: str) -> list[str]:
    """The command in the README of the examples that begins so, to be run by this Python."""
    (line,) = re.findall(rf"^{re.escape(begin)}[^#\n]*", (ROOT / "examples" / "README.md").read_text(), re.MULTILINE)
    program, *arguments = shlex.split(line)
    return [sys.executable, *arguments] if program == "python" else [sys.executable, "-m", program, *arguments]


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment(sandbox: Sandbox, url: str, integration_id: str, **more: str) -> dict[str, str]:
    """The environment that an example is started in."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("KOMBO_")}
    return {
        **outer,
        "PYTHONPATH": str(ROOT),
        "KOMBO_API_KEY": sandbox.api_key,
        "KOMBO_BASE_URL": url,
        "KOMBO_INTEGRATION_ID": integration_id,
        "KOMBO_WEBHOOK_SECRET": WEBHOOK_SECRET,
        **more,
    }


def start(command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start *command* in the project's folder."""
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def end(process: subprocess.Popen[bytes]) -> str:
    """End *process* as Ctrl-C's bigger sister does (SIGTERM); gives what it has printed.

    An aiohttp server waits up to 10 seconds for the rest of a body that it refused, even from a client that has left.
    """
    process.terminate()
    try:
        printed, _ = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, _ = process.communicate(timeout=10)
        return f"{printed.decode()}\nTraceback: it did not end by SIGTERM"
    return printed.decode()


@asynccontextmanager
async def web_app(
    command: list[str], env: dict[str, str], sandbox: Sandbox, port: int, ready: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app that *command* starts, once GET *ready* answers well; the sandbox sends it its webhooks."""
    process = start(command, env)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
            await until(lambda: answers(client, ready, process), seconds=20)
            sandbox.webhooks.add(f"http://127.0.0.1:{port}/webhooks/kombo", secret=WEBHOOK_SECRET)
            yield client
    finally:
        with anyio.CancelScope(shield=True):
            printed = await to_thread.run_sync(end, process)
        sys.stdout.write(printed)  # shown where the test fails
    assert "Traceback" not in printed, printed


async def answers(client: httpx.AsyncClient, path: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether GET *path* answers 200."""
    if process.poll() is not None:
        raise AssertionError(f"it ended by itself, with {process.returncode}")
    try:
        return (await client.get(path)).status_code == 200
    except httpx.TransportError:
        return False


async def until(what: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    """Wait until *what* is so."""
    with anyio.fail_after(seconds):
        while not await what():  # noqa: ASYNC110 - another process has no event to wait for
            await anyio.sleep(0.05)
