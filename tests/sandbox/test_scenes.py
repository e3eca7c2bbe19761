"""Scenes: each sets up what it says, by Python, by name, over HTTP; and ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from kombo_async import AsyncKomboClient, RetryPolicy, Success, ats
from kombo_async.errors import BadRequest, Forbidden, RateLimited, ServerError, SyncPending
from kombo_async.sandbox import GREENHOUSE, Sandbox, default_id
from kombo_async.sandbox._server.asgi import read_body
from tests.sandbox.raw_calls import admin

pytestmark = [pytest.mark.anyio, pytest.mark.kombo(retry=RetryPolicy.none())]

FRANK = ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com")


async def apply(kombo: AsyncKomboClient, job: str) -> Any:
    return await kombo.ats.create_application(job, candidate=FRANK)


async def open_job(kombo: AsyncKomboClient) -> str:
    return (await kombo.ats.get_jobs(statuses=["OPEN"])).unwrap().results[0].id


async def test_a_first_sync_ends_after_looks(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A first sync ends after the given number of looks."""
    kombo_sandbox.scenes.first_sync(looks=2)
    answers = [await kombo.ats.get_jobs() for _ in range(3)]
    assert [type(answer) for answer in answers] == [SyncPending, SyncPending, Success]


async def test_a_first_sync_ends_after_seconds(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A first sync ends after the given seconds of the sandbox's clock, in the older form, too."""
    kombo_sandbox.scenes.first_sync(seconds=30, status=503)
    assert (await kombo.ats.get_jobs()).status_code == 503
    kombo_sandbox.clock.advance(30)
    assert isinstance(await kombo.ats.get_jobs(), Success)


async def test_a_job_closes_between_look_and_apply(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A job closes after it was read as open."""
    kombo_sandbox.scenes.job_closes()
    job = await open_job(kombo)
    answer = await apply(kombo, job)
    assert (type(answer), answer.code) == (BadRequest, "ATS.JOB_CLOSED")


async def test_an_outage_of_two_minutes(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """In an outage, actions fail and lists work; it ends, and other integrations are not affected."""
    kombo_sandbox.scenes.outage()
    job = await open_job(kombo)
    answer = await apply(kombo, job)
    assert (type(answer), answer.code, answer.may_have_applied) == (ServerError, "REMOTE.SERVICE_UNAVAILABLE", True)
    other = kombo.for_integration(next(id for id in kombo_sandbox.integrations if id.startswith("lever:")))
    assert isinstance(await apply(other, await open_job(other)), Success)
    kombo_sandbox.clock.advance(120)
    assert isinstance(await apply(kombo, job), Success)


@pytest.mark.kombo(timeout=600)
async def test_a_slow_system(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A slow system's actions take time on the sandbox's clock."""
    kombo_sandbox.scenes.slow_system(median=20, p95=21)
    start = kombo_sandbox.clock.time()
    assert isinstance(await apply(kombo, await open_job(kombo)), Success)
    assert 18 < kombo_sandbox.clock.time() - start < 25


async def test_a_smaller_limit(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """A smaller limit applies to one integration."""
    kombo_sandbox.scenes.smaller_limit(actions=2)
    kombo_sandbox.concurrency.occupy(GREENHOUSE, 2)
    answer = await apply(kombo, await open_job(kombo))
    assert (type(answer), answer.code) == (RateLimited, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED")
    assert answer.raw_response.headers["concurrency-limit"] == "2"


@pytest.mark.parametrize("looks", [0, 2])
async def test_an_integration_becomes_inactive(kombo: AsyncKomboClient, kombo_sandbox: Sandbox, looks: int) -> None:
    """An integration becomes inactive at once, or after some looks."""
    kombo_sandbox.scenes.becomes_inactive(looks=looks)
    for _ in range(looks):
        assert isinstance(await kombo.ats.get_jobs(), Success)
    assert isinstance(await kombo.ats.get_jobs(), Forbidden)


async def test_a_candidate_exists(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """An existing candidate gets the application; if they have applied already, it is refused."""
    kombo_sandbox.scenes.candidate_exists()
    job = await open_job(kombo)
    before = (await kombo.ats.get_candidates(email="FRANK@example.com")).unwrap().results
    assert (await apply(kombo, job)).unwrap().candidate_id == before[0].id
    kombo_sandbox.reset()
    kombo_sandbox.scenes.candidate_exists(applied=True)
    answer = await apply(kombo, job)
    assert (type(answer), answer.code) == (BadRequest, "ATS.APPLICATION_ALREADY_EXISTS")


@pytest.mark.parametrize("write_through", [False, True])
async def test_a_lagging_copy(kombo: AsyncKomboClient, kombo_sandbox: Sandbox, write_through: bool) -> None:
    """Changes show in lists later; results of actions show at once only with write-through."""
    kombo_sandbox.scenes.lagging_copy(seconds=60, write_through=write_through)
    job = await open_job(kombo)
    made = (await apply(kombo, job)).unwrap()
    world = kombo_sandbox.world(GREENHOUSE)
    second = world.table("ats_candidates")[1]
    world.change("ats_candidates", second, first_name="Renamed")
    kombo_sandbox.changed(world)

    async def shown() -> tuple[bool, bool]:
        created = (await kombo.ats.get_applications(ids=[made.id])).unwrap().results
        (renamed,) = (await kombo.ats.get_candidates(ids=[second.id])).unwrap().results
        return bool(created), renamed.first_name == "Renamed"

    since = kombo_sandbox.clock.now() + timedelta(seconds=30)
    assert await shown() == (write_through, False)
    kombo_sandbox.clock.advance(61)
    assert await shown() == (True, True)
    # The copy changed when it learned of it, not when it happened.
    found = (await kombo.ats.get_candidates(updated_after=since)).unwrap().results
    assert second.id in {each.id for each in found}


async def test_a_lagging_copy_tells_when_it_knows(kombo_sandbox: Sandbox) -> None:
    """`data-changed` comes when lists have the change, not before."""
    events: list[bytes] = []

    async def receiver(scope: Any, receive: Any, send: Any) -> None:
        events.append(await read_body(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    kombo_sandbox.webhooks.add("http://app.example", events=["data-changed"], app=receiver)
    kombo_sandbox.scenes.lagging_copy(seconds=60)
    kombo_sandbox.environment.copy(GREENHOUSE)
    world = kombo_sandbox.world(GREENHOUSE)
    world.change("ats_tags", world.table("ats_tags")[0], name="New")
    kombo_sandbox.changed(world)
    await kombo_sandbox.webhooks.deliver()
    assert events == []
    kombo_sandbox.clock.advance(60)
    await kombo_sandbox.webhooks.deliver()
    assert len(events) == 1


def known_by_mail(sandbox: Sandbox) -> bool:
    """Whether the candidate of the scene is there."""
    return bool(sandbox.world(GREENHOUSE).table("ats_candidates").where("emails", "a@b.de"))


@pytest.mark.parametrize(
    ("scene", "check"),
    [
        ("webhooks-late", lambda sandbox: sandbox.webhooks.delay == 60),
        ("webhooks-late:seconds=5", lambda sandbox: sandbox.webhooks.delay == 5),
        ("webhooks-twice", lambda sandbox: sandbox.webhooks.copies == 2),
        ("webhooks-out-of-order", lambda sandbox: sandbox.webhooks.shuffle),
        ("smaller-limit:actions=3", lambda sandbox: sandbox.concurrency.limits == {GREENHOUSE: 3}),
        ("first-sync:looks=1", lambda sandbox: sandbox.integration(GREENHOUSE).state == "sync pending"),
        ("candidate-exists:email=a@b.de", known_by_mail),
    ],
)  # fmt: skip
async def test_scenes_by_name(scene: str, check: Callable[[Sandbox], Any]) -> None:
    """Scenes can be started by name when the sandbox is created, later, and over HTTP."""
    assert check(Sandbox(scene=scene))
    assert check(Sandbox(scene=["slow-system", scene]))
    sandbox = Sandbox()
    name, _, text = scene.partition(":")
    settings = dict(pair.split("=") for pair in text.split(",") if pair)
    plain = {key: int(value) if value.isdecimal() else value for key, value in settings.items()}
    async with admin(sandbox) as http:
        assert (await http.post(f"/_sandbox/scenes/{name}", json=plain)).status_code == 200
        assert check(sandbox)
        listed = {each["name"] for each in (await http.get("/_sandbox/scenes")).json()}
    assert name in listed == set(sandbox.scenes.names)


@pytest.mark.kombo(scene="first-sync:looks=1")
async def test_the_marker_takes_a_scene(kombo: AsyncKomboClient) -> None:
    """The pytest marker takes a scene."""
    assert isinstance(await kombo.ats.get_jobs(), SyncPending)
    assert isinstance(await kombo.ats.get_jobs(), Success)


@pytest.mark.parametrize(
    ("scene", "named"),
    [
        ("outag", "outage"),
        ("outage:second=3", "seconds"),
        ("outage:seconds", "NAME=VALUE"),
        ("smaller-limit:actions=0", "actions"),
        ("lagging-copy:seconds=-1", "copy_lag"),
        ("play", "unknown scene 'play'"),
        ("first-sync:looks=many", "looks"),
        ("first-sync:looks=-1", "calls"),
        ("outage:seconds=-1", "seconds"),
        ("outage:integration=lever:none", "lever:none"),
        ("job-closes:job=none", "job"),
        ("candidate-exists:integration=" + default_id("workday"), "not an ATS integration"),
        ("webhooks-twice:copies=0", "copies"),
        ("webhooks-late:seconds=nan", "delay"),
        ("slow-system:median=0", "latency"),
    ],
)
async def test_scenes_that_make_no_sense_are_refused(scene: str, named: str) -> None:
    """An unknown scene or setting is refused, with the available names."""
    with pytest.raises(ValueError, match=named):
        Sandbox(scene=scene)
    async with admin(Sandbox()) as http:
        answer = await http.post(f"/_sandbox/scenes/{scene}", json={})
        assert answer.status_code == 400
        assert named in answer.json()["error"]


async def test_scenes_that_wait_for_the_same_request(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """Several scenes can wait for the same request."""
    kombo_sandbox.scenes.job_closes()
    kombo_sandbox.scenes.becomes_inactive(looks=1)
    job = await open_job(kombo)
    assert kombo_sandbox.world(GREENHOUSE).get("ats_jobs", job, "job").data["status"] == "CLOSED"
    assert not kombo_sandbox.integration(GREENHOUSE).active


async def test_what_a_scene_waits_for_may_be_gone(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """If a scene's target is gone, nothing happens."""
    world = kombo_sandbox.world(GREENHOUSE)
    kombo_sandbox.scenes.job_closes()
    for job in world.table("ats_jobs"):
        world.change("ats_jobs", job, status="CLOSED")
    assert isinstance(await kombo.ats.get_jobs(), Success)
    kombo_sandbox.scenes.becomes_inactive(looks=1)
    assert isinstance(await kombo.general.delete_integration(GREENHOUSE), Success)
    kombo_sandbox.reset()
    with pytest.raises(ValueError, match="there is no open one"):
        Sandbox(jobs=0, scene="job-closes")


@pytest.mark.kombo(candidates=0, scene="candidate-exists:first_name=007,email=a@b.de")
async def test_a_candidate_exists_where_nobody_else_does(kombo: AsyncKomboClient) -> None:
    """Settings in a text are what the scene takes: a name of digits is a name."""
    (candidate,) = (await kombo.ats.get_candidates()).unwrap().results
    assert candidate.first_name == "007"


async def test_scenes_end(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """Ended scenes watch no more calls, and a reset ends all scenes."""
    kombo_sandbox.scenes.job_closes()
    kombo_sandbox.scenes.lagging_copy()
    kombo_sandbox.scenes.webhooks_late()
    kombo_sandbox.scenes.end()
    assert isinstance(await apply(kombo, await open_job(kombo)), Success)
    assert kombo_sandbox.webhooks.delay == 0
    kombo_sandbox.scenes.smaller_limit()
    kombo_sandbox.scenes.slow_system()
    kombo_sandbox.scenes.becomes_inactive(looks=1)
    kombo_sandbox.reset()
    assert kombo_sandbox.concurrency.limits == {}
    assert kombo_sandbox.action_latency is None
    assert [isinstance(await kombo.ats.get_jobs(), Success) for _ in range(3)] == [True] * 3
