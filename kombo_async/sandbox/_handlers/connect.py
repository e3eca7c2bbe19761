"""The connection flow: a link for a customer, the page behind it, and the resulting token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kombo_async.model import UNSET, to_dict
from kombo_async.sandbox._handlers.connect_flow import new_link
from kombo_async.sandbox._handlers.registry import Context, handles
from kombo_async.sandbox._state.indexes import Record
from kombo_async.sandbox._state.integrations import Integration
from kombo_async.sandbox._state.refusals import UnknownId

if TYPE_CHECKING:
    from kombo_async import connect

STATIC_IPS = ["192.0.2.10", "192.0.2.11"]


@handles("PostConnectCreateLink")
def create_link(context: Context, request: connect.CreateConnectionLink) -> Record:
    """A link, whose page asks which system to connect."""
    wanted: Record = to_dict(request)
    token = new_link(context.environment, wanted)
    answer: Record = {"link": f"{context.root}/connect/{token}"}
    if request.enable_static_ips is not UNSET and request.enable_static_ips:
        answer["static_ips"] = STATIC_IPS
    return answer


@handles("GetConnectIntegrationByTokenToken")
def by_token(context: Context, request: connect.GetIntegrationByToken) -> Record:
    """The integration created by a connection flow."""
    return _connected(_of_token(context, request.token))


@handles("PostConnectActivateIntegration")
def activate(context: Context, request: connect.ActivateIntegration) -> Record:
    """The same, and mark it as in use."""
    integration = _of_token(context, request.token)
    integration.active = True
    context.environment.save_integration(integration)
    return _connected(integration)


def _of_token(context: Context, token: str) -> Integration:
    for integration in context.environment.integrations.values():
        if integration.token == token:
            return integration
    raise UnknownId("integration for this token", token)


def _connected(integration: Integration) -> Record:
    return {
        "tool": integration.tool,
        "id": integration.id,
        "end_user_origin_id": integration.origin_id,
        "end_user_organization_name": integration.organization,
        "end_user_email": integration.email,
        "setup_status": integration.setup_status,
    }
