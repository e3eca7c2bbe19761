"""taskiq: the client in the tasks of workers on any number of machines (extra `[taskiq]`).

::

    broker = ListQueueBroker("redis://localhost:6379/0").with_middlewares(SyncPendingLater(schedules))
    use_kombo(broker)

    @broker.task
    async def reject(application_id: str, kombo: AsyncKomboClient = WORKER_CLIENT) -> None:
        (await kombo.ats.reject_application(application_id, rejection_reason_id="...")).unwrap()

Retries are the client's business alone: it knows what may be repeated without doing anything twice, so leave taskiq's
own retry middlewares out. What takes longer than a call should (a first sync) becomes a task for later instead.
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
    """Give each worker process of *broker* one client, for as long as it runs; *settings* as of `AsyncKomboClient`.

    Unless told otherwise, calls do not wait for an integration's first sync: `SyncPendingLater` sees to that.
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
"""The default of a task's parameter that is to be the client of its worker."""


class SyncPendingLater(TaskiqMiddleware):
    """Sends a task that ended with `SyncPending` again later, under the same ID, so that no worker waits meanwhile.

    Args:
        schedules: Where to put it until then, such as taskiq-redis's `ListRedisScheduleSource`, for which a scheduler
            must run; None keeps it in this process, which is fine for an in-memory broker alone.
        first: How long to wait before the second run; it doubles with each, unless Kombo asks for a time.
        longest: How long to wait at most before any run.
        give_up: After how long the failure is the task's result.
    """

    def __init__(
        self,
        schedules: ScheduleSource | None = None,
        *,
        first: timedelta = timedelta(minutes=1),
        longest: timedelta = timedelta(minutes=15),
        give_up: timedelta = timedelta(days=2),
    ) -> None:
        super().__init__()
        self._schedules = schedules
        self._first = first.total_seconds()
        self._longest = longest.total_seconds()
        self._give_up = give_up
        self._waiting = set[asyncio.Task[None]]()

    async def on_error(self, message: TaskiqMessage, result: TaskiqResult[Any], exception: BaseException) -> None:
        """Send the task again later, if it ended with `SyncPending`."""
        if not isinstance(exception, SyncPending):
            return
        now = datetime.now(UTC)
        since = datetime.fromisoformat(message.labels.get(_SINCE) or now.isoformat())
        if now - since >= self._give_up:
            return
        times = int(message.labels.get(_TIMES) or 0) + 1
        seconds = retry_after(exception.raw_response.headers.get("retry-after"))
        if seconds is None:
            seconds = backoff(times, initial_delay=self._first, max_delay=self._longest, jitter=False)
        kicker = (
            AsyncKicker[Any, Any](task_name=message.task_name, broker=self.broker, labels=message.labels)
            .with_task_id(message.task_id)
            .with_labels(**{_SINCE: since.isoformat(), _TIMES: str(times)})
        )
        await self._send_later(kicker, seconds, message)
        _logger.info("%s %s waits %.0f s for a first sync", message.task_name, message.task_id, seconds)
        result.error = NoResultError()

    async def shutdown(self) -> None:
        """Forget what waits in this process."""
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
