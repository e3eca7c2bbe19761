"""General: API key, integrations, syncs, links and the passthrough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombo_async.model import UNSET, to_dict
from kombo_async.sandbox._handlers import toy_tool
from kombo_async.sandbox._handlers.connect_flow import new_link
from kombo_async.sandbox._handlers.coverage import describe
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.refusals import InputInvalid

if TYPE_CHECKING:
    from kombo_async import general


@handles("GetCheckApiKey")
def check_api_key(context: Context, request: Any) -> Record:
    """Whose key it is."""
    return {
        "environment_id": make_id(context.environment.seed, "environment"),
        "customer_id": make_id(context.environment.seed, "customer"),
    }


@handles("PostForceSync")
def trigger_sync(context: Context, request: general.TriggerSync) -> Record:
    """A sync, which finishes at once; a running first sync continues."""
    integration = context.integration
    assert integration is not None  # noqa: S101 - the operation needs one
    sync_id = make_id(context.environment.seed, integration.id, "sync", len(context.world.table("syncs")))
    pending = integration.sync.pending
    if not pending:
        context.world.add("syncs", {"id": sync_id})
        context.webhooks.sync_finished(integration, sync_id, 1)
    kind = "FULL" if request.type is UNSET else request.type
    return {"already_queued": pending, "sync_id": sync_id, "type": kind}


@handles("GetIntegrationsIntegrationId")
def get_integration(context: Context, request: general.GetIntegrationDetails) -> Record:
    """An integration and what it supports."""
    return describe(context, context.environment.integration(request.integration_id))


@handles("DeleteIntegrationsIntegrationId")
def delete_integration(context: Context, request: general.DeleteIntegration) -> Record:
    """Delete an integration."""
    integration = context.environment.integration(request.integration_id)
    integration.deleted = True
    context.environment.save_integration(integration)
    context.webhooks.integration_deleted(integration)
    return {}


@handles("PutIntegrationsIntegrationIdEnabled")
def set_enabled(context: Context, request: general.SetIntegrationEnabled) -> Record:
    """Switch an integration on or off."""
    integration = context.environment.integration(request.integration_id)
    if integration.active != request.value:
        integration.active = request.value
        context.environment.save_integration(integration)
        context.webhooks.state_changed(integration)
    return {}


@handles("PostIntegrationsIntegrationIdRelink")
def relink(context: Context, request: general.CreateReconnectionLink) -> Record:
    """A link to reconnect an integration."""
    return _link(context, request.integration_id, request)


@handles("PostIntegrationsIntegrationIdSetupLink")
def setup_link(context: Context, request: general.CreateSetupLink) -> Record:
    """A link to the remaining setup steps."""
    if context.environment.integration(request.integration_id).setup_complete:
        raise InputInvalid("The setup of this integration is complete; there is nothing left to show.")
    return _link(context, request.integration_id, request)


def _link(context: Context, integration_id: str, request: Any) -> Record:
    integration = context.environment.integration(integration_id)
    token = new_link(context.environment, to_dict(request), integration.id)
    return {"link": f"{context.root}/connect/{token}"}


@handles("PostPassthroughToolApi")
async def passthrough(context: Context, request: general.SendPassthroughRequest) -> Record:
    """The caller's own request to the connected tool: here, a toy."""
    integration = context.integration
    assert integration is not None  # noqa: S101 - the operation needs one
    if request.tool != integration.tool:
        raise InputInvalid(f"tool: the integration connects {integration.tool}, not {request.tool}")
    return await toy_tool.answer(context, request)
