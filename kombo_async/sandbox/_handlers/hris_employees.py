"""Employees: creating and changing them, and their documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombo_async.model import to_dict
from kombo_async.sandbox._api.filters import as_stamp
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._handlers.uploads import read_file
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import Refusal
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import StoredRecord

if TYPE_CHECKING:
    from kombo_async import hris

_TIMES = ("date_of_birth", "start_date", "termination_date")


@handles("PostHrisEmployees")
def create_employee(context: Context, request: hris.CreateEmployee) -> Record:
    """A new employee, with a work e-mail address that nobody has yet."""
    return new_employee(context, _given(context.world, request)).data


@handles("PatchHrisEmployeesEmployeeId")
def update_employee(context: Context, request: hris.UpdateEmployee) -> Record:
    """Change the given fields."""
    row = context.world.get("hris_employees", request.employee_id, "employee")
    given = _given(context.world, request)
    del given["employee_id"]
    _check_email(context, given.get("work_email"), row)
    names = {"first_name": row.data["first_name"], "last_name": row.data["last_name"], **given}
    full_name = f"{names['first_name']} {names['last_name']}"
    context.world.change("hris_employees", row, **given, display_full_name=full_name)
    return row.data


@handles("PostHrisEmployeesEmployeeIdDocuments")
def add_document(context: Context, request: hris.AddEmployeeDocument) -> Record:
    """A file in one of the categories."""
    context.world.get("hris_employees", request.employee_id, "employee")
    context.world.get("hris_employee_document_categories", request.category_id, "document category")
    file = read_file(request.document, "document", context.warnings, context.fetched)
    names = {"file_name": file.name, "content_type": file.content_type}
    owner = {"employee_id": request.employee_id, "category_id": request.category_id}
    row = context.world.add("hris_documents", {**names, **owner})
    context.environment.keep_file(row.id, file)
    return {}


def new_employee(context: Context, given: Record) -> StoredRecord:
    """Add an employee; raises `Refusal` if one has the same work e-mail address."""
    _check_email(context, given.get("work_email"), None)
    number = 1000 + len(context.world.table("hris_employees"))
    employee: Record = {
        "employee_number": str(number),
        "display_full_name": f"{given['first_name']} {given['last_name']}",
        "employment_status": "ACTIVE",
        "work_location_id": given.pop("location_id", None),
        "legal_entity_id": None,
        "manager_id": None,
        "group_ids": [],
        "bank_accounts": [],
        **given,
    }
    return context.world.add("hris_employees", employee)


def _given(world: World, request: Any) -> Record:
    """The request's fields in an employee's form; raises `UnknownId` for unknown IDs."""
    given: Record = to_dict(request)
    given.pop("remote_fields", None)
    given.pop("home_phone_number", None)  # it can be written, but not read back
    for name in _TIMES:
        if name in given:
            given[name] = as_stamp(given[name])
    if "legal_entity_id" in given:
        world.get("hris_legal_entities", given["legal_entity_id"], "legal entity")
    if "location_id" in given:
        given["work_location_id"] = world.get("hris_locations", given.pop("location_id"), "location").id
    if "home_address" in given:
        given["home_address"] = {"raw": None, **given["home_address"]}
    return given


def _check_email(context: Context, email: str | None, row: StoredRecord | None) -> None:
    if email is None:
        return
    for other in context.world.table("hris_employees").where("work_email", email):
        if other is not row and not other.deleted:
            raise Refusal(
                400,
                "HRIS.EMPLOYEE_ALREADY_EXISTS",
                "An employee with this work e-mail address already exists.",
                title="Employee exists",
            )
