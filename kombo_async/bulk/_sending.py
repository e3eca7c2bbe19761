"""One row on its way: written down before it leaves, and what its answer means for the journal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import anyio
import attrs

from kombo_async._codec.codes import meaning_of
from kombo_async.bulk._journal import Entry, Journal, RowKey, State
from kombo_async.errors import Failure, KomboError, NoResponse
from kombo_async.middleware import Call, Next
from kombo_async.options import Options
from kombo_async.request import Request
from kombo_async.response import Response, Success

if TYPE_CHECKING:
    from kombo_async.client import AsyncKomboClient

ALREADY_THERE = "ATS.APPLICATION_ALREADY_EXISTS"


@attrs.frozen(kw_only=True)
class Sent:
    """What came of sending a row; its entry is in the journal already."""

    entry: Entry
    response: Response[Any] | None = None
    error: Exception | None = None
    seconds: float = 0.0


@attrs.define
class _Leaving:
    """The step around each attempt: the row is durably *sending* before the attempt leaves."""

    journal: Journal
    key: RowKey
    entry: Entry
    may_have_applied: bool = False
    """Whether it may have been done: by an attempt that has left, and did not say clearly that it was not."""

    async def __call__(self, call: Call, call_next: Next) -> Response[Any]:
        """Answer *call*, with the row written down before."""
        now = datetime.now(UTC)
        self.entry = attrs.evolve(self.entry, state="sending", first_sent=self.entry.first_sent or now, last_sent=now)
        await self.journal.record(self.key, self.entry)
        before, self.may_have_applied = self.may_have_applied, not call.operation.safe
        try:
            response = await call_next(call)
        except NoResponse as error:
            self.may_have_applied = before or error.may_have_applied
            raise
        except ValueError:
            self.may_have_applied = before  # a file changed while it was sent: the request never became whole
            raise
        self.may_have_applied = before or isinstance(response, Success) or response.may_have_applied
        return response


async def send(
    kombo: AsyncKomboClient, request: Request[Any], key: RowKey, entry: Entry, journal: Journal, options: Options
) -> Sent:
    """Send *request* and record what comes of it.

    *entry* has `first_sent` if it may have been done before. Whatever ends this early, cancellation too, is recorded.
    """
    leaving = _Leaving(journal, key, entry)
    start = time.perf_counter()
    response: Response[Any] | None = None
    error: KomboError | ValueError | None = None
    try:
        with_steps = options.copy()
        with_steps["attempt_middleware"] = (*options.get("attempt_middleware", ()), leaving)
        response = await kombo.send(request, **with_steps)
    except (NoResponse, ValueError) as failure:
        error = failure
    except BaseException:
        with anyio.CancelScope(shield=True):
            await journal.record(key, _broken_off(leaving, entry))
        raise
    sent = _judge(leaving.entry, entry, response, error)
    await journal.record(key, sent)
    return Sent(entry=sent, response=response, error=error, seconds=time.perf_counter() - start)


def _judge(sending: Entry, before: Entry, response: Response[Any] | None, error: Exception | None) -> Entry:
    """What the journal is to say of a row that was answered so."""
    now = datetime.now(UTC)
    if isinstance(response, Success):
        return attrs.evolve(
            sending, state="done", finished=now, ids=ids_of(response.data), status_code=response.status_code, message=""
        )
    if response is None:
        state = _state_without_answer(error, before)
        entry = attrs.evolve(sending, state=state, finished=now, message=_line(str(error)))
        return _forget_times(entry, before)
    state = _state_of(response, before)
    entry = attrs.evolve(
        sending,
        state=state,
        finished=now,
        status_code=response.status_code,
        code=response.code,
        message=_line(response.message),
        log_url=response.log_url,
    )
    return _forget_times(entry, before)


def _state_of(failure: Failure, before: Entry) -> State:
    if failure.may_have_applied:
        return "in_doubt"
    if failure.code == ALREADY_THERE and before.first_sent is not None:
        return "done"  # it was in doubt whether we had made it; that it is there says so
    return "refused" if meaning_of(failure).blames_request else "unsent"


def _state_without_answer(error: Exception | None, before: Entry) -> State:
    if not isinstance(error, NoResponse):
        return "refused"  # this row cannot be sent as it is
    return "in_doubt" if error.may_have_applied else "unsent"


def _forget_times(entry: Entry, before: Entry) -> Entry:
    """What was surely not done has no first sending to look for from."""
    if entry.state in ("refused", "unsent"):
        return attrs.evolve(entry, first_sent=before.first_sent)
    return entry


def _broken_off(leaving: _Leaving, before: Entry) -> Entry:
    if leaving.may_have_applied:
        return attrs.evolve(leaving.entry, state="in_doubt", message="broken off before its answer came")
    return attrs.evolve(before, state="unsent", message="broken off before it was sent")


def _line(text: str) -> str:
    return " ".join(text.split())


def ids_of(data: Any) -> Mapping[str, str]:
    """The IDs in an answer, by their names."""
    names = ("id", "remote_id", "candidate_id", "application_id", "job_id")
    plain: Mapping[str, Any] = (
        cast("Mapping[str, Any]", data)
        if isinstance(data, Mapping)
        else {name: getattr(data, name, None) for name in names}
    )
    return {name: plain[name] for name in names if isinstance(plain.get(name), str)}
