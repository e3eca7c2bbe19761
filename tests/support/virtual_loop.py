"""An asyncio event loop on virtual time: its clock jumps to the next thing that happens."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Never waits: adds up how long it would have waited."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.waited += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """For whatever waits by the loop's clock alone: no real socket, no thread."""

    def __init__(self) -> None:
        self._waiting = _Selector()
        super().__init__(self._waiting)

    def time(self) -> float:
        """How many seconds have been waited for."""
        return self._waiting.waited


def run(scene: Coroutine[Any, Any, T]) -> T:
    """Run *scene*."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scene)
