"""A Redis server of the tests' own, on a free port, with files in a folder of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server (Debian's package)")


@contextmanager
def redis_server(*settings: str) -> Iterator[str]:
    """Run a server; gives its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        *settings,
    ]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--dir", folder, *([] if "--appendonly" in settings else ["--appendonly", "yes"])]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(timeout=10)


def _wait_for(port: int) -> None:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError("the Redis server did not start")
