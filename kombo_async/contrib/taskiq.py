"""taskiq: one client for the tasks of each worker, on any number of machines (extra `[taskiq]`).

::

    broker = ListQueueBroker("redis://localhost:6379/0", socket_timeout=None)  # or an idle worker ends with redis-py 8
    use_kombo(broker.with_middlewares(SyncPendingLater(schedules)))

    @broker.task
    async def reject(application_id: str, kombo: AsyncKomboClient = WORKER_CLIENT) -> None:
        (await kombo.ats.reject_application(application_id, rejection_reason_id="...")).unwrap()

Leave out taskiq's own retry middlewares: the client retries, since it knows what can be repeated without doing
anything twice. Waits that are too long for a call (a first sync) become tasks for later.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from kombo_async._lazy import missing_extra

try:
    from taskiq import (
        AsyncBroker,
        Context,
        NoResultError,
        ScheduleSource,
        TaskiqDepends,
        TaskiqEvents,
        TaskiqMessage,
        TaskiqMiddleware,
        TaskiqResult,
        TaskiqState,
    )
    from taskiq.kicker import AsyncKicker
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "taskiq", "taskiq") from None

from kombo_async._chain.backoff import backoff
from kombo_async._codec.retry_after import retry_after
from kombo_async.client import AsyncKomboClient
from kombo_async.errors import SyncPending
from kombo_async.options import RetryPolicy

_logger = logging.getLogger("kombo_async.taskiq")

_SINCE, _TIMES = "kombo_pending_since", "kombo_pending_times"


def use_kombo(broker: AsyncBroker, **settings: Any) -> None:
    """Give each worker process of *broker* one client while it runs; *settings* are those of `AsyncKomboClient`.

    By default calls do not wait for an integration's first sync: `SyncPendingLater` takes care of that.
    """
    settings.setdefault("retry", RetryPolicy(sync_wait=0))

    @broker.on_event(TaskiqEvents.WORKER_STARTUP)
    async def _open(state: TaskiqState) -> None:  # pyright: ignore[reportUnusedFunction]
        state.kombo = await AsyncKomboClient(**settings).__aenter__()

    @broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
    async def _close(state: TaskiqState) -> None:  # pyright: ignore[reportUnusedFunction]
        await state.kombo.aclose()


def kombo_of_worker(context: Annotated[Context, TaskiqDepends()]) -> AsyncKomboClient:
    """The client of the worker that a task runs in."""
    kombo = getattr(context.state, "kombo", None)
    if not isinstance(kombo, AsyncKomboClient):
        raise RuntimeError(
            "this worker has no client: call use_kombo(broker), and await broker.startup() where you run it"
        )
    return kombo


WORKER_CLIENT: Any = TaskiqDepends(kombo_of_worker)
"""Default for a task's parameter that gets the worker's client."""


class SyncPendingLater(TaskiqMiddleware):
    """Sends a task that ended with `SyncPending` again later, under the same ID; no worker waits for it.

    Args:
        schedules: Where to keep it until then, such as taskiq-redis's `ListRedisScheduleSource`, which needs a running
            scheduler; None keeps it in this process, which only suits an in-memory broker.
        initial_delay: How long to wait before the second run; it doubles each time, unless Kombo asks for a time.
        max_delay: How long to wait at most before any run.
        give_up_after: When to stop trying; then the failure is the task's result.
    """

    def __init__(
        self,
        schedules: ScheduleSource | None = None,
        *,
        initial_delay: timedelta = timedelta(minutes=1),
        max_delay: timedelta = timedelta(minutes=15),
        give_up_after: timedelta = timedelta(days=2),
    ) -> None:
        super().__init__()
        self._schedules = schedules
        self._initial_delay = initial_delay.total_seconds()
        self._max_delay = max_delay.total_seconds()
        self._give_up_after = give_up_after
        self._waiting = set[asyncio.Task[None]]()

    async def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException) -> None:
        """Send the task again later, if it ended with `SyncPending`."""
        if not isinstance(exception, SyncPending):
            return
        now = datetime.now(UTC)
        since = datetime.fromisoformat(message.labels.get(_SINCE) or now.isoformat())
        if now - since >= self._give_up_after:
            return
        times = int(message.labels.get(_TIMES) or 0) + 1
        seconds = retry_after(exception.raw_response.headers.get("retry-after"))
        if seconds is None:
            seconds = backoff(times, initial_delay=self._initial_delay, max_delay=self._max_delay, jitter=False)
        kicker = (
            AsyncKicker[Any, Any](task_name=message.task_name, broker=self.broker, labels=message.labels)
            .with_task_id(message.task_id)
            .with_labels(**{_SINCE: since.isoformat(), _TIMES: str(times)})
        )
        await self._send_later(kicker, seconds, message)
        _logger.info("%s %s waits %.0f s for a first sync", message.task_name, message.task_id, seconds)
        result.error = NoResultError()

    async def shutdown(self) -> None:
        """Drop the tasks that wait in this process."""
        for task in self._waiting:
            task.cancel()

    async def _send_later(self, kicker: AsyncKicker[Any, Any], seconds: float, message: TaskiqMessage) -> None:
        if self._schedules is not None:
            when = datetime.now(UTC) + timedelta(seconds=seconds)
            await kicker.schedule_by_time(self._schedules, when, *message.args, **message.kwargs)
            return

        async def later() -> None:
            await asyncio.sleep(seconds)
            await kicker.kiq(*message.args, **message.kwargs)

        task = asyncio.create_task(later())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
