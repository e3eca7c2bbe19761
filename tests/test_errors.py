"""Failures are attrs values and exceptions: they print, copy, pickle and raise as both should."""

from __future__ import annotations

import copy
import gc
import pickle
import traceback
import weakref
from typing import Any

import attrs
import httpx
import pytest

from kombo_async import (
    ConnectionFailed,
    ErrorDetail,
    Failure,
    KomboError,
    NoResponse,
    NotFound,
    RateLimited,
    ServerError,
    Success,
    TimedOut,
    UnexpectedResponse,
    ats,
    errors,
)
from kombo_async._codec.decode import decode
from tests.support.wire import API_KEY, CANDIDATE, INTEGRATION, answering, failure, mock_client, success

PERSON = "frank.doe@example.com"


def failed(cls: type[Failure] = NotFound, status: int = 404, message: str = "No such job.", **fields: Any) -> Any:
    """A failure whose response still has its request, with the key and people's data."""
    request = httpx.Request(
        "POST",
        f"https://api.kombo.dev/v1/ats/candidates?email={PERSON}",
        headers={"Authorization": f"Bearer {API_KEY}", "X-Integration-Id": INTEGRATION},
        json={"email": PERSON},
    )
    answer = failure(status, "ATS.JOB_CLOSED", message)
    answer.request = request
    detail = ErrorDetail(code="ATS.JOB_CLOSED", title="Closed", message=message, log_url="https://app.kombo.dev/l/1")
    return cls(status_code=status, error=detail, raw_response=answer, **fields)


ANSWERED = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, Failure)]
UNANSWERED = [ConnectionFailed, TimedOut]


def one_of(cls: type[Any]) -> Any:
    if issubclass(cls, NoResponse):
        return cls(message="GetAtsJobs timed out", sent=True, may_have_applied=True, attempts=3, cursor="c")
    extra: dict[str, Any] = {"retry_after": 2.5} if cls is RateLimited else {}
    return failed(cls, attempts=2, cursor="c", may_have_applied=True, **extra)


each_class = pytest.mark.parametrize("cls", [*ANSWERED, *UNANSWERED])


def test_the_tree() -> None:
    """Every failure is a `KomboError`: those with an answer are `Failure`s, those without `NoResponse`s."""
    assert len(ANSWERED) == 10
    for cls in (*ANSWERED, *UNANSWERED):
        assert issubclass(cls, KomboError)
        assert issubclass(cls, Exception)
        assert issubclass(cls, Failure) != issubclass(cls, NoResponse)


@each_class
def test_prints_one_readable_line(cls: type[Any]) -> None:
    """A failure prints as one line, without key, header, query or body, alone and in a traceback."""
    error = one_of(cls)
    assert "\n" not in str(error)
    assert "it may have been applied" in str(error)
    assert cls.__name__ in repr(error)
    if isinstance(error, Failure):
        assert str(error).startswith(f"{error.status_code} ATS.JOB_CLOSED: No such job. (https://app.kombo.dev/l/1)")
    try:
        error.unwrap()
    except KomboError as raised:
        printed = "".join(traceback.format_exception(raised)) + repr(raised) + repr(raised.args)
        last = traceback.format_exception_only(raised)
        assert last == [f"kombo_async.errors.{cls.__name__}: {error}\n"]
    for secret in (API_KEY, PERSON, INTEGRATION):
        assert secret not in printed


def test_long_and_broken_messages_stay_on_one_line() -> None:
    """Line breaks in Kombo's message do not break the printed line."""
    assert str(failed(message="One\n\ttwo\r\n three")).startswith("404 ATS.JOB_CLOSED: One two three (")


@pytest.mark.parametrize("field", ["code", "message", "log_url"])
@pytest.mark.parametrize("acting", ["\x1b[2J", "\x9b31m", "\x07", "\r", "\u202e", "\u2028", "\ud800"])
def test_what_acts_on_a_terminal_is_printed_as_escapes(field: str, acting: str) -> None:
    """A printed message cannot control the terminal, whatever the server sent; the field has it unchanged."""
    error = failed()
    error = error.evolve(error=attrs.evolve(error.error, **{field: f"a{acting}b"}))
    assert str(error).isprintable()
    assert repr(error).isprintable()
    assert getattr(error, field) == f"a{acting}b"


