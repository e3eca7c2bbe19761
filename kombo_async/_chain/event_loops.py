"""A client's chain in the event loop that uses it: connections and limits belong to one event loop each.

In a second event loop (another `asyncio.run`, a forked worker) the client begins with new ones. While the first is at
work, in another thread, calls are refused before anything is sent.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import attrs

from kombo_async._chain.auth import not_to_be_copied
from kombo_async.middleware import Call, Next
from kombo_async.response import Response


@attrs.define(eq=False)
class _InLoop:
    """The chain in one event loop of one process."""

    loop: Any
    process: int
    chain: Next
    under_way: int = 0
    """Calls that have begun and not ended."""


class PerEventLoop:
    """Sends calls through a chain of their own event loop.

    Args:
        make: Makes the chain.
        move: Is told before another event loop takes over; it may refuse by `RuntimeError`.
    """

    def __init__(self, make: Callable[[], Next], move: Callable[[], None]) -> None:
        self._make = make
        self._move = move
        self._lock = threading.Lock()
        self._used: _InLoop | None = None
        self._chain: Next | None = None

    def __repr__(self) -> str:
        return "PerEventLoop(...)"

    def __reduce__(self) -> NoReturn:
        not_to_be_copied()

    @property
    def chain(self) -> Next:
        """The chain as it is now."""
        if self._chain is None:
            self._chain = self._make()
        return self._chain

    async def __call__(self, call: Call) -> Response[Any]:
        """Answer *call*. Raises `RuntimeError`, before anything is sent, while another thread uses the client."""
        used = self._used
        loop = _running_loop()
        if used is None or used.loop is not loop or used.process != os.getpid():
            used = self.enter(loop)
        used.under_way += 1
        try:
            return await used.chain(call)
        finally:
            used.under_way -= 1

    def enter(self, loop: Any) -> _InLoop:
        """Begin in *loop*."""
        with self._lock:
            used = self._used
            process = os.getpid()
            if used is not None:
                if used.process == process and used.under_way and _is_running(used.loop):
                    raise RuntimeError(
                        "this client is at work in another event loop, in another thread; make a client for each thread"
                    )
                self._move()
                self._chain = None
            self._used = _InLoop(loop, process, self.chain)
            return self._used

    def leave(self) -> None:
        """Let go of what belongs to another event loop than the one that runs; before closing."""
        used = self._used
        if used is not None and (used.loop is not _running_loop() or used.process != os.getpid()):
            self._move()


def _running_loop() -> Any:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio: Any = sys.modules["trio"]
        return trio.lowlevel.current_trio_token()


def _is_running(loop: Any) -> bool:
    if isinstance(loop, asyncio.AbstractEventLoop):
        return loop.is_running()
    trio: Any = sys.modules["trio"]
    try:
        loop.run_sync_soon(_nothing)
    except trio.RunFinishedError:
        return False
    return True


def _nothing() -> None:
    """Do nothing."""
