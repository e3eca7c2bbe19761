"""Run the command in a forked process: like the installed script, without the time for imports."""

from __future__ import annotations

import os

from kombo_async._cli.__main__ import main


def run_command(arguments: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> None:
    """Run `kombo-async` in *folder*, with its output in files, and end the process."""
    for number, path in ((1, out), (2, err)):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(folder)
    os.environ.update(environment)
    for name in [name for name, value in environment.items() if not value]:
        del os.environ[name]
    main(arguments)
