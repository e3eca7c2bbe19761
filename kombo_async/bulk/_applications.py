"""Settling applications and candidates that are in doubt, by e-mail and job.

The rule for "surely not there", after which a row is sent again: two looks at Kombo's copy, one by e-mail and one at
the job's new applications (the first 10,000), agree that it is not there, and both were made so long after the row was
last sent that it would show: `visible_after` is the caller's word on that, else it is learned from the rows that were
done (see `visibility.py`). Until then the row stays in doubt, and is not sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import attrs

from kombo_async.bulk._candidates import candidates_by_email, emails_of
from kombo_async.bulk._journal import Entry
from kombo_async.bulk._reconcile import Found, NotSure, NotThere, Verdict
from kombo_async.bulk._visibility import Visibility
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async import ats
    from kombo_async.client import AsyncKomboClient

VISIBLE_AFTER = timedelta(hours=24)
"""What was done shows after this long where nothing could be learned, or where it may have been done in part only:
an action takes minutes, but a full sync may take a day."""
CLOCKS_APART = timedelta(minutes=5)
"""How much the connected system's clock may differ from ours."""
PAGES = 40
"""How many pages of a job's new applications are looked through at most, 250 on each."""
_MIGHT_COME = "it is not there, but might still come"


@attrs.frozen
class _NewApplications:
    """The applications for a job that Kombo's copy had at a time, of those that changed since another."""

    since: datetime
    at: datetime
    by_email: Mapping[str, tuple[str, str]]
    """IDs of the newest application and its candidate, by e-mail."""


class ApplicationReconciler:
    """Looks for the application that `create_application` or `create_candidate` makes.

    - There, and not known to be older than the row's first sending: found.
    - There, but older: a person must look, since sending might make a second one, and not sending might lose one.
    - The candidate is there, new and without any application: done in part; a person must look.
    - Not there: sure once so much time has passed since the last sending that it would show.
    """

    def __init__(self, visible_after: timedelta | None = None) -> None:
        self.visible_after = visible_after
        self._visibility: defaultdict[str | None, Visibility] = defaultdict(Visibility)
        self._lists: dict[tuple[str | None, str], _NewApplications] = {}
        self._listing = anyio.Lock()

    @contextmanager
    def sending(self, integration_id: str | None) -> Generator[None]:
        """A row is being sent while the block runs."""
        visibility = self._visibility[integration_id]
        visibility.under_way += 1
        try:
            yield
        finally:
            visibility.under_way -= 1

    def learn(self, request: Request[Any], entry: Entry, integration_id: str | None) -> None:
        """Take in what became of a row: see `Visibility`."""
        self._visibility[integration_id].learn(_email_and_job(request)[0], entry)

    async def __call__(
        self, kombo: AsyncKomboClient, request: Request[Any], entry: Entry, integration_id: str | None
    ) -> Verdict:
        """See `Reconciler`."""
        email, job_id, as_candidate = _email_and_job(request)
        if not email or entry.first_sent is None or entry.last_sent is None:
            return NotSure("there is nothing to look for it by")
        since = entry.first_sent - CLOCKS_APART
        looked = datetime.now(UTC)
        verdict = await self._by_email(kombo, email, job_id, since, as_candidate=as_candidate)
        if isinstance(verdict, Found):
            return verdict
        if verdict is not None:  # what the person's own record tells may be behind the list of applications
            new = await self._new_applications(kombo, (integration_id, job_id), since, entry.last_sent)
            listed = new.get(email.lower())
            return verdict if listed is None else _found(*listed, job_id, as_candidate=as_candidate)
        visible_after = await self._visible_after(kombo, entry, integration_id)
        if visible_after is None:
            return NotSure(_MIGHT_COME, look_again=self._visibility[integration_id].next_look)
        visible_at = entry.last_sent + visible_after
        if looked < visible_at:
            return NotSure(_MIGHT_COME, look_again=visible_at)
        new = await self._new_applications(kombo, (integration_id, job_id), since, visible_at)
        listed = new.get(email.lower())
        return NotThere() if listed is None else _found(*listed, job_id, as_candidate=as_candidate)

    async def _visible_after(
        self, kombo: AsyncKomboClient, entry: Entry, integration_id: str | None
    ) -> timedelta | None:
        """How long after its sending the row shows if it was done, None where that is about to be learned."""
        if self.visible_after is not None:
            return self.visible_after
        if (entry.code or "").startswith("REMOTE."):
            return VISIBLE_AFTER  # the connected system failed in the middle: its part shows with the next sync alone
        if entry.last_sent is not None and datetime.now(UTC) - entry.last_sent >= VISIBLE_AFTER:
            return VISIBLE_AFTER  # nothing has to be learned for a row that is so old
        visibility = self._visibility[integration_id]
        learned = await visibility.sure_after(kombo)
        if learned is None:
            return None if visibility.next_look is not None else VISIBLE_AFTER
        return min(learned, VISIBLE_AFTER)

    async def _by_email(
        self, kombo: AsyncKomboClient, email: str, job_id: str, since: datetime, *, as_candidate: bool
    ) -> Verdict | None:
        old = partial = False
        async with aclosing(candidates_by_email(kombo, email)) as candidates:
            async for candidate in candidates:
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

    async def _new_applications(
        self, kombo: AsyncKomboClient, place: tuple[str | None, str], since: datetime, at: datetime
    ) -> Mapping[str, tuple[str, str]]:
        """The IDs of the job's applications that changed since *since*, by e-mail, as of *at* or later.

        One list serves all rows in doubt that it is new enough for.
        """
        async with self._listing:
            known = self._lists.get(place)
            if known is None or known.since > since or known.at < at:
                known = await _list_applications(kombo, place[1], since - timedelta(hours=1))
                self._lists[place] = known
            return known.by_email


async def _list_applications(kombo: AsyncKomboClient, job_id: str, since: datetime) -> _NewApplications:
    at = datetime.now(UTC)
    found: dict[str, tuple[str, str]] = {}
    looked = 0
    pages = kombo.ats.get_applications(job_ids=[job_id], updated_after=since, page_size=250).pages()
    async with aclosing(pages):
        async for page in pages:
            for application in page.results:
                candidate = application.candidate
                if candidate is not None and not _is_older(application, since):
                    found |= dict.fromkeys(emails_of(candidate), (application.id, candidate.id))
            looked += 1
            if looked >= PAGES:
                break
    return _NewApplications(since, at, found)


def _email_and_job(request: Any) -> tuple[str, str, bool]:
    """The e-mail and the job of a `CreateApplication` or `CreateCandidate`, and whether it is the latter."""
    email: str = request.candidate.email_address
    as_candidate = hasattr(request, "application")
    job_id: str = request.application.job_id if as_candidate else request.job_id
    return email.strip(), job_id, as_candidate


def _found(application_id: str, candidate_id: str, job_id: str, *, as_candidate: bool) -> Found:
    if as_candidate:
        return Found({"id": candidate_id, "application_id": application_id, "job_id": job_id})
    return Found({"id": application_id, "candidate_id": candidate_id, "job_id": job_id})


def _is_older(record: ats.Candidate | ats.Application | ats.CandidateApplication, since: datetime) -> bool:
    """Whether *record* was surely there before; where its system gives no time of creation, its last change decides."""
    time: Any = record.remote_created_at or record.changed_at  # drift may have left a string there
    return isinstance(time, datetime) and time < since
