"""Skills, and who has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kombo_async.model import UNSET
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid, RemoteRefusal
from kombo_async.sandbox._state.table import StoredRecord

if TYPE_CHECKING:
    from kombo_async import hris


@handles("PostHrisSkills")
def create_skill(context: Context, request: hris.CreateSkill) -> Record:
    """A skill with its levels, if it has any."""
    levels = None if request.levels is UNSET else list(request.levels)
    skill = {"name": request.name, "description": None, "ordered_levels": levels}
    return context.world.add("hris_skills", skill).data


@handles("PatchHrisSkillsSkillId")
def update_skill(context: Context, request: hris.UpdateSkill) -> Record:
    """Change the given fields."""
    row = context.world.get("hris_skills", request.skill_id, "skill")
    changes: Record = {}
    if request.name is not UNSET:
        changes["name"] = request.name
    if request.levels is not UNSET:
        changes["ordered_levels"] = list(request.levels)
    context.world.change("hris_skills", row, **changes)
    return row.data


@handles("DeleteHrisSkillsSkillId")
def delete_skill(context: Context, request: hris.DeleteSkill) -> Record:
    """Delete a skill and its assignments."""
    row = context.world.get("hris_skills", request.skill_id, "skill")
    for assignment in context.world.table("hris_employee_skill_assignments").where("skill_id", row.id):
        if not assignment.deleted:
            context.world.delete("hris_employee_skill_assignments", assignment)
    context.world.delete("hris_skills", row)
    return row.data


@handles("PostHrisEmployeeSkillAssignments")
def assign(context: Context, request: hris.CreateEmployeeSkillAssignment) -> Record:
    """Assign a skill to an employee, once."""
    world = context.world
    world.get("hris_employees", request.employee_id, "employee")
    skill = world.get("hris_skills", request.skill_id, "skill")
    assigned = world.related("hris_employee_skill_assignments", "employee_id", request.employee_id)
    if any(each["skill_id"] == skill.id for each in assigned):
        raise RemoteRefusal("The employee already has this skill.")
    level = None if request.current_level is UNSET else str(request.current_level)
    _check_level(skill, level)
    assignment = {"employee_id": request.employee_id, "skill_id": skill.id, "current_level": level}
    return world.add("hris_employee_skill_assignments", assignment).data


@handles("PatchHrisEmployeeSkillAssignmentsEmployeeSkillAssignmentId")
def reassign(context: Context, request: hris.UpdateEmployeeSkillAssignment) -> Record:
    """Change the level."""
    id = request.employee_skill_assignment_id
    row = context.world.get("hris_employee_skill_assignments", id, "skill assignment")
    _check_level(context.world.get("hris_skills", row.data["skill_id"], "skill"), request.current_level)
    context.world.change("hris_employee_skill_assignments", row, current_level=request.current_level)
    return row.data


@handles("DeleteHrisEmployeeSkillAssignmentsEmployeeSkillAssignmentId")
def unassign(context: Context, request: hris.DeleteEmployeeSkillAssignment) -> Record:
    """Remove an employee's skill."""
    id = request.employee_skill_assignment_id
    row = context.world.get("hris_employee_skill_assignments", id, "skill assignment")
    context.world.delete("hris_employee_skill_assignments", row)
    return row.data


def _check_level(skill: StoredRecord, level: str | None) -> None:
    levels: list[str] | None = skill.data["ordered_levels"]
    if level is not None and level not in (levels or ()):
        raise InputInvalid(f"current_level: must be one of the skill's levels: {', '.join(levels or ['(none)'])}")
