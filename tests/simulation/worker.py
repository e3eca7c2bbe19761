"""The program that runs in each process: an upload as a user writes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import attrs

from kombo_async import AsyncKomboClient, ats
from kombo_async.bulk import Outcome, Row
from tests.simulation.kombo import Kombo
from tests.simulation.network import Network
from tests.simulation.scenario import RowSpec, RunSpec, Scenario
from tests.simulation.scheduler import Process

INTEGRATION = "greenhouse:simulated"


@attrs.frozen(kw_only=True)
class Told:
    """An outcome as a run told it."""

    run: str
    at: float
    spec: RowSpec
    index: int
    outcome: Outcome


async def upload(
    process: Process, kombo: Kombo, journal: Any, scenario: Scenario, run: RunSpec, tell: Callable[[Told], None]
) -> None:
    """Upload the rows of *run*."""
    options: dict[str, Any] = words(scenario, kombo) if run.says_words else {}
    if scenario.keyed:
        options["key"] = lambda request: request.candidate.company
    network = Network(process, kombo, process.disturbance)
    async with AsyncKomboClient(
        "key", integration_id=INTEGRATION, base_url="https://kombo.test/v1", transport=network
    ) as client:
        rows = [Row(request_of(spec, scenario), tag=index) for index, spec in enumerate(run.rows)]
        told = 0
        async with client.bulk(rows, journal=journal, concurrency=run.concurrency, **options) as outcomes:
            async for outcome in outcomes:
                spec = run.rows[outcome.tag]
                tell(Told(run=run.name, at=process.world.now, spec=spec, index=outcome.tag, outcome=outcome))
                told += 1
                if run.leaves_after is not None and told >= run.leaves_after:
                    process.world.say(process.name, "LEAVES the loop")
                    break


def words(scenario: Scenario, kombo: Kombo) -> dict[str, Any]:
    """What the caller says of how soon things show, which is true."""
    known = inspect.signature(AsyncKomboClient.bulk).parameters
    options: dict[str, Any] = {}
    if scenario.resend_after is not None:
        name = "resend_after" if "resend_after" in known else "visible_after"
        options[name] = timedelta(seconds=scenario.resend_after)
    if scenario.synced_since and "synced_since" in known:

        async def synced_since(*arguments: Any) -> bool:
            moment = next(each for each in arguments if isinstance(each, datetime))
            began = [kombo.copy.clock_at(began) for began, _ in kombo.copy.syncs]
            return any(each > moment.astimezone(UTC) for each in began)

        options["synced_since"] = synced_since
    return options


def request_of(spec: RowSpec, scenario: Scenario) -> ats.CreateApplication | ats.CreateCandidate:
    """The request of a row."""
    optional: dict[str, Any] = {"title": spec.title} if spec.title else {}
    if scenario.keyed:
        optional["company"] = spec.key
    if spec.flaw == "bytes":
        optional["title"] = b"Engineer"
    email: Any = None if spec.flaw == "no email" else spec.email
    candidate = ats.CandidateInput(
        first_name=spec.first_name + ("\ud800" if spec.flaw == "surrogate" else ""),
        last_name=spec.last_name,
        email_address=email,
        phone_number=spec.phone,
        **optional,
    )
    attachment = _attachment(spec)
    files: dict[str, Any] = {} if attachment is None else {"attachments": [attachment]}
    if spec.as_candidate:
        application = ats.CandidateApplicationInput(job_id=spec.job)
        return ats.CreateCandidate(candidate=candidate, application=application, **files)
    return ats.CreateApplication(job_id=spec.job, candidate=candidate, **files)


def _attachment(spec: RowSpec) -> ats.AttachmentInput | None:
    match spec.flaw:
        case "broken stream":
            return ats.AttachmentInput.from_stream(_broken, 4, "cv.pdf", type="CV")
        case "file name":
            return ats.AttachmentInput.from_bytes(b"%PDF", "cv\udcff.pdf", type="CV")
        case "no such file":
            return ats.AttachmentInput.from_path("/nowhere/cv.pdf", type="CV")
    return ats.AttachmentInput.from_bytes(b"%PDF", spec.cv, type="CV") if spec.cv else None


def _broken() -> BinaryIO:
    raise RuntimeError("the store of the files does not answer")
