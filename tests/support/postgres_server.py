"""A PostgreSQL server of the tests' own, on a free port, with its data in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

_PARAMETERS = b"user\0kombo\0database\0postgres\0\0"
_HELLO = (len(_PARAMETERS) + 8).to_bytes(4, "big") + (3 << 16).to_bytes(4, "big") + _PARAMETERS
"""The first message of a client."""


@cache
def _programs() -> Path | None:
    """The folder with the server's programs, from the path or where Debian puts them."""
    found = shutil.which("postgres")
    if found is not None and (Path(found).resolve().parent / "initdb").exists():
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


needs_postgres = pytest.mark.skipif(
    _programs() is None, reason="needs a PostgreSQL server (apt-get install postgresql)"
)


class PostgresServer:
    """A server that can be stopped and started again. It never runs as root, which it refuses."""

    def __init__(self, folder: Path, *settings: str) -> None:
        programs = _programs()
        assert programs is not None
        data = folder / "data"
        user = _other_user() if os.geteuid() == 0 else None
        folder.chmod(0o711)
        data.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(data, user.pw_uid, user.pw_gid)
        self._run_as = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        command = [programs / "initdb", "-D", data, "-A", "trust", "-U", "kombo", "--no-sync", "-E", "UTF8"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._run_as)  # type: ignore[call-overload]
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = listener.getsockname()[1]
        options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", *settings]
        self._command = [programs / "postgres", "-D", data, "-p", str(self._port)]
        for option in options:
            self._command += ["-c", option]
        self._server: subprocess.Popen[bytes] | None = None
        self.address = f"postgresql://kombo@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._server = subprocess.Popen(  # type: ignore[call-overload]
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self._run_as
        )
        assert self._server is not None
        _wait_for(self._port, self._server)

    def stop(self) -> None:
        """End it at once, with all connections."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(timeout=20)
            self._server = None


@contextmanager
def postgres(*settings: str) -> Iterator[PostgresServer]:
    """Run a server."""
    with tempfile.TemporaryDirectory(prefix="kombo-postgres-") as folder:
        server = PostgresServer(Path(folder), *settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def postgres_server(*settings: str) -> Iterator[str]:
    """Run a server; gives the address of its database."""
    with postgres(*settings) as server:
        yield server.address


def _other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(1000):
        assert server.poll() is None, "the PostgreSQL server did not start"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(_HELLO)
                if connection.recv(1) == b"R":  # it lets us in; while it is starting up, it answers with an error
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("the PostgreSQL server did not start")
