"""Learning: lists, enrolling and completing, and bulk upserts of courses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kombo_async.model import UNSET, UnknownVariant, to_dict
from kombo_async.sandbox._api.filters import as_stamp, one_email_of, one_id_of
from kombo_async.sandbox._api.lists import Listing
from kombo_async.sandbox._handlers.registry import LISTINGS, Context, handles
from kombo_async.sandbox._seed.learning import revision
from kombo_async.sandbox._state.clock import parse, stamp
from kombo_async.sandbox._state.fields import with_fields
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid, RemoteRefusal, UnknownId
from kombo_async.sandbox._state.store import World

if TYPE_CHECKING:
    from kombo_async import lms

TASK_SECONDS = 2.0
"""How long a bulk task is pending, by the sandbox's clock."""


def _user(world: World, record: Record) -> Record:
    return with_fields(world, "lms_users", record)


def _course(world: World, record: Record) -> Record:
    skills = [world.peek("lms_skills", id) for id in cast("list[str]", record["skill_ids"])]
    assignments = [{"skill": skill} for skill in skills if skill is not None]
    revisions = cast("list[Record]", record["revisions"])
    return {**record, "revisions": [{**each, "skill_assignments": assignments} for each in revisions]}


def _progression(world: World, record: Record) -> Record:
    course = world.peek("lms_courses", record["course_id"]) or {}
    revisions = cast("list[Record]", course["revisions"])
    (taken,) = (each for each in revisions if each["id"] == record["course_revision_id"])
    user = world.peek("lms_users", record["user_id"])
    return {**record, "user": user, "course_revision": {**taken, "course": course}}


LISTINGS.update(
    {
        "GetLmsUsers": Listing(table="lms_users", view=_user, filters={"work_emails": one_email_of("work_email")}),
        "GetLmsCourseProgressions": Listing(
            table="lms_course_progressions",
            view=_progression,
            filters={"user_ids": one_id_of("user_id"), "course_ids": one_id_of("course_id")},
        ),
        "GetLmsCourses": Listing(table="lms_courses", view=_course),
        "GetLmsSkills": Listing(table="lms_skills"),
    }
)


@handles("PostLmsCourseProgressions")
def enroll(context: Context, request: lms.EnrollUser) -> Record:
    """Enroll a user in a course, once."""
    world = context.world
    world.get("lms_users", request.user_id, "user")
    course = next(iter(world.table("lms_courses").where("revision_ids", request.course_revision_id)), None)
    if course is None or course.deleted:
        raise UnknownId("course revision", request.course_revision_id)
    if any(
        each["course_id"] == course.id for each in world.related("lms_course_progressions", "user_id", request.user_id)
    ):
        raise RemoteRefusal("The user is already enrolled in this course.")
    progression = {
        "user_id": request.user_id,
        "course_id": course.id,
        "course_revision_id": request.course_revision_id,
        "status": "ENROLLED",
        "enrolled_at": context.clock.stamp(),
        "completed_at": None,
    }
    return _progression(world, world.add("lms_course_progressions", progression).data)


@handles("PostLmsCourseProgressionsCourseProgressionIdComplete")
def complete(context: Context, request: lms.CompleteCourse) -> Record:
    """Complete a course."""
    row = context.world.get("lms_course_progressions", request.course_progression_id, "course progression")
    if row.data["status"] == "COMPLETED":
        raise RemoteRefusal("This course has already been completed.")
    given = request.completed_at
    completed = context.clock.stamp() if given is UNSET or given is None else as_stamp(given)
    context.world.change("lms_course_progressions", row, status="COMPLETED", completed_at=completed)
    return _progression(context.world, row.data)


@handles("PostLmsCoursesCourseIdDeactivate")
def deactivate(context: Context, request: lms.DeactivateCourse) -> Record:
    """Deactivate a course: nobody can start it any more."""
    row = context.world.get("lms_courses", request.course_id, "course")
    now = context.clock.stamp()
    revisions = [
        {**each, "status": "INACTIVE", "changed_at": now} for each in cast("list[Record]", row.data["revisions"])
    ]
    context.world.change("lms_courses", row, revisions=revisions)
    return _course(context.world, row.data)


@handles("PostLmsCoursesBulk")
def upsert(context: Context, request: lms.UpsertCourses) -> Record:
    """Create courses, or update them by your own ID; the task finishes a little later."""
    origin_ids = [item.origin_id for item in request.items]
    if len(set(origin_ids)) < len(origin_ids):
        raise InputInvalid("items: duplicate origin_id")
    results = [_upsert(context, item) for item in request.items]
    created = context.clock.stamp()
    task = context.world.add("lms_tasks", {"created_at": created, "results": results})
    return {"task_id": task.id}


@handles("GetLmsCoursesBulkTaskId")
def task(context: Context, request: lms.GetUpsertCoursesTask) -> Record:
    """The progress of a task."""
    row = context.world.get("lms_tasks", request.task_id, "task")
    created: str = row.data["created_at"]
    done = parse(created).timestamp() + TASK_SECONDS
    answer: Record = {"task_id": row.id, "created_at": created}
    if context.clock.time() < done:
        return {**answer, "status": "PENDING", "completed_at": None}
    completed = stamp(parse(created).fromtimestamp(done, parse(created).tzinfo))
    return {**answer, "status": "COMPLETED", "completed_at": completed, "data": row.data["results"]}


def _upsert(context: Context, item: lms.CourseInput) -> Record:
    course: Any = item.course
    content: Record = course.data if isinstance(course, UnknownVariant) else to_dict(course)
    now = context.clock.stamp()
    fields = {"title": content["title"], "description": content.get("description"), "remote_url": content["course_url"]}
    known = next((row for row in context.world.table("lms_courses").where("origin_id", item.origin_id)), None)
    if known is None:
        id = context.world.next_id("lms_courses")
        made: Record = {"id": id, "origin_id": item.origin_id, "provider_id": None, "provider": None, "skill_ids": []}
        known = context.world.add("lms_courses", {**made, "revisions": [revision(id, now, **fields)]})
    else:
        (first, *rest) = cast("list[Record]", known.data["revisions"])
        revisions = [{**first, **fields, "changed_at": now, "status": "ACTIVE"}, *rest]
        context.world.change("lms_courses", known, revisions=revisions)
    return {"origin_id": item.origin_id, "status": "SUCCEEDED", "data": {"id": known.id}}
