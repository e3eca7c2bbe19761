"""Options that all commands that talk to Kombo have, and the client that they make."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import click

from kombo_async.client import AsyncKomboClient
from kombo_async.options import RetryPolicy

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--integration", "integration_id", metavar="TOOL:ID", help="Else KOMBO_INTEGRATION_ID."),
    click.option("--base-url", metavar="URL", help="Another address of the API; else KOMBO_BASE_URL."),
    click.option(
        "--region", type=click.Choice(["eu", "us", "ca"]), help="Where Kombo keeps your data; eu if left out."
    ),
)


def client_options(command: F) -> F:
    """Add them to a command. The API key comes from KOMBO_API_KEY, so that it is in no list of processes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def make_client(
    integration_id: str | None, base_url: str | None, region: Any, *, retry: RetryPolicy | None = None
) -> AsyncKomboClient:
    """A client by these options. Wrong ones are `click.UsageError`s."""
    logging.getLogger("kombo_async").addHandler(logging.NullHandler())  # its failures are told by the commands
    try:
        return AsyncKomboClient(integration_id=integration_id, base_url=base_url, region=region, retry=retry)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
