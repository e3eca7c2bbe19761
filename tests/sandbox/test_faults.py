"""Faults on demand, over real sockets: what is answered, what is done, and what becomes of the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kombo_async import AsyncKomboClient, RetryPolicy
from kombo_async.errors import ConnectionFailed, RateLimited, ServerError, TimedOut
from kombo_async.options import Options
from kombo_async.sandbox import GREENHOUSE, Sandbox, SandboxTransport, serve

pytestmark = pytest.mark.anyio

ONCE: Options = {"retry": RetryPolicy.none()}


@pytest.fixture
def anyio_backend() -> Any:
    """uvicorn runs on asyncio."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture(params=["socket", "process"])
async def kombo(request: pytest.FixtureRequest, sandbox: Sandbox) -> AsyncIterator[AsyncKomboClient]:
    """A client over a real socket, and one in the same process: both see the same."""
    if request.param == "process":
        yield sandbox.client(GREENHOUSE)
        return
    async with (
        serve(sandbox) as url,
        AsyncKomboClient(sandbox.api_key, integration_id=GREENHOUSE, base_url=url) as client,
    ):
        yield client


async def test_a_fault_strikes_as_often_as_it_should(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """It leaves the first call alone, strikes the next two, and is spent."""
    fault = sandbox.faults.add("GetAtsTags", status=500, code="PLATFORM.UNKNOWN_ERROR", skip=1, times=2)
    statuses = [(await kombo.ats.get_tags(options=ONCE)).status_code for _ in range(4)]
    assert statuses == [200, 500, 500, 200]
    assert fault.struck == 2
    assert (await kombo.ats.get_roles(options=ONCE)).status_code == 200


async def test_a_fault_for_actions_leaves_reads_alone(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """Whatever the action."""
    sandbox.faults.add(status=500, actions=True)
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0].id
    assert (await kombo.ats.get_tags(options=ONCE)).status_code == 200
    assert (await kombo.ats.get_candidate_attachments(candidate, options=ONCE)).status_code == 500
    assert (await kombo.general.check_api_key(options=ONCE)).status_code == 200


async def test_done_and_yet_answered_with_a_failure(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """The request log shows what was performed behind a failure."""
    sandbox.faults.add("PostAtsCandidatesCandidateIdTags", status=503, html=True, after_performing=True, times=1)
    candidate = sandbox.world(GREENHOUSE).table("ats_candidates")[0]
    from kombo_async import ats

    answer = await kombo.ats.add_candidate_tag(candidate.id, tag=ats.TagInput(name="Star"), options=ONCE)
    assert isinstance(answer, ServerError)
    assert answer.content_type == "text/html"
    assert answer.may_have_applied
    (call,) = sandbox.performed("PostAtsCandidatesCandidateIdTags")
    assert (call.status, call.fault) == (503, 1)


@pytest.mark.parametrize("how", ["reset", "close", "cut"])
async def test_connections_break(sandbox: Sandbox, kombo: AsyncKomboClient, how: Any) -> None:
    """A connection breaks before or during the response; the next call works."""
    sandbox.faults.add("GetAtsTags", connection=how, times=1)
    with pytest.raises(ConnectionFailed):
        await kombo.ats.get_tags(options=ONCE)
    (await kombo.ats.get_tags(options=ONCE)).unwrap()
    assert [call.performed for call in sandbox.requests("GetAtsTags")] == [how == "cut", True]


async def test_a_reset_after_performing(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """After a reset, the work was performed without a response."""
    sandbox.faults.add("GetAtsTags", connection="reset", after_performing=True, times=1)
    with pytest.raises(ConnectionFailed):
        await kombo.ats.get_tags(options=ONCE)
    (call,) = sandbox.performed("GetAtsTags")
    assert call.status is None


@pytest.mark.parametrize("settings", [{"connection": "hang"}, {"delay": 5.0}, {"slow": 5.0}])
async def test_answers_that_do_not_come_in_time(
    sandbox: Sandbox, kombo: AsyncKomboClient, settings: dict[str, Any]
) -> None:
    """A response that does not come in time ends with the client's timeout."""
    sandbox.faults.add("GetAtsTags", **settings)
    with pytest.raises(TimedOut):
        await kombo.ats.get_tags(options={"retry": RetryPolicy.none(), "timeout": 0.3})


async def test_a_slow_body_comes_whole(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """A slow body arrives completely."""
    sandbox.faults.add("GetAtsTags", slow=0.2)
    assert len((await kombo.ats.get_tags(options=ONCE)).unwrap().results) == 4
    assert sandbox.requests("GetAtsTags")[0].status == 200


async def test_faults_by_chance_by_number_and_by_time() -> None:
    """Faults by probability, count and time hit the same calls for the same seed."""
    sandbox = Sandbox(seed=5)
    sandbox.clock.stop()
    half = sandbox.faults.add("GetAtsTags", status=500, probability=0.5)
    third = sandbox.faults.add("GetAtsRoles", status=500, every=3)
    later = sandbox.faults.add("GetAtsUsers", status=500, after=10, lasting=5)
    struck = [sandbox.faults.strike("GetAtsTags", None) is half for _ in range(200)]
    assert 70 < sum(struck) < 130
    again = Sandbox(seed=5)
    again.faults.add("GetAtsTags", status=500, probability=0.5)
    assert [again.faults.strike("GetAtsTags", None) is not None for _ in range(200)] == struck
    assert [sandbox.faults.strike("GetAtsRoles", None) is third for _ in range(6)] == [True, False, False] * 2
    assert sandbox.faults.strike("GetAtsUsers", None) is None
    sandbox.clock.advance(12)
    assert sandbox.faults.strike("GetAtsUsers", None) is later
    sandbox.clock.advance(12)
    assert sandbox.faults.strike("GetAtsUsers", None) is None


async def test_a_fault_for_one_integration_with_its_own_headers(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """A fault for one integration does not affect others."""
    sandbox.faults.add(
        integration=GREENHOUSE, status=429, code="PLATFORM.RATE_LIMIT_EXCEEDED", headers={"Retry-After": "7"}
    )
    answer = await kombo.ats.get_tags(options=ONCE)
    assert isinstance(answer, RateLimited)
    assert answer.retry_after == 7.0


@pytest.mark.parametrize("settings", [{}, {"operation": "GetNothing", "status": 500}, {"status": 99}])
def test_faults_that_make_no_sense_are_refused(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    """Invalid faults are refused when they are added."""
    with pytest.raises(ValueError, match=r"fault|operation|status"):
        sandbox.faults.add(**settings)


async def test_the_clock_jumps(sandbox: Sandbox, kombo: AsyncKomboClient) -> None:
    """The clock can jump in the middle of a call."""
    before = sandbox.clock.time()
    sandbox.faults.add("GetAtsTags", jump=3600.0, times=1)
    (await kombo.ats.get_tags(options=ONCE)).unwrap()
    assert sandbox.clock.time() - before > 3599


async def test_a_fault_of_the_sandbox_itself_is_kombos_json(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its log has the traceback; the caller gets `PLATFORM.UNKNOWN_ERROR`."""
    monkeypatch.setattr(sandbox, "world", lambda _: 1 / 0)
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox)) as http:
        headers = {"Authorization": f"Bearer {sandbox.api_key}"}
        answer = await http.get("http://sandbox.localhost/v1/check-api-key", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "PLATFORM.UNKNOWN_ERROR")
