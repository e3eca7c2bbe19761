"""`kombo-async check`: is the key valid, and can the integration be used?"""

from __future__ import annotations

from typing import Any

import anyio
import click

from kombo_async._cli.client import Connection, client_options
from kombo_async._cli.console import echo, note
from kombo_async.errors import KomboError, NotFound, SyncPending
from kombo_async.options import RetryPolicy

_STATUS = {
    "INVALID": "its credentials no longer work: the customer must reconnect it",
    "INACTIVE": "it was switched off in Kombo or by the customer",
}
_SETUP = {
    "INCOMPLETE": "its setup is not complete: finish it in Kombo's dashboard",
    "FINAL_SYNC_PENDING": "its first sync has not finished yet: wait, and check again",
}
_READS = {"ATS": "get_jobs", "HRIS": "get_employees", "LMS": "get_users"}
"""The list that is read to see whether an integration of a category responds."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@client_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(integration_id: str | None, base_url: str | None, region: str | None, as_json: bool) -> None:
    """Check that the API key (KOMBO_API_KEY) and the integration work.

    Exit codes: 0 both work, 1 one of them does not (the output says why), 2 usage error.
    """
    result = anyio.run(_check, Connection(integration_id, base_url, region))
    if as_json:
        echo(result)
    else:
        for name, value in result.items():
            if name == "ok":
                value = "yes" if value else "no"
            echo(f"{name.replace('_', ' '):<16}{value}")
        if result["ok"] and integration_id is None:
            note("No integration was checked: pass --integration TOOL:ID or set KOMBO_INTEGRATION_ID")
    raise SystemExit(0 if result["ok"] else 1)


async def _check(connection: Connection) -> dict[str, object]:
    result: dict[str, object] = {"ok": False}
    async with connection.client(retry=RetryPolicy(sync_wait=0), deadline=30) as kombo:
        try:
            key = (await kombo.general.check_api_key()).unwrap()
            result["environment_id"] = key.environment_id
            if connection.integration_id is not None:
                await _check_integration(kombo, connection.integration_id, result)
            result["ok"] = "problem" not in result
        except SyncPending as failure:
            result["problem"] = f"the first sync has not finished yet: {failure}"
        except NotFound as failure:
            what = (
                "this key has no such integration" if failure.from_kombo else "this is not the address of Kombo's API"
            )
            result["problem"] = f"{what}: {failure}"
        except KomboError as failure:
            result["problem"] = str(failure)
    return result


async def _check_integration(kombo: Any, integration_id: str, result: dict[str, object]) -> None:
    integration = (await kombo.general.get_integration_details(integration_id)).unwrap()
    result |= {
        "integration_id": integration.id,
        "tool": integration.tool.label,
        "category": integration.category,
        "status": integration.status,
        "setup_status": integration.setup_status,
    }
    if integration.status != "ACTIVE":
        result["problem"] = f"the integration cannot be used: {_STATUS.get(integration.status, integration.status)}"
    elif integration.setup_status in _SETUP:
        result["problem"] = f"the integration cannot be used yet: {_SETUP[integration.setup_status]}"
    elif integration.category in _READS:
        namespace = getattr(kombo, integration.category.lower())
        (await getattr(namespace, _READS[integration.category])(page_size=1)).unwrap()
