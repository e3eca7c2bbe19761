"""`kombo-async check`: is the key valid, and does the integration answer?"""

from __future__ import annotations

import json
import os

import anyio
import click

from kombo_async.client import AsyncKomboClient
from kombo_async.errors import KomboError, NotFound, SyncPending
from kombo_async.options import RetryPolicy


@click.command()
@click.option("--integration", "integration_id", metavar="TOOL:ID", help="Else KOMBO_INTEGRATION_ID.")
@click.option("--base-url", metavar="URL", help="Another address of the API; else KOMBO_BASE_URL.")
@click.option("--region", type=click.Choice(["eu", "us", "ca"]), help="Where Kombo keeps your data; eu if left out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(integration_id: str | None, base_url: str | None, region: str | None, as_json: bool) -> None:
    """Say whether the API key (KOMBO_API_KEY) and the integration work."""
    try:
        result = anyio.run(_check, integration_id or os.environ.get("KOMBO_INTEGRATION_ID"), base_url, region)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(result))
    else:
        for name, value in result.items():
            click.echo(f"{name.replace('_', ' '):<16}{value}")
    raise SystemExit(0 if result["ok"] else 1)


async def _check(integration_id: str | None, base_url: str | None, region: str | None) -> dict[str, object]:
    result: dict[str, object] = {"ok": False}
    client = AsyncKomboClient(base_url=base_url, region=region, retry=RetryPolicy(sync_wait=0), deadline=30)  # type: ignore[arg-type]
    async with client as kombo:
        try:
            key = (await kombo.general.check_api_key()).unwrap()
            result["environment_id"] = key.environment_id
            if integration_id is not None:
                integration = (await kombo.general.get_integration_details(integration_id)).unwrap()
                result |= {
                    "integration_id": integration.id,
                    "tool": integration.tool.label,
                    "category": integration.category,
                    "status": integration.status,
                    "setup_status": integration.setup_status,
                }
            result["ok"] = True
        except SyncPending as failure:
            result["problem"] = f"the first sync has not finished yet: {failure}"
        except NotFound as failure:
            result["problem"] = f"there is no such integration for this key: {failure}"
        except KomboError as failure:
            result["problem"] = str(failure)
    return result
