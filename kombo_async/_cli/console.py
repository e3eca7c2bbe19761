"""Terminal output: text for any console, logs as KOMBO_LOG says, one line for each ordinary error."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper

import click

from kombo_async._machine_faults import MACHINE
from kombo_async.errors import ConfigurationError

DONE, PROBLEMS, WRONG_USE, IN_DOUBT = 0, 1, 2, 3
"""Exit codes: success; something was refused or failed; usage error, nothing was sent; something is in doubt."""
INTERRUPTED = 130
BROKEN_PIPE = 141


def prepare_console() -> None:
    """Print characters outside the console's encoding as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def prepare_logs() -> None:
    """Log to stderr at the level that KOMBO_LOG names; by default log nothing, since commands report failures."""
    logger = logging.getLogger("kombo_async")
    name = os.environ.get("KOMBO_LOG", "").strip().upper()
    if not name:
        logger.addHandler(logging.NullHandler())
        return
    level = logging.getLevelNamesMapping().get(name)
    if level is None:
        raise click.UsageError(f"KOMBO_LOG={name.lower()}: must be debug, info, warning or error")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)


def run(command: Callable[[], object]) -> int:
    """Run a command and return its exit code. Ordinary errors are one line on stderr."""
    try:
        prepare_console()
        prepare_logs()
        code = command()
        sys.stdout.flush()
    except BaseException as error:
        return _exit_code(_cause(error))
    return code if isinstance(code, int) else DONE


def _cause(error: BaseException) -> BaseException:
    """The first exception inside nested groups."""
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _cause(inner[0]) if inner else error


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else DONE if error.code is None else PROBLEMS
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        _say("stopped")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        _say(" ".join(error.format_message().split("\n")) + _help_of(error))
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        drop_stdout()
        return BROKEN_PIPE
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        _say(f"{name}{error.strerror or error}")
        return PROBLEMS if error.errno in MACHINE else WRONG_USE
    if isinstance(error, ConfigurationError):
        _say(str(error))
        return WRONG_USE
    if isinstance(error, sqlite3.OperationalError):
        _say(str(error))
        return PROBLEMS
    raise error


def _help_of(error: click.ClickException) -> str:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f" ({error.ctx.command_path} -h shows the options)"
    return ""


def _say(line: str) -> None:
    with suppress(OSError):
        click.echo(f"Error: {line}" if line != "stopped" else "\nStopped.", err=True)


def drop_stdout() -> None:
    """Discard further output: the reader has gone away."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
