"""Neither the API key nor people's data ends up in logs, reprs, messages or tracebacks."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import httpx2
import pytest

from kombo_async import AsyncKomboClient, Failure, KomboError, NoResponse, Options, RetryPolicy, Success, Waiting, ats
from tests.failures.faults import FAULTS, Fault
from tests.support.calls import client, until
from tests.support.fault_server import Exchange, FaultServer, succeed
from tests.support.transports import Over, each_over
from tests.support.wire import INTEGRATION

pytestmark = pytest.mark.anyio

KEY = "marker-of-the-key"
PERSON = "marker-of-a-person"
MARKERS = (KEY, PERSON)

POST = ats.CreateCandidate(
    candidate=ats.CandidateInput(first_name=PERSON, last_name=PERSON, email_address=f"{PERSON}@example.com"),
    application=ats.CandidateApplicationInput(job_id="job"),
    attachments=[ats.AttachmentInput.from_bytes(PERSON.encode() * 1000, f"{PERSON}.pdf", type="CV")],
)
GET = ats.GetCandidates(email=f"{PERSON}@example.com")

each_request = pytest.mark.parametrize("request_", [GET, POST], ids=["GET", "POST"])


def clean(text: str) -> bool:
    """Whether none of the markers is in *text*."""
    return not any(marker in text for marker in MARKERS)


@pytest.fixture(autouse=True)
def no_marker_in_any_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """All loggers at DEBUG, those of the HTTP libraries too; none of the records has a marker in it."""
    caplog.set_level(logging.DEBUG)
    for name in ("kombo_async", "httpx", "httpx2", "httpcore", "httpcore2", "anyio", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    yield
    for record in caplog.records:
        assert clean(record.getMessage()), record.name
        assert clean(str(record.exc_info))


def frames(error: BaseException) -> list[str]:
    """The local variables of our own frames in the tracebacks of *error* and of what led to it, as tools print them."""
    shown: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        for frame, _ in traceback.walk_tb(seen.__traceback__):
            if "kombo_async" in frame.f_code.co_filename:
                shown += [f"{frame.f_code.co_qualname}: {name} = {value!r}" for name, value in frame.f_locals.items()]
        if isinstance(seen, BaseExceptionGroup):
            for each in seen.exceptions:
                shown += frames(each)
        seen = seen.__cause__ or seen.__context__
    return shown


def shown(value: Any) -> list[str]:
    """All ways in which a failure or outcome is shown to somebody."""
    return [repr(value), str(value), f"{value}", repr(copy.copy(value)), repr(copy.deepcopy(value))]


@each_request
@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
async def test_each_failure(server: FaultServer, fault: Fault, request_: Any) -> None:
    """No failure shows the key or a person, in its message, its copies, its pickle or its traceback."""
    told: list[str] = []
    policy = RetryPolicy(
        attempts=2,
        initial_delay=0.001,
        sync_wait=0.1,
        on_wait=lambda waiting: told.append(f"{waiting} {waiting.failure!r}"),
    )
    async with client(server, fault.step, api_key=KEY, retry=policy, timeout=fault.timeout) as kombo:
        failure: KomboError
        try:
            failure = (await kombo.send(request_)).unwrap()
        except KomboError as error:
            failure = error
    assert type(failure) is fault.failure
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    for text in [*shown(failure), *told, *frames(failure), *traceback.format_exception(failure)]:
        assert clean(text), text
    assert KEY.encode() not in pickle.dumps(failure)
    if isinstance(failure, Failure | NoResponse):
        assert PERSON.encode() not in pickle.dumps(failure)


@each_request
@pytest.mark.parametrize("library", [None, httpx, httpx2], ids=["ours", "httpx", "httpx2"])
async def test_success_and_drift(server: FaultServer, library: Any, request_: Any) -> None:
    """A success, even with drift, shows people's data only if the data itself is printed."""

    async def drifted(exchange: Exchange) -> None:
        data = {"results": [{"first_name": 5, "last_name": [PERSON]}], "next": 7, "id": None}
        await exchange.answer(200, {"status": "success", "data": data})

    http_client = library.AsyncClient() if library else None
    async with client(server, drifted, api_key=KEY, http_client=http_client) as kombo:
        reply = await kombo.send(request_)
        assert isinstance(reply, Success)
        assert reply.drift
        assert clean(repr(reply.drift))
        assert clean(repr(reply.raw_response))
        assert KEY.encode() not in pickle.dumps(reply)
        assert KEY not in repr(reply)
    if http_client is not None:
        await http_client.aclose()
    assert server.requests[0].target.endswith("/candidates?email=marker-of-a-person%40example.com") or request_ is POST


