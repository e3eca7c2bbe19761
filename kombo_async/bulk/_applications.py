"""Applications and candidates: who and what they are, and how to look for one that is in doubt.

A search goes by e-mail, by the job's applications and by name, over all pages, deleted records included. A record is
the row's only if it is for this person and job, has the names that were sent, was created no earlier than the row was
first sent, was not deleted, and is not the proof of another row. Every other possible match leaves the row in doubt,
and is reported.

Two clocks decide what is "no earlier": the connected system says when a record was created (`remote_created_at`),
Kombo's `Date` when the row was first sent. The latter is known within bounds, so a record is new only if it was created
after the upper bound, and old only if everything that its creation time may have been truncated from is before the
lower bound. In between, it is in doubt. To be ignored as old, it must be a day older still, since the connected
system's clock may be behind. Two things no record can tell: that somebody else created it after our first attempt, and
that the connected system's clock is ahead of Kombo's. See docs/bulk.md, rule 3.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from kombo_async.bulk._identity import Identity
from kombo_async.bulk._job_looks import JobLooks
from kombo_async.bulk._journal import Match, RowKey
from kombo_async.bulk._people import normal_email, normal_name, spellings
from kombo_async.bulk._reconcile import Found, Look, NotSure, NotThere, Reconciler, Verdict, ids_of
from kombo_async.bulk._records import Record, Wanted, applications_of, is_for
from kombo_async.errors import Failure, InputFault, InvalidInput
from kombo_async.request import Request

if TYPE_CHECKING:
    from kombo_async import ats

ALREADY_THERE = "ATS.APPLICATION_ALREADY_EXISTS"
KIND = "application"
MARGIN = timedelta(minutes=1)
"""How far before the first sending to start reading the lists of changed records."""
MOST_TOLD = 10
"""The most possible matches to report for a row."""


class ApplicationReconciler(Reconciler):
    """How a bulk run treats `CreateApplication` and `CreateCandidate`: both create an application for a job."""

    def __init__(self) -> None:
        self._jobs: JobLooks = JobLooks()

    def identity(self, request: Request[Any]) -> Identity | None:
        """Integration, job and person, by e-mail address; None without an address."""
        email, job_id, names = _text(request, "email_address"), _job_id(request), _names(request)
        if not email.strip():
            return None
        who = " ".join(name for name in names if name)
        return Identity(
            kind=KIND,
            parts=(job_id, normal_email(email)),
            shows=tuple(map(normal_name, names)),
            about=f"{who} <{email.strip()}>, job {job_id}",
        )

    def ids(self, request: Request[Any], data: Any) -> Mapping[str, str]:
        """The IDs of what was created, including the application's if the response is a candidate."""
        ids = ids_of(data)
        if "id" in ids and _makes_candidate(request):
            job_id = _job_id(request)
            mine = [each.id for each in applications_of(data) if is_for(each.job, job_id)]
            return {**ids, **({"application_id": mine[0]} if len(mine) == 1 else {})}
        return ids

    def already_there(self, failure: Failure) -> bool:
        """Whether the person has applied for the job already."""
        return failure.code == ALREADY_THERE

    async def look(self, look: Look) -> Verdict:
        """See `Reconciler.look`."""
        if look.identity is None:
            return NotSure("it has no e-mail address to search by")
        wanted = Wanted.of(look.request.candidate, _job_id(look.request))  # type: ignore[attr-defined]
        since = None if look.entry.first_sent is None else look.entry.first_sent - MARGIN
        records = [record async for record in _by_email(look, wanted)]
        verdict = _judge(look, wanted, records, await look.owners(_ids(records)))
        if isinstance(verdict, Found):  # merge the person's record with the application's own
            records += [record async for record in _by_id(look, wanted, verdict.match)]
            return _judge(look, wanted, records, {})
        records += await self._jobs.look(look.kombo, look.integration_id, wanted, since)
        if not any(record.application_id for record in records):
            records += [record async for record in _by_name(look, wanted, since)]
        return _judge(look, wanted, records, await look.owners(_ids(records)))


async def _by_email(look: Look, wanted: Wanted) -> AsyncGenerator[Record]:
    """The records of all candidates with this address, in any spelling, with or without its tag."""
    addresses = spellings(look.request.candidate.email_address)  # type: ignore[attr-defined]
    if wanted.tagless != wanted.email:
        addresses.append(wanted.tagless)
    seen = set[str]()
    for address in addresses:
        pages = look.kombo.ats.get_candidates(email=address, include_deleted=True, page_size=250).items()
        async with aclosing(pages) as candidates:
            async for candidate in candidates:
                if candidate.id not in seen:
                    seen.add(candidate.id)
                    for record in Record.of_candidate(candidate, wanted):
                        if record.has_email(wanted):
                            yield record


async def _by_id(look: Look, wanted: Wanted, match: Match) -> AsyncGenerator[Record]:
    """The record of the application that was found, which may show that it has since been deleted."""
    id = match.ids.get("application_id") or match.ids["id"]
    request = look.kombo.ats.get_applications(ids=[id], include_deleted=True)
    async with aclosing(request.items()) as applications:
        async for application in applications:
            if application.id == id:
                yield Record.of_application(application, wanted.job_id)


