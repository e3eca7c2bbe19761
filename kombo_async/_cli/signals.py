"""Ctrl-C and SIGTERM, handled the same way on every platform (event loops on Windows have no signal handlers)."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import anyio
import attrs

POLL = 0.1
"""Seconds until a signal is noticed, at most."""
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


@attrs.define
class StopSignals:
    """How often the process was asked to stop, and how."""

    count: int = 0
    number: int = 0
    """The first signal."""

    @property
    def exit_code(self) -> int:
        """The exit code that a shell expects after a signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number

    async def wait(self, count: int) -> None:
        """Wait for that many signals."""
        while self.count < count:  # noqa: ASYNC110 (a signal handler cannot set an event of the loop)
            await anyio.sleep(POLL)


@contextmanager
def stop_signals() -> Generator[StopSignals]:
    """Count signals instead of dying from them, while the block runs in the main thread."""
    heard = StopSignals()

    def handle(number: int, _: FrameType | None) -> None:
        heard.count += 1
        heard.number = heard.number or number

    before: dict[int, Any] = {}
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves SIGHUP
            before[number] = signal.signal(number, handle)
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
