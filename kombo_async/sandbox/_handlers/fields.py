"""Integration fields and custom fields of an integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombo_async.request import Request
from kombo_async.sandbox._api.lists import Listing, read_page
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.store import World

if TYPE_CHECKING:
    from kombo_async import general

_FIELDS = Listing(table="integration_fields", twin=True, largest_page=2000)
_CUSTOM = Listing(
    table="custom_fields",
    twin=True,
    view=lambda world, record: {
        **record,
        "integration_field": world.peek("integration_fields", record["integration_field_id"]),
    },
)


@handles("GetIntegrationsIntegrationIdIntegrationFields")
def get_fields(context: Context, request: general.GetIntegrationFields) -> Record:
    """The connected system's additional fields."""
    return _page(context, _FIELDS, request.integration_id, request)


@handles("GetIntegrationsIntegrationIdCustomFields")
def get_custom_fields(context: Context, request: general.GetCustomFields) -> Record:
    """The custom fields and their mappings."""
    return _page(context, _CUSTOM, request.integration_id, request)


@handles("PatchIntegrationsIntegrationIdIntegrationFieldsIntegrationFieldId")
def update_field(context: Context, request: general.UpdateIntegrationField) -> Record:
    """Switch the passing through of its values on or off."""
    world = _world(context, request.integration_id)
    row = world.get("integration_fields", request.integration_field_id, "integration field")
    if request.enable_passthrough is not None:
        world.change("integration_fields", row, is_passthrough_enabled=request.enable_passthrough)
        world.redraw(row.data["model"])
    return row.data


@handles("PutIntegrationsIntegrationIdCustomFieldsCustomFieldId")
def map_field(context: Context, request: general.UpdateCustomFieldMapping) -> Record:
    """Map one of the connected system's fields to a custom field; null unmaps it."""
    world = _world(context, request.integration_id)
    row = world.get("custom_fields", request.custom_field_id, "custom field")
    if request.integration_field_id is not None:
        world.get("integration_fields", request.integration_field_id, "integration field")
    world.change("custom_fields", row, integration_field_id=request.integration_field_id)
    world.redraw(row.data["model"])
    return _CUSTOM.view(world, row.data)


def _page(context: Context, listing: Listing, integration_id: str, request: Request[Any]) -> Record:
    return read_page(_world(context, integration_id), listing, request)


def _world(context: Context, integration_id: str) -> World:
    """The records of the integration named in the path."""
    context.environment.integration(integration_id)
    return context.environment.world(integration_id)