async def _by_name(look: Look, wanted: Wanted, since: datetime | None) -> AsyncGenerator[Record]:
    """The records of candidates with this name that changed since: the connected system may have another address."""
    request: Any = look.request
    person: ats.CandidateInput = request.candidate
    changed: dict[str, Any] = {} if since is None else {"updated_after": since}
    pages = look.kombo.ats.get_candidates(
        first_name=person.first_name,
        last_name=person.last_name,
        include_deleted=True,
        page_size=250,
        **changed,
    )
    async with aclosing(pages.items()) as candidates:
        async for candidate in candidates:
            for record in Record.of_candidate(candidate, wanted):
                if record.names == wanted.names:
                    yield record


def _ids(records: Sequence[Record]) -> list[str]:
    return list({id for each in records for id in (each.application_id, each.candidate_id) if id})


def _judge(look: Look, wanted: Wanted, records: Sequence[Record], owners: Mapping[str, RowKey]) -> Verdict:
    """The verdict on everything that was found."""
    merged: dict[tuple[str, str], Record] = {}
    for record in records:
        key = (record.application_id, record.candidate_id)
        merged[key] = merged[key].and_also(record) if key in merged else record
    judged = [(record, _why_not(look, wanted, record, owners)) for record in merged.values()]
    matches = [(_match(look, record), why) for record, why in judged if why is not None]
    proofs = [match for match, why in matches if not why]
    if len(proofs) == 1:
        return Found(proofs[0])
    if proofs:
        matches = [(match, why or "there are several like it") for match, why in matches]
    if not matches:
        return NotThere()
    told = tuple(attrs.evolve(match, why=why) for match, why in matches[:MOST_TOLD])
    return NotSure(f"found a record that may be this row's: {told[0].why}", told)


def _why_not(look: Look, wanted: Wanted, record: Record, owners: Mapping[str, RowKey]) -> str | None:
    """Why *record* is not proof of the row: empty if it is, None if it is certainly unrelated."""
    new = look.is_new(record.created)
    if look.is_old(record.deleted):
        return None  # it was deleted before the row was sent
    if record.has_email(wanted):
        if not record.application_id:
            return _why_partial(record, is_old=look.is_old(record.created))
        if record.application_id in owners:
            return "this application belongs to another row"
    elif look.is_old(record.created) or not owners.keys().isdisjoint((record.application_id, record.candidate_id)):
        return None  # only the name matches, or nothing is known: somebody else's
    return _why_unsure(look, wanted, record, new)


def _why_partial(record: Record, *, is_old: bool) -> str | None:
    if record.deleted is not None:
        return "the candidate has since been deleted, perhaps with an application"
    if record.has_applications or is_old:
        return None  # somebody who was already there, without an application for this job
    return "the candidate is there without an application: the row may be partly done"


def _why_unsure(look: Look, wanted: Wanted, record: Record, new: bool | None) -> str:
    if record.deleted is not None:
        return "it has since been deleted"
    if record.is_nameless:
        return "the record does not say whose it is"
    if wanted.email not in record.emails:
        return "a person of this name has another e-mail address"
    if record.is_for_job is None:
        return "it does not say which job it is for"
    if new is False:
        return "it was created before this row was first sent"
    if look.is_too_late(record.created):
        return "it was created long after this row was sent"
    if look.is_close(record.created):
        return "it was created at about the time this row was first sent, perhaps before"
    if new is None:
        return "it is unknown whether it was created before this row was first sent"
    if record.names != wanted.names:
        return "its name differs from the one that was sent"
    return ""


def _match(look: Look, record: Record) -> Match:
    job = {"job_id": record.job_id} if record.job_id else {}
    if _makes_candidate(look.request):
        ids = {"id": record.candidate_id, "application_id": record.application_id, **job}
    else:
        ids = {"id": record.application_id, "candidate_id": record.candidate_id, **job}
    created = record.created if isinstance(record.created, datetime) else None
    return Match(ids={name: id for name, id in ids.items() if id}, created=created, url=record.url)


def _makes_candidate(request: Request[Any]) -> bool:
    return hasattr(request, "application")


def _job_id(request: Any) -> str:
    """The job that a `CreateApplication` or `CreateCandidate` is for. Raises `InvalidInput` if there is none."""
    where = "application.job_id" if _makes_candidate(request) else "job_id"
    job_id: object = request.application.job_id if _makes_candidate(request) else request.job_id
    if not isinstance(job_id, str) or not job_id.strip():
        raise InvalidInput(InputFault(where, "must be the ID of a job"))
    return job_id.strip()


def _names(request: Any) -> tuple[str, str]:
    return _text(request, "first_name"), _text(request, "last_name")


def _text(request: Any, field: str) -> str:
    value: object = getattr(request.candidate, field)
    if not isinstance(value, str):
        raise InvalidInput(InputFault(f"candidate.{field}", f"must be text, not {type(value).__name__}"))
    return value