@each_request
@pytest.mark.parametrize("moment", [0.0, 0.03, 0.15])
async def test_cancelled_in_the_middle(server: FaultServer, request_: Any, moment: float) -> None:
    """The traceback of a cancelled call shows neither, wherever it was: queueing, sending, reading, waiting."""

    async def slow(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            await exchange.send(b"%x\r\n%s\r\n" % (len(PERSON), PERSON.encode()))
            await anyio_free_sleep(0.01)

    caught: list[BaseException] = []
    async with client(server, slow, api_key=KEY) as kombo, anyio.create_task_group() as calls:

        async def call() -> None:
            try:
                await kombo.send(request_)
            except BaseException as error:
                caught.append(error)
                raise

        calls.start_soon(call)
        if moment:
            await until(lambda: server.asked.total() == 1)
            await anyio.sleep(moment)
        else:
            await anyio.lowlevel.checkpoint()
        calls.cancel_scope.cancel()
    for text in frames(caught[0]) if caught else []:
        assert clean(text), text


async def anyio_free_sleep(seconds: float) -> None:
    """Sleep in the server's own loop."""
    import asyncio

    await asyncio.sleep(seconds)


async def test_error_of_a_transport(server: FaultServer) -> None:
    """An exception from the caller's transport passes through our frames, which show neither."""

    def broken(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    kombo = AsyncKomboClient(KEY, integration_id=INTEGRATION, transport=httpx.MockTransport(broken))
    for request in (GET, POST):
        with pytest.raises(ZeroDivisionError) as caught:
            await kombo.send(request)
        for text in frames(caught.value):
            assert clean(text), text


async def test_clients_and_settings(server: FaultServer) -> None:
    """A client, its views, copies and options show no key; the key cannot be pickled along with a client by mistake."""
    async with client(server, succeed, api_key=KEY) as kombo:
        for each in (kombo, kombo.for_integration("a:b"), copy.copy(kombo), kombo.ats, kombo._chain, kombo._http):
            assert clean(repr(each))
        for copying in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError) as caught:
                copying(kombo)
            assert clean(str(caught.value))
    options: Options = {"retry": RetryPolicy(), "deadline": 1.0}
    assert clean(repr(options))
    with pytest.raises(ValueError, match="api_key") as bad:
        AsyncKomboClient(f"{KEY}\r\nX-Other: 1")
    assert clean(str(bad.value))


async def test_requests_and_calls(server: FaultServer) -> None:
    """Requests and calls print which fields are set, not their values."""
    seen: list[str] = []

    async def note(call: Any, call_next: Any) -> Any:
        seen.append(repr(call))
        return await call_next(call)

    async with client(server, api_key=KEY, middleware=[note]) as kombo:
        for request in (GET, POST):
            await kombo.send(request)
            assert clean(repr(request))
            assert clean(str(request))
            assert clean(repr(kombo.ats.get_candidates(email=PERSON)))
    assert all(clean(text) for text in seen)
    assert len(seen) == 2


@each_request
@each_over
async def test_redirects_take_nothing_along(server: FaultServer, over: Over, request_: Any) -> None:
    """A redirect is not followed: neither key nor body reaches another host."""
    with FaultServer() as other:

        async def elsewhere(exchange: Exchange) -> None:
            await exchange.answer(307, b"", headers={"Location": f"{other.url}/ats/candidates"})

        async with over.settings() as sending:
            if "http_client" in sending:
                sending["http_client"].follow_redirects = True
            async with client(server, elsewhere, api_key=KEY, **sending) as kombo:
                reply = await kombo.send(request_)
            assert reply.status_code == 307
        assert other.connections == 0


async def test_code_that_is_no_code(server: FaultServer, caplog: pytest.LogCaptureFixture) -> None:
    """Text in place of a code, which could break or fill a log line, is not logged."""

    async def strange(exchange: Exchange) -> None:
        await exchange.fail(400, f"A.B\r\nroot logged in {PERSON}")

    async with client(server, strange, api_key=KEY) as kombo:
        await kombo.send(GET)
    assert "\n" not in caplog.records[-1].getMessage()


def test_waiting_shows_nothing() -> None:
    """What `on_wait` gets is safe to log."""
    failure = NoResponse(message="PostAtsCandidates timed out", sent=True)
    waiting = Waiting(failure=failure, operation=GET.operation, integration_id=None, attempt=1, seconds=1.0, waited=0.0)
    assert clean(repr(waiting))


BAD_CLIENTS: list[dict[str, Any]] = [
    {"api_key": f"{KEY}\n"},
    {"api_key": f" {KEY}"},
    {"api_key": KEY, "base_url": f"https://user:{KEY}@kombo.test"},
    {"api_key": KEY, "base_url": "http://kombo.test"},
    {"api_key": KEY, "base_url": "https://kombo.test:port"},
    {"api_key": KEY, "region": "mars"},
    {"api_key": KEY, "integration_id": "a\nb"},
    {"api_key": KEY, "timeout": -1},
    {"api_key": KEY, "transport": "aiohttp"},
    {"api_key": KEY, "transport": httpx.MockTransport(lambda _: httpx.Response(200)), "http_client": object()},
]


@pytest.mark.parametrize("settings", BAD_CLIENTS)
async def test_settings_that_are_refused(settings: dict[str, Any]) -> None:
    """A constructor that refuses settings shows no key or password; a half-made client can be printed."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        AsyncKomboClient(**settings)
    for text in [str(caught.value), *frames(caught.value)]:
        assert clean(text), text


async def test_headers_that_are_refused() -> None:
    """A header of the caller's may hold a secret, too."""
    with pytest.raises(ValueError, match="X-Secret") as caught:
        AsyncKomboClient("key", headers={"X-Secret": f"{KEY}\r\n"})
    for text in frames(caught.value):
        assert clean(text), text


@pytest.mark.parametrize("given", [f"{KEY}\n", None, 5])
async def test_function_that_gives_a_bad_key(server: FaultServer, given: Any) -> None:
    """A function that returns an invalid key is reported without the key."""
    async with client(server, api_key=lambda: given) as kombo:
        with pytest.raises(ValueError, match="api_key") as caught:
            await kombo.send(GET)
    for text in [str(caught.value), *frames(caught.value)]:
        assert clean(text), text
    assert server.asked.total() == 0


@pytest.mark.parametrize("is_async", [False, True], ids=["function", "coroutine function"])
async def test_keys_that_rotate(server: FaultServer, is_async: bool) -> None:
    """A function is asked for the key before each attempt."""
    keys = iter([f"{KEY}-1", f"{KEY}-2", f"{KEY}-3"])

    async def later() -> str:
        await anyio.lowlevel.checkpoint()
        return next(keys)

    async def busy(exchange: Exchange) -> None:
        await exchange.fail(429, None, {"Retry-After": "0"})

    api_key: Any = later if is_async else lambda: next(keys)
    async with client(server, busy, succeed, api_key=api_key) as kombo:
        await kombo.send(GET)
        await kombo.send(GET)
    assert [each.headers["authorization"] for each in server.requests] == [f"Bearer {KEY}-{n}" for n in (1, 2, 3)]


async def test_webhook_secrets() -> None:
    """A webhook that is refused shows no secret."""
    from kombo_async.webhooks import Receiver, verify

    for secret in (KEY, [KEY, f"{KEY}-2"], [KEY, ""], ["", KEY]):
        for signature in (None, "wrong", "\u00e9"):
            with pytest.raises(Exception, match=r"secret|signature") as caught:
                verify(secret, b"{}", signature)
            for text in [str(caught.value), *frames(caught.value)]:
                assert clean(text), text
    with pytest.raises(Exception, match="signature") as refused:
        Receiver(KEY).check(b"{}", "wrong")
    for text in frames(refused.value):
        assert clean(text), text
    with pytest.raises(ValueError, match="secret") as missing:
        Receiver([KEY, ""])
    for text in frames(missing.value):
        assert clean(text), text


def reachable(value: Any, depth: int = 6) -> Iterator[str]:
    """All texts that can be reached from *value* through attributes and items, as in a debugger."""
    if isinstance(value, str | bytes):
        yield str(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (*reachable(key, depth), *reachable(each, depth - 1)) if depth else ()
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from reachable(each, depth - 1) if depth else ()
    elif depth and hasattr(value, "__dict__"):
        yield from reachable(vars(value), depth - 1)


@each_request
@pytest.mark.parametrize("status", [200, 302, 400])
@pytest.mark.parametrize("library", [None, httpx, httpx2], ids=["ours", "httpx", "httpx2"])
async def test_request_of_an_answer(server: FaultServer, library: Any, status: int, request_: Any) -> None:
    """`raw_response.request` shows what was requested, without the key and the body."""

    async def step(exchange: Exchange) -> None:
        await exchange.answer(status, {"status": "success", "data": {}}, headers={"Location": f"{server.url}/other"})

    http_client = library.AsyncClient() if library else None
    async with client(server, step, api_key=KEY, http_client=http_client) as kombo:
        reply = await kombo.send(request_)
    raw = reply.raw_response
    assert raw.request.method == request_.operation.method
    assert raw.request.url.path.endswith(request_.operation.path)
    assert raw.request.headers["X-Integration-Id"] == INTEGRATION
    assert raw.elapsed.total_seconds() > 0
    assert not [text for text in reachable(raw) if KEY in text]
    assert raw.next_request is None
    if request_ is POST:
        assert not [text for text in reachable(raw) if PERSON in text]
    if http_client is not None:
        await http_client.aclose()


@each_request
@each_over
async def test_what_led_to_a_failure(server: FaultServer, over: Over, request_: Any) -> None:
    """The causes of a failure contain neither, over any transport."""
    for fault in FAULTS:
        if not issubclass(fault.failure, NoResponse):
            continue
        async with over.client(
            server, fault.step, api_key=KEY, retry=RetryPolicy.none(), timeout=fault.timeout
        ) as kombo:
            with pytest.raises(NoResponse) as caught:
                await kombo.send(request_)
        failure = caught.value
        for error in (failure, failure.__cause__):
            assert all(clean(text) for text in reachable(error, 8))
            assert getattr(error, "__context__", None) in (None, failure.__cause__)
        for text in [*shown(failure), *frames(failure), *traceback.format_exception(failure)]:
            assert clean(text), text
