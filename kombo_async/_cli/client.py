"""The options shared by all commands that call Kombo, and the client built from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import click

from kombo_async.client import AsyncKomboClient
from kombo_async.options import RetryPolicy

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--integration",
        "integration_id",
        metavar="TOOL:ID",
        envvar="KOMBO_INTEGRATION_ID",
        help="The customer's system (default: KOMBO_INTEGRATION_ID).",
    ),
    click.option(
        "--base-url",
        metavar="URL",
        envvar="KOMBO_BASE_URL",
        help="A different base URL of the API (default: KOMBO_BASE_URL).",
    ),
    click.option("--region", type=click.Choice(["eu", "us", "ca"]), help="Where Kombo keeps your data (default: eu)."),
)


@attrs.frozen
class Connection:
    """Which integration, at which address."""

    integration_id: str | None = None
    base_url: str | None = None
    region: Any = None

    def client(self, *, retry: RetryPolicy | None = None, deadline: float | None = None) -> AsyncKomboClient:
        """Build a client from these options. Raises `click.UsageError` for invalid ones."""
        try:
            return AsyncKomboClient(
                integration_id=self.integration_id,
                base_url=self.base_url,
                region=self.region,
                retry=retry,
                deadline=deadline,
            )
        except (ValueError, OSError, ImportError) as error:
            raise click.UsageError(str(error)) from None

    def require_integration(self, operation: Any) -> None:
        """Raise `click.UsageError` if *operation* needs an integration and none is given."""
        if operation.integration and self.integration_id is None:
            raise click.UsageError("no integration given: pass --integration TOOL:ID or set KOMBO_INTEGRATION_ID")


def client_options(command: F) -> F:
    """Add the options to a command. The API key comes from KOMBO_API_KEY, to keep it out of process lists."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
