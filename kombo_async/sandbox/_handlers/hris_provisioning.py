"""Provisioning: which employees should have an account in your product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kombo_async.sandbox._handlers.hris_lists import employee
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import UnknownId

if TYPE_CHECKING:
    from kombo_async import hris

GROUP = "everyone"
"""A provisioning group of every integration: all active employees."""


@handles("PostHrisProvisioningGroupsGroupIdDiff")
def diff(context: Context, request: hris.GetProvisioningDiff) -> Record:
    """Compare existing accounts with the employees in the group, by e-mail address."""
    members = _members(context, request.group_id)
    fields = request.options.employee_fields
    wanted: dict[str, Record] = {}
    for record in members:
        whole = employee(context.world, record)
        wanted[str(record["work_email"]).lower()] = {name: whole[name] for name in fields}
    there: list[Record] = []
    gone: list[Record] = []
    for user in request.provisioned_users:
        known = wanted.pop(user.email.lower(), None)
        account = {"origin_id": user.origin_id, "email": user.email}
        (gone if known is None else there).append({**account, "employee": known})
    new = [{"email": email, "employee": fields} for email, fields in wanted.items()]
    return {"users": {"to_provision": new, "to_deprovision": gone, "already_provisioned": there}}


@handles("PostHrisProvisioningGroupsGroupIdSetupLinks")
def setup_link(context: Context, request: hris.CreateProvisioningSetupLink) -> Record:
    """A link, valid for an hour."""
    _members(context, request.group_id)
    token = make_id(context.environment.seed, "provisioning", context.number)
    return {"url": f"{context.root}/connect/{token}", "expires_at": stamp(context.clock.now() + days(1 / 24))}


def _members(context: Context, group_id: str) -> list[Record]:
    """The members of a provisioning group: `everyone`, or one of the system's groups."""
    rows = context.world.table("hris_employees")
    active = [row.data for row in rows if row.data["employment_status"] == "ACTIVE" and not row.deleted]
    if group_id == GROUP:
        return active
    if context.world.table("hris_groups").find(group_id) is None:
        raise UnknownId("provisioning group", group_id)
    return [record for record in active if group_id in record["group_ids"]]
