"""The program that runs in each process: an upload as a user writes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any, BinaryIO

import attrs

from kombo_async import AsyncKomboClient, ats
from kombo_async.bulk import Outcome, Row
from kombo_async.middleware import Call, Next
from kombo_async.response import Response
from tests.simulation.kombo import Kombo
from tests.simulation.network import Network
from tests.simulation.scheduler import Process
from tests.simulation.specs import FIRST, RowSpec, RunSpec, Scenario


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
    by_request: dict[int, str] = {}

    async def note(call: Call, call_next: Next) -> Response[Any]:
        """An attempt begins: a record that is made from now on is no earlier than it."""
        if id(call.request) in by_request:
            kombo.begins(process.name, by_request[id(call.request)])
        return await call_next(call)

    async with AsyncKomboClient(
        "key",
        integration_id=FIRST,
        base_url="https://kombo.test/v1",
        transport=network,
        attempt_middleware=(note,),
    ) as client:
        rows = [
            Row(
                request_of(spec, scenario),
                tag=index,
                integration_id=None if spec.integration == FIRST else spec.integration,
            )
            for index, spec in enumerate(run.rows)
        ]
        by_request |= {id(row.request): scenario.identity(spec) for row, spec in zip(rows, run.rows, strict=True)}
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
            integration, moment = arguments
            began = [kombo.clock(began) for began, _ in kombo.integrations[integration].copy.syncs]
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
