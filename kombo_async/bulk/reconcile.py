"""Settling what is in doubt by looking: was it done or not?

Kombo's lists answer from its synced copy of the connected system, so a record that is there proves that the work was
done, but one that is not there may only not be there *yet*: the server may still be at it, or the copy may be older.
So "surely not there" needs time. It is said of a row only when two looks at the copy, by e-mail and by job, agree, and
`visible_after` has passed since the row was last sent. Until then the row stays in doubt, and is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import attrs

from kombo_async.bulk.journal import Entry
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async import ats
    from kombo_async.client import AsyncKomboClient

VISIBLE_AFTER = timedelta(hours=24)
"""After this long, what was done shows in Kombo's copy: an action takes minutes, but a full sync may take a day."""
CLOCKS_APART = timedelta(minutes=5)
"""How much the connected system's clock may differ from ours."""


@attrs.frozen
class Found:
    """It was done."""

    ids: Mapping[str, str]


@attrs.frozen
class NotThere:
    """It was surely not done, or doing it again does no harm: it is sent (again)."""


@attrs.frozen
class NotSure:
    """Nobody can tell yet; the row is reported as in doubt."""

    why: str
    look_again: datetime | None = None
    """When looking again could tell, None where a person must look."""


Verdict: TypeAlias = Found | NotThere | NotSure


class Reconciler(Protocol):
    """Finds out whether a request that is in doubt was done."""

    async def __call__(self, kombo: AsyncKomboClient, request: Request[Any], entry: Entry) -> Verdict:
        """Look, through a client for the row's integration; *entry* says when the request was first and last sent.

        A `KomboError` that this raises leaves the row in doubt.
        """
        ...


async def repeat(kombo: AsyncKomboClient, request: Request[Any], entry: Entry) -> Verdict:
    """The reconciler of operations that may be done twice without harm (GET, PUT, DELETE): send it again."""
    return NotThere()


def reconciler_of(
    request: Request[Any], given: Mapping[type[Request[Any]], Reconciler], visible_after: timedelta
) -> Reconciler | None:
    """The reconciler for *request*: the caller's own, else ours, else None: what is in doubt then stays so."""
    if type(request) in given:
        return given[type(request)]
    if request.operation.idempotent:
        return repeat
    if request.operation.id in ("PostAtsCandidates", "PostAtsJobsJobIdApplications"):
        return ApplicationReconciler(visible_after=visible_after)
    return None


@attrs.frozen(kw_only=True)
class ApplicationReconciler:
    """Looks for the application that `create_application` or `create_candidate` makes, by e-mail and job.

    - There, and not known to be older than the row's first sending: found.
    - There, but older: a person must look, since sending might make a second one, and not sending might lose one.
    - The candidate is there, new and without any application: done in part; a person must look.
    - Not there: sure once `visible_after` has passed since the last sending, and no clock was set back meanwhile.
    """

    visible_after: timedelta = VISIBLE_AFTER
    pages: int = 20
    """How many pages of a job's new applications are looked through at most."""

    async def __call__(self, kombo: AsyncKomboClient, request: Any, entry: Entry) -> Verdict:
        """See `Reconciler`."""
        email: str = request.candidate.email_address
        job_id: str = request.application.job_id if hasattr(request, "application") else request.job_id
        if not email.strip():
            return NotSure("it has no e-mail address to look for")
        if entry.first_sent is None or entry.last_sent is None:
            return NotSure("the journal does not say when it was sent")
        since = entry.first_sent - CLOCKS_APART
        verdict = await self._by_email(kombo, email, job_id, since, as_candidate=hasattr(request, "application"))
        if verdict is not None:
            return verdict
        look_again = entry.last_sent + self.visible_after
        if not timedelta() <= self.visible_after <= datetime.now(UTC) - entry.last_sent:
            return NotSure("it is not there, but might still come", look_again)
        found = await self._by_job(kombo, email, job_id, since, as_candidate=hasattr(request, "application"))
        return found or NotThere()

    async def _by_email(
        self, kombo: AsyncKomboClient, email: str, job_id: str, since: datetime, *, as_candidate: bool
    ) -> Verdict | None:
        old = partial = False
        for address in dict.fromkeys((email, email.strip().lower())):
            async with aclosing(kombo.ats.get_candidates(email=address).items()) as candidates:
                async for candidate in candidates:
                    if not _has_email(candidate, email):
                        continue
                    applications: list[ats.CandidateApplication] = candidate.applications or []
                    mine = [each for each in applications if each.job is not None and each.job.id == job_id]
                    new = [each for each in mine if not _is_older(each, since)]
                    if new:
                        return _found(new[0].id, candidate.id, job_id, as_candidate=as_candidate)
                    old |= bool(mine)
                    partial |= not applications and not _is_older(candidate, since)
        if old:
            return NotSure("this person had applied for this job before; look whether that is all there should be")
        if partial:
            return NotSure("the candidate is there without an application; it may have been done in part")
        return None

    async def _by_job(
        self, kombo: AsyncKomboClient, email: str, job_id: str, since: datetime, *, as_candidate: bool
    ) -> Found | None:
        new = kombo.ats.get_applications(job_ids=[job_id], updated_after=since, page_size=250)
        looked = 0
        async with aclosing(new.pages()) as pages:
            async for page in pages:
                for application in page.results:
                    candidate = application.candidate
                    if candidate is None or not _has_email(candidate, email) or _is_older(application, since):
                        continue
                    return _found(application.id, candidate.id, job_id, as_candidate=as_candidate)
                looked += 1
                if looked >= self.pages:
                    break
        return None


def _found(application_id: str, candidate_id: str, job_id: str, *, as_candidate: bool) -> Found:
    if as_candidate:
        return Found({"id": candidate_id, "application_id": application_id, "job_id": job_id})
    return Found({"id": application_id, "candidate_id": candidate_id, "job_id": job_id})


def _has_email(candidate: ats.Candidate | ats.ApplicationCandidate, email: str) -> bool:
    wanted = email.strip().lower()
    known = (each.email_address for each in candidate.email_addresses or ())
    return any(isinstance(each, str) and each.strip().lower() == wanted for each in known)


def _is_older(record: ats.Candidate | ats.Application | ats.CandidateApplication, since: datetime) -> bool:
    """Whether *record* was surely there before; where its system gives no time of creation, its last change decides."""
    time: Any = record.remote_created_at or record.changed_at  # drift may have left a string there
    return isinstance(time, datetime) and time < since
