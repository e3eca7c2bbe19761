"""What a response, or its absence, means for the journal: done, refused, unsent or in doubt."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import attrs
import msgspec

from kombo_async._codec.codes import meaning_of
from kombo_async._codec.plain import plain_json
from kombo_async._escaping import one_line
from kombo_async._machine_faults import machine_fault
from kombo_async.bulk._journal import Entry, State
from kombo_async.bulk._reconcile import Reconciler
from kombo_async.bulk._words import in_words
from kombo_async.errors import Failure, NoResponse
from kombo_async.request import Request, data_type
from kombo_async.response import Response, Success

NO_ID = "Kombo answered with success, but did not name what was created"
NOT_KOMBOS = "the response was a success, but not from Kombo"


def said_by(
    request: Request[Any],
    reconciler: Reconciler | None,
    before: Entry,
    response: Response[Any] | None,
    error: Exception | None,
    *,
    may_have_applied: bool,
) -> dict[str, Any]:
    """The fields of the journal entry that this response, or its absence, decides.

    *before* is the entry before it was sent, *may_have_applied* whether any attempt may have been performed.
    """
    if isinstance(response, Success):
        return _said_by_success(request, reconciler, response)
    said = _said_by_failure(reconciler, before, response, error, may_have_applied)
    if said["state"] in ("refused", "unsent"):  # it was not done, so there is nothing to search for
        said |= before.times
    return said


def _said_by_failure(
    reconciler: Reconciler | None,
    before: Entry,
    response: Failure | None,
    error: Exception | None,
    may_have_applied: bool,
) -> dict[str, Any]:
    if response is None:
        message = in_words(error) if error else ""
        return {"state": _state_without_response(error, may_have_applied), "message": message}
    return {
        "state": _state_of(response, reconciler, before),
        "status_code": response.status_code,
        "code": response.code,
        "message": one_line(response.message),
        "log_url": response.log_url,
    }


def _said_by_success(request: Request[Any], reconciler: Reconciler | None, response: Success[Any]) -> dict[str, Any]:
    ids = (reconciler or _ANY).ids(request, response.data)
    wrong = _why_not_done(type(request), response, ids)
    said: dict[str, Any] = {
        "status_code": response.status_code,
        "warnings": tuple(
            each.message for each in response.warnings if isinstance(getattr(each, "message", None), str)
        ),
        "code": None,
        "message": wrong,
    }
    if not wrong:
        return {**said, "state": "done", "proof": "answer", "ids": ids}
    return {**said, "state": "unsent" if request.operation.safe else "in_doubt"}


def _why_not_done(request: type[Request[Any]], response: Success[Any], ids: Any) -> str:
    """Why this success does not prove that anything was done; empty if it does."""
    envelope = _envelope(response.raw_response.content)
    if envelope is None:
        return NOT_KOMBOS
    if not request.operation.safe and (
        bytes(envelope.data)[:1] != b"{" or (_names_what_it_makes(cast("Any", request)) and not ids.get("id"))
    ):
        return NO_ID
    return ""


class _Any(Reconciler):
    """For request classes without a reconciler."""

    async def look(self, look: Any) -> Any:
        """Never called."""
        raise NotImplementedError


_ANY = _Any()


class _Envelope(msgspec.Struct):
    status: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


def _envelope(body: bytes) -> _Envelope | None:
    """Kombo's success envelope; None if the body is something else."""
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        plain: Any = plain_json(body)  # which also reads invalid JSON, such as half a surrogate pair
        if not isinstance(plain, dict):
            return None
        data: Any = plain.get("data")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        envelope = _Envelope(status=str(plain.get("status")), data=msgspec.Raw(b"null" if data is None else b"{}"))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    return envelope if envelope.status == "success" else None


@cache
def _names_what_it_makes(request: Any) -> bool:
    """Whether responses to this request class have the `id` of what was created."""
    try:
        data = data_type(request)
    except TypeError:
        return False
    return isinstance(data, type) and attrs.has(data) and any(each.name == "id" for each in attrs.fields(data))


def _state_of(failure: Failure, reconciler: Reconciler | None, before: Entry) -> State:
    if failure.may_have_applied:
        return "in_doubt"
    if before.is_sent_before and reconciler is not None and reconciler.already_there(failure):
        return "in_doubt"  # it exists, and may be what we sent before
    return "refused" if meaning_of(failure).blames_request else "unsent"


def _state_without_response(error: Exception | None, may_have_applied: bool) -> State:
    if may_have_applied or (isinstance(error, NoResponse) and error.may_have_applied):
        return "in_doubt"
    if isinstance(error, NoResponse):
        return "unsent"
    return "refused" if machine_fault(error) is None else "unsent"
