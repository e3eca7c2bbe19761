"""A PostgreSQL server of the tests' own, on a free port, with its data in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest


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


@contextmanager
def postgres_server(*settings: str) -> Iterator[str]:
    """Run a server; gives the address of its database. It never runs as root, which it refuses."""
    programs = _programs()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="kombo-postgres-") as folder:
        data = Path(folder) / "data"
        user = _other_user() if os.geteuid() == 0 else None
        Path(folder).chmod(0o711)
        data.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(data, user.pw_uid, user.pw_gid)
        run_as = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        command = [programs / "initdb", "-D", data, "-A", "trust", "-U", "kombo", "--no-sync", "-E", "UTF8"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **run_as)  # type: ignore[call-overload]
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", *settings]
        command = [programs / "postgres", "-D", data, "-p", str(port)]
        for option in options:
            command += ["-c", option]
        server = subprocess.Popen(  # type: ignore[call-overload]
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **run_as
        )
        try:
            _wait_for(port, server)
            yield f"postgresql://kombo@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(timeout=20)


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
                connection.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")  # asks for TLS: an answer means that it listens
                if connection.recv(1):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("the PostgreSQL server did not start")
