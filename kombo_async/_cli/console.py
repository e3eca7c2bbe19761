"""Terminal output: text for any console, logs as KOMBO_LOG says, one line for each ordinary error."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import click

from kombo_async._cli.shown import printable
from kombo_async._machine_faults import MACHINE
from kombo_async.errors import ConfigurationError

DONE, PROBLEMS, WRONG_USE, IN_DOUBT = 0, 1, 2, 3
"""Exit codes: success; something was refused or failed; usage error, nothing was sent; something is in doubt."""
INTERRUPTED = 130
BROKEN_PIPE = 141


def prepare_console() -> None:
    """Print characters outside the console's encoding as escapes instead of failing; replace closed streams."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # `>&-`; otherwise the next file to be opened would take its number
            mode, flag = ("r", os.O_RDONLY) if name == "stdin" else ("w", os.O_WRONLY)
            setattr(sys, name, os.fdopen(os.open(os.devnull, flag), mode, encoding="utf-8"))
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
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return WRONG_USE
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
    return _unexpected(error)


def _unexpected(error: BaseException) -> int:
    """Report a bug: where it is, but not its message, which might contain personal data."""
    if os.environ.get("KOMBO_LOG", "").strip().lower() == "debug":
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "kombo_async" in frame.filename] or frames
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    _say(f"unexpected {type(error).__name__}{place}; please report it. KOMBO_LOG=debug shows more")
    return PROBLEMS


def _help_of(error: click.ClickException) -> str:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f" ({error.ctx.command_path} -h shows the options)"
    return ""


def _say(line: str) -> None:
    with suppress(OSError):
        if line == "stopped":
            click.echo(err=True)
        note(f"Error: {line}" if line != "stopped" else "Stopped.")


def echo(line: str | dict[str, Any]) -> None:
    """Print a line, or an object as JSON in ASCII, on stdout. That nobody reads it any more stops no upload."""
    try:
        click.echo(printable(line) if isinstance(line, str) else json.dumps(line))
    except BrokenPipeError:
        drop_stdout()


def note(line: str) -> None:
    """Print a line on stderr."""
    click.echo(printable(line), err=True)


def drop_stdout() -> None:
    """Discard further output: the reader has gone away."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
