"""Ten things that code which applies for jobs must handle, each as a test: `pytest examples/test_scenes.py`.

`pip install "kombo_async[sandbox]" pytest` brings the fixtures `kombo` and `kombo_sandbox`. No wait takes real time.
"""

from __future__ import annotations

import pytest

from kombo_async import AsyncKomboClient, RateLimited, RetryPolicy, Success, ats
from kombo_async.errors import BadRequest, Forbidden, ServerError, SyncPending
from kombo_async.response import Response
from kombo_async.sandbox import GREENHOUSE, Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

APPLY = "PostAtsJobsJobIdApplications"


async def apply(kombo: AsyncKomboClient, email: str = "frank@example.com") -> Response[ats.CreatedApplication]:
    """The code under test: apply for the first open job."""
    job = (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0]
    candidate = ats.CandidateInput(first_name="Frank", last_name="Doe", email_address=email)
    return await kombo.ats.create_application(job.id, candidate=candidate)


@pytest.mark.kombo(scene="first-sync:seconds=600", retry=RetryPolicy(sync_wait=900))
async def test_a_first_sync_of_ten_minutes_is_waited_for(kombo: AsyncKomboClient) -> None:
    assert isinstance(await apply(kombo), Success)


@pytest.mark.kombo(scene="first-sync:looks=2", retry=RetryPolicy.none())
async def test_a_pending_sync_is_told(kombo: AsyncKomboClient) -> None:
    assert isinstance(await kombo.ats.get_jobs(), SyncPending)


@pytest.mark.kombo(scene="job-closes")
async def test_a_job_closes_between_look_and_apply(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    answer = await apply(kombo)
    assert isinstance(answer, BadRequest)
    assert answer.code == "ATS.JOB_CLOSED"
    kombo_sandbox.assert_sent(APPLY, times=1, performed=False)


@pytest.mark.kombo(scene="outage:seconds=120")
async def test_an_outage_may_have_applied_and_is_not_repeated(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    answer = await apply(kombo)
    assert isinstance(answer, ServerError)
    assert answer.may_have_applied
    kombo_sandbox.assert_sent(APPLY, times=1)


@pytest.mark.kombo(scene="slow-system:median=40,p95=80", timeout=600)
async def test_a_slow_system_is_waited_for(kombo: AsyncKomboClient) -> None:
    assert isinstance(await apply(kombo), Success)


@pytest.mark.kombo(scene="smaller-limit:actions=1", retry=RetryPolicy.none())
async def test_all_places_are_taken_by_others(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    kombo_sandbox.concurrency.occupy(GREENHOUSE, 1)
    assert isinstance(await apply(kombo), RateLimited)


@pytest.mark.kombo(scene="becomes-inactive:looks=1")
async def test_an_integration_becomes_inactive(kombo: AsyncKomboClient) -> None:
    assert isinstance(await apply(kombo), Forbidden)


@pytest.mark.kombo(scene="candidate-exists:applied=true")
async def test_somebody_has_applied_already(kombo: AsyncKomboClient) -> None:
    answer = await apply(kombo)
    assert isinstance(answer, BadRequest)
    assert answer.code == "ATS.APPLICATION_ALREADY_EXISTS"


@pytest.mark.kombo(scene="lagging-copy:seconds=300")
async def test_a_lagging_copy_shows_it_later(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    made = (await apply(kombo)).unwrap()
    assert (await kombo.ats.get_applications(ids=[made.id])).unwrap().results == []
    kombo_sandbox.clock.advance(301)
    assert len((await kombo.ats.get_applications(ids=[made.id])).unwrap().results) == 1


@pytest.mark.kombo(scene=["webhooks-twice", "webhooks-late:seconds=60"])
async def test_webhooks_come_twice_and_late(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    kombo_sandbox.webhooks.add("http://127.0.0.1:1/webhooks")
    (await kombo.general.trigger_sync()).unwrap()
    assert await kombo_sandbox.webhooks.deliver() == []
    kombo_sandbox.clock.advance(60)
    first, second = await kombo_sandbox.webhooks.deliver()
    assert first.id == second.id