@each_class
@pytest.mark.parametrize(
    "through",
    [
        copy.copy,
        copy.deepcopy,
        lambda error: pickle.loads(pickle.dumps(error)),
        lambda error: error.evolve(),
    ],
    ids=["copy", "deepcopy", "pickle", "evolve"],
)
def test_copies_keep_all(cls: type[Any], through: Any) -> None:
    """A failure can be copied and pickled with all its content, and is a new value each time."""
    error = one_of(cls)
    other = through(error)
    assert type(other) is cls
    assert other is not error
    for name in ("attempts", "cursor", "may_have_applied", "message"):
        assert getattr(other, name) == getattr(error, name)
    assert str(other) == str(error)
    if isinstance(error, Failure):
        assert isinstance(other, Failure)
        assert (other.status, other.status_code, other.error) == (error.status, error.status_code, error.error)
        assert other.content_type == "application/json"
        assert other.raw_response.json() == error.raw_response.json()
    if isinstance(error, RateLimited):
        assert other.retry_after == 2.5


@each_class
def test_pickles_hold_no_key(cls: type[Any]) -> None:
    """A pickle contains neither the key nor what was sent."""
    data = pickle.dumps(one_of(cls))
    for secret in (API_KEY, PERSON, INTEGRATION):
        assert secret.encode() not in data


def test_success_copies_and_pickles() -> None:
    """A success can be pickled, too, without the key."""
    import gzip

    body = success(CANDIDATE, ["careful"]).content
    raw = httpx.Response(200, content=gzip.compress(body), headers={"Content-Encoding": "gzip", "X-Mine": "1"})
    raw.request = httpx.Request("POST", "https://x.test", headers={"Authorization": API_KEY})
    reply = decode(ats.CreateCandidate, raw, raw.content, attempts=2)
    assert isinstance(reply, Success)
    data = pickle.dumps(reply)
    assert API_KEY.encode() not in data
    for other in (pickle.loads(data), copy.copy(reply), copy.deepcopy(reply)):
        assert other.data == reply.data
        assert (other.warnings, other.drift, other.attempts) == (reply.warnings, [], 2)
        assert other.raw_response.content == body
        assert other.raw_response.headers["x-mine"] == "1"


def test_evolve_changes_a_copy() -> None:
    """`evolve` changes fields of a copy, and only of that."""
    error = failed()
    other = error.evolve(cursor="next", may_have_applied=True)
    assert (other.cursor, other.may_have_applied) == ("next", True)
    assert (error.cursor, error.may_have_applied) == (None, False)
    assert other.raw_response is error.raw_response


def test_failures_are_frozen_but_can_be_raised() -> None:
    """Fields cannot be set; raising, noting and chaining work as with any exception."""
    error = failed()
    with pytest.raises(AttributeError):
        error.status_code = 200
    cause = ValueError("cause")
    with pytest.raises(NotFound) as caught:
        raise error from cause
    caught.value.add_note("note")
    assert caught.value is error
    assert error.__cause__ is cause
    assert error.__notes__ == ["note"]
    assert hash(error) == hash(error), "exceptions go into sets and dicts"
    assert error == error
    assert error != failed()


def test_unwrap_raises_a_copy() -> None:
    """A stored failure does not hold on to the frames in which it was raised."""

    class Heavy:
        """A CV, for example."""

    error = failed()

    def work() -> weakref.ref[Heavy]:
        heavy = Heavy()
        with pytest.raises(NotFound) as caught:
            error.unwrap()
        assert caught.value is not error
        assert caught.value.error == error.error
        return weakref.ref(heavy)

    heavy = work()
    gc.collect()
    assert heavy() is None
    assert error.__traceback__ is None


def test_except_star_and_groups() -> None:
    """Failures can be caught in groups, as task groups raise them."""
    seen: list[type[KomboError]] = []
    try:
        raise ExceptionGroup("group", [failed(), one_of(TimedOut), one_of(ServerError)])
    except* NotFound:
        seen.append(NotFound)
    except* NoResponse:
        seen.append(NoResponse)
    except* KomboError:
        seen.append(KomboError)
    assert seen == [NotFound, NoResponse, KomboError]


@pytest.mark.anyio
async def test_unwrap_of_real_calls() -> None:
    """`unwrap()` gives the data, or raises the failure that came."""
    handler, _ = answering(success({}, []), httpx.Response(302), failure(404))
    link = ats.AddCandidateResultLink(candidate_id="1", label="x", url="https://example.com")
    async with mock_client(handler) as kombo:
        assert (await kombo.send(link)).unwrap() == {}
        with pytest.raises(UnexpectedResponse):
            (await kombo.send(link)).unwrap()
        reply = await kombo.send(link)
        with pytest.raises(NotFound):
            reply.unwrap()
    assert reply.raw_response.request.headers["authorization"], "the answer in hand still has its request"
    assert API_KEY.encode() not in pickle.dumps(reply)
