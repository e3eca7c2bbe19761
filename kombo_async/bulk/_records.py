"""Records found by a search, reduced to what identifies them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, cast

import attrs

from kombo_async.bulk._people import emails_of, normal_email, normal_name, without_tag

if TYPE_CHECKING:
    from kombo_async import ats

REMOTE = "remote:"
"""The prefix of a connected system's own ID in place of Kombo's."""


@attrs.frozen
class Wanted:
    """Who and what a search is for."""

    job_id: str
    email: str
    tagless: str
    names: tuple[str, str]

    @classmethod
    def of(cls, person: ats.CandidateInput, job_id: str) -> Self:
        """Build it from a request's candidate and job."""
        email = normal_email(person.email_address)
        return cls(job_id, email, without_tag(email), (normal_name(person.first_name), normal_name(person.last_name)))


@attrs.frozen(kw_only=True)
class Record:
    """An application that was found, or (without `application_id`) a candidate without one for the job."""

    application_id: str = ""
    candidate_id: str = ""
    job_id: str = ""
    is_for_job: bool | None = True
    """Whether it is for the right job; None if it does not say."""
    created: datetime | None = None
    deleted: datetime | None = None
    emails: frozenset[str] = frozenset()
    names: tuple[str, str] = ("", "")
    has_applications: bool = False
    """For a candidate: whether there are applications for other jobs."""
    url: str | None = None

    @property
    def is_nameless(self) -> bool:
        """Whether nothing identifies the person, as 14 days after a deletion."""
        return not self.emails and self.names == ("", "")

    def has_email(self, wanted: Wanted) -> bool:
        """Whether it belongs to a person with this address, ignoring tags."""
        return wanted.tagless in map(without_tag, self.emails)

    def and_also(self, other: Record) -> Record:
        """Merge in what another list says about this record."""
        return attrs.evolve(
            self,
            created=self.created or other.created,
            deleted=self.deleted or other.deleted,
            emails=self.emails | other.emails,
            names=self.names if self.names != ("", "") else other.names,
            is_for_job=self.is_for_job or other.is_for_job,
            job_id=self.job_id or other.job_id,
            url=self.url or other.url,
        )

    @classmethod
    def of_candidate(cls, candidate: ats.Candidate, wanted: Wanted) -> Iterator[Self]:
        """A candidate's applications for the job, or the candidate alone if there is none."""
        applications = applications_of(candidate)
        person: dict[str, Any] = {
            "candidate_id": candidate.id,
            "emails": frozenset(emails_of(candidate)),
            "names": (normal_name(candidate.first_name), normal_name(candidate.last_name)),
            "deleted": _time(candidate.remote_deleted_at),
        }
        mine = [each for each in applications if is_for(each.job, wanted.job_id) is not False]
        for each in mine:
            yield cls(
                **person,
                application_id=each.id,
                job_id=each.job.id if each.job else "",
                is_for_job=is_for(each.job, wanted.job_id),
                created=_time(each.remote_created_at),
                url=each.remote_url,
            )
        if not mine:
            created = _time(candidate.remote_created_at)
            yield cls(**person, created=created, has_applications=bool(applications), url=candidate.remote_url)

    @classmethod
    def of_application(cls, application: ats.Application, job_id: str) -> Self:
        """An application from a list."""
        candidate = application.candidate
        same = True if application.job_id == job_id else is_for(application.job, job_id)
        return cls(
            application_id=application.id,
            candidate_id=candidate.id if candidate else application.candidate_id or "",
            job_id=application.job_id or "",
            is_for_job=same,
            created=_time(application.remote_created_at),
            deleted=_time(application.remote_deleted_at),
            emails=frozenset(emails_of(candidate)) if candidate else frozenset(),
            names=(normal_name(candidate.first_name), normal_name(candidate.last_name)) if candidate else ("", ""),
            url=application.remote_url,
        )


def applications_of(candidate: Any) -> list[ats.CandidateApplication]:
    """A candidate's applications; empty if the response drifted."""
    applications: object = getattr(candidate, "applications", None)
    if not isinstance(applications, list):
        return []
    return [
        each
        for each in cast("list[ats.CandidateApplication]", applications)
        if hasattr(each, "job") and hasattr(each, "remote_created_at")
    ]


def is_for(job: ats.JobRef | None, job_id: str) -> bool | None:
    """Whether *job* has this ID, `remote:` or not; None without a job."""
    if job is None:
        return None
    if job_id.startswith(REMOTE):
        return job.remote_id == job_id.removeprefix(REMOTE) or job.id == job_id
    return job.id == job_id


def _time(value: object) -> datetime | None:
    """A time with a zone; None if the value drifted."""
    return value if isinstance(value, datetime) and value.tzinfo is not None else None
