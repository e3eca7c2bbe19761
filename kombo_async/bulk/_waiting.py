"""Wait for a moment, or for the end of the run."""

from __future__ import annotations

import anyio

from kombo_async._clock import Clock


async def wait_until(clock: Clock, moment: float, stopped: anyio.Event) -> None:
    """Wait until *clock* shows *moment*, or the run is stopped.

    It sleeps on *clock*, since a test's clock advances when somebody sleeps.
    """
    async with anyio.create_task_group() as tasks:

        async def stop() -> None:
            await stopped.wait()
            tasks.cancel_scope.cancel()

        tasks.start_soon(stop)
        await clock.sleep(max(0.0, moment - clock.time()))
        tasks.cancel_scope.cancel()
