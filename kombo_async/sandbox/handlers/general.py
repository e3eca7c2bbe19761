"""General: API key, integrations, syncs, links and the passthrough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombo_async.model import UNSET
from kombo_async.sandbox.handlers import Context, handles
from kombo_async.sandbox.ids import make_id
from kombo_async.sandbox.store import Record

if TYPE_CHECKING:
    from kombo_async import general


@handles("GetCheckApiKey")
def check_api_key(context: Context, request: Any) -> Record:
    """Whose key it is."""
    return {
        "environment_id": make_id(context.sandbox.seed, "environment"),
        "customer_id": make_id(context.sandbox.seed, "customer"),
    }


@handles("PostForceSync")
def trigger_sync(context: Context, request: general.TriggerSync) -> Record:
    """A sync, which is over at once; one that was pending goes on."""
    integration = context.integration
    assert integration is not None  # noqa: S101 - the operation needs one
    number = len(context.world.table("syncs").rows)
    sync_id = make_id(context.sandbox.seed, integration.id, "sync", number)
    pending = integration.sync.pending
    if not pending:
        context.world.table("syncs")
        context.world.add("syncs", {"id": sync_id})
        context.sandbox.webhooks.sync_finished(integration, sync_id, 1)
    kind = "FULL" if request.type is UNSET else request.type
    return {"already_queued": pending, "sync_id": sync_id, "type": kind}
