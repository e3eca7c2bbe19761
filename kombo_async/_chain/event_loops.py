"""A client's chain in the event loop that uses it: connections and limits belong to one event loop each.

In a second event loop (another `asyncio.run`, a forked worker) the client starts with new ones. While another thread's
loop is using it, calls are refused before anything is sent.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any, NoReturn

import attrs

from kombo_async._chain.auth import not_to_be_copied
from kombo_async._chain.order import Chain
from kombo_async._clock import asyncio_loop
from kombo_async.middleware import Call, Next
from kombo_async.response import Response


@attrs.define(eq=False)
class _InLoop:
    """The chain in one event loop of one process."""

    loop: Any
    process: int
    send: Next
    begun: bool = False
    """Whether there are connections in this event loop."""
    connections: AsyncGenerator[None] | None = None
    """Closes the connections when the loop ends; None if there is nothing to close."""
    under_way: int = 0
    """Calls in flight."""

    @property
    def is_here(self) -> bool:
        """Whether this is the running event loop and process."""
        return self.loop is _running_loop() and self.process == os.getpid()


class PerEventLoop:
    """Sends calls through the chain of the running event loop.

    Args:
        make: Makes the chain.
        connect: Called in each event loop; its result is closed when the loop ends. It may refuse by raising.
    """

    def __init__(self, make: Callable[[], Chain], connect: Callable[[], AsyncGenerator[None] | None]) -> None:
        self._make = make
        self._connect = connect
        self._lock = threading.Lock()
        self._used: _InLoop | None = None
        self._left: list[_InLoop] = []
        """Chains of a parent process, kept from the garbage collector, since only the parent may close them."""
        self.chain: Chain = make()
        """The current chain."""

    def __repr__(self) -> str:
        return "PerEventLoop(...)"

    def __reduce__(self) -> NoReturn:
        not_to_be_copied()

    async def __call__(self, call: Call) -> Response[Any]:
        """Answer *call*. Raises `RuntimeError`, before anything is sent, while another thread uses the client."""
        used = self._used
        if used is None or not used.is_here:
            used = self._enter()
        used.under_way += 1
        try:
            if not used.begun:
                used.connections = await self._connected()
                used.begun = True
            return await used.send(call)
        finally:
            used.under_way -= 1

    def _enter(self) -> _InLoop:
        with self._lock:
            used, process = self._used, os.getpid()
            if used is not None:
                if used.process != process:
                    self._left.append(used)
                elif used.under_way and _is_running(used.loop):
                    raise RuntimeError(
                        "this client is in use in another thread's event loop; create a client for each thread"
                    )
                self.chain = self._make()
            self._used = _InLoop(_running_loop(), process, self.chain.send)
            return self._used

    async def _connected(self) -> AsyncGenerator[None] | None:
        connections = self._connect()
        if connections is not None:
            await anext(connections)
        return connections

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        used = self._used
        if used is not None and used.connections is not None and used.is_here:
            await used.connections.aclose()


def _running_loop() -> Any:
    """The running event loop, or trio's token for it."""
    loop = asyncio_loop()
    return sys.modules["trio"].lowlevel.current_trio_token() if loop is None else loop


def _is_running(loop: Any) -> bool:
    if hasattr(loop, "is_running"):  # asyncio's
        return bool(loop.is_running())
    trio: Any = sys.modules["trio"]
    try:
        loop.run_sync_soon(_nothing)
    except trio.RunFinishedError:
        return False
    return True


def _nothing() -> None:
    """Do nothing."""
