"""Assessments: packages, orders and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombo_async.model import UNSET, to_dict
from kombo_async.sandbox._api.filters import Filter, after, one_of
from kombo_async.sandbox._api.lists import Listing
from kombo_async.sandbox._handlers.registry import LISTINGS, Context, handles
from kombo_async.sandbox._handlers.uploads import read_file
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid, RemoteRefusal

if TYPE_CHECKING:
    from kombo_async import assessment

_OPEN = ("status", ("OPEN",))

LISTINGS.update(
    {
        "GetAssessmentOrders": Listing(
            table="assessment_orders",
            filters={
                "statuses": one_of("status"),
                "created_after": after("remote_created_at"),
            },
        ),
        "GetAssessmentOrdersOpen": Listing(
            table="assessment_orders",
            only=Filter(lambda _, record, __: record.data["status"] == "OPEN", keys=lambda world, asked: _OPEN),
        ),
    }
)


@handles("GetAssessmentPackages")
def get_packages(context: Context, request: Any) -> Record:
    """The available packages."""
    rows = context.world.table("assessment_packages")
    return {"packages": [row.data for row in rows if not row.deleted]}


@handles("PutAssessmentPackages")
def set_packages(context: Context, request: assessment.SetPackages) -> Record:
    """All packages at once: others are removed."""
    world = context.world
    ids = [package.id for package in request.packages]
    if len(set(ids)) < len(ids):
        raise InputInvalid("packages: duplicate id")
    table = world.table("assessment_packages")
    for row in table:
        if row.id not in ids and not row.deleted:
            world.delete("assessment_packages", row)
    for package in request.packages:
        record = {**to_dict(package), "updated_at": context.clock.stamp()}
        known = table.find(package.id)
        if known is None:
            world.add("assessment_packages", record)
        else:
            world.change("assessment_packages", known, **record, remote_deleted_at=None)
    return {}


@handles("PutAssessmentOrdersAssessmentOrderIdResult")
def update_result(context: Context, request: assessment.UpdateOrderResult) -> Record:
    """The result of an order; a later one replaces it."""
    row = context.world.get("assessment_orders", request.assessment_order_id, "assessment order")
    if row.data["status"] == "REJECTED":
        raise RemoteRefusal("This order was rejected.")
    if row.data["status"] == "COMPLETED" and request.status != "COMPLETED":
        raise InputInvalid("status: a COMPLETED order cannot be changed back")
    if request.status == "COMPLETED" and request.completed_at is UNSET:
        raise InputInvalid("completed_at: must come with the status COMPLETED")
    attachments = () if request.attachments is UNSET else request.attachments
    files = [
        read_file(file, f"attachments[{place}]", context.warnings, context.fetched)
        for place, file in enumerate(attachments)
    ]
    result: Record = to_dict(request)
    for name in ("assessment_order_id", "attachments"):
        result.pop(name, None)
    kept = [{"file_name": file.name, "content_type": file.content_type} for file in files]
    context.world.change("assessment_orders", row, status=request.status, result={**result, "attachments": kept})
    for place, file in enumerate(files):
        context.environment.keep_file(f"{row.id}-{place}", file)
    return {}
