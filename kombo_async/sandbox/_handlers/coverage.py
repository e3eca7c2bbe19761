"""What Kombo covers for a tool: models and actions, derived from the operations."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from kombo_async._codec.structure import field_types
from kombo_async._generated.operations import REQUESTS
from kombo_async.request import data_type
from kombo_async.sandbox._handlers.registry import LISTINGS, Context, handles, load
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.integrations import Integration
from kombo_async.sandbox._state.refusals import InputInvalid
from kombo_async.sandbox._state.tools import Category, label, tools

if TYPE_CHECKING:
    from kombo_async import general


@cache
def _models(category: Category) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """The models that can be read: table, operationId, fields."""
    models: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    for request in _requests(category):
        load(request)
        listing = LISTINGS.get(request.operation.id)
        if listing is not None and listing.table not in models:
            (item,) = get_args(data_type(request))
            fields = tuple(field.name for field, _ in field_types(item))
            models[listing.table] = (listing.table, request.operation.id, fields)
    return tuple(models.values())


@cache
def _actions(category: Category) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """The actions: Kombo's name, operationId, fields."""
    return tuple(
        (_snake(f"{category.lower()}_{request.__name__}"), request.operation.id, request.operation.body or ())
        for request in _requests(category)
        if request.operation.action
    )


def _requests(category: Category) -> list[Any]:
    start = category.title()
    matching = (id for id in REQUESTS if re.match(rf"[A-Z][a-z]+{start}[A-Z]", id) and "Custom" not in id)
    return [REQUESTS[id] for id in matching]


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _label(name: str) -> str:
    return name.partition("_")[2].replace("_", " ").capitalize()


@handles("GetToolsCategory")
def get_tools(context: Context, request: general.GetTools) -> Record:
    """Every tool of a category, each fully covered."""
    categories: dict[str, Category] = {"hris": "HRIS", "ats": "ATS", "assessment": "ASSESSMENT", "lms": "LMS"}
    known = categories.get(request.category)
    if known is None:
        raise InputInvalid(f"category: must be one of {', '.join(categories)}")
    covered = {"coverage_status": "SUPPORTED"}

    def coverage(entries: tuple[tuple[str, str, tuple[str, ...]], ...]) -> list[Record]:
        return [
            {**covered, "id": name, "label": _label(name), "fields": [{**covered, "id": field} for field in fields]}
            for name, _, fields in entries
        ]

    whole = {"read_models": coverage(_models(known)), "write_actions": coverage(_actions(known)), "features": []}
    return {
        "tools": [
            {"id": tool, "label": name, "assets": _assets(context.root, tool), "coverage": whole}
            for tool, name in tools(known).items()
        ]
    }


def _assets(root: str, tool: str) -> Record:
    icon = f"{root}/_sandbox/icons/{tool}.svg"
    return {"logo_url": icon, "icon_url": icon, "icon_black_url": icon}


def describe(context: Context, integration: Integration) -> Record:
    """An integration with everything that it supports, and why it does not support the rest."""

    def entry(name: str, operation_id: str, fields: tuple[str, ...], *, settings: bool) -> Record:
        permission = integration.permissions.get(name) or integration.permissions.get(operation_id)
        common: Record = {
            "is_available": permission is None,
            "coverage_status": "UNSUPPORTED" if permission == "NOT_AVAILABLE" else "SUPPORTED",
        }
        more = {
            "scope_config_setting": "DISABLED" if permission == "DISABLED" else "ENABLED",
            "opted_out_by_customer": False,
        }
        inner = {**common, **more} if settings else common
        return {
            "id": name,
            "label": _label(name),
            **common,
            **more,
            "fields": [{"id": field, **inner} for field in fields],
        }

    assets = _assets(context.root, integration.tool)
    return {
        "id": integration.id,
        "tool": {"id": integration.tool, "label": label(integration.tool), **assets},
        "category": integration.category,
        "status": integration.status,
        "setup_status": integration.setup_status,
        "end_user": {
            "organization_name": integration.organization,
            "creator_email": integration.email,
            "origin_id": integration.origin_id,
        },
        "scope_config": {"id": "default", "name": "Everything"},
        "data_expired_at": None,
        "created_at": integration.created_at,
        "beta": False,
        "read_models": [entry(*model, settings=True) for model in _models(integration.category)],
        "write_actions": [entry(*action, settings=False) for action in _actions(integration.category)],
    }
