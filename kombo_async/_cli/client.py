"""The options shared by all commands that call Kombo, and the client built from them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import click

from kombo_async.client import AsyncKomboClient
from kombo_async.options import RetryPolicy, resolve_base_url

F = TypeVar("F", bound=Callable[..., Any])


def _not_empty(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An empty variable in a script is one that is not set."""
    return value or None


_OPTIONS = (
    click.option(
        "--integration",
        "integration_id",
        metavar="TOOL:ID",
        envvar="KOMBO_INTEGRATION_ID",
        callback=_not_empty,
        help="The customer's system (default: KOMBO_INTEGRATION_ID).",
    ),
    click.option(
        "--base-url",
        metavar="URL",
        envvar="KOMBO_BASE_URL",
        callback=_not_empty,
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
            raise click.UsageError(_in_words_of_options(str(error))) from None

    @property
    def host(self) -> str:
        """The host of the API, with its port. Raises `click.UsageError` for a wrong address."""
        try:
            address = resolve_base_url(self.base_url, self.region, allow_http=True)
        except ValueError as error:
            raise click.UsageError(_in_words_of_options(str(error))) from None
        return re.sub(r"^https?://|/v1/?$", "", address)

    def require_integration(self, operation: Any) -> None:
        """Raise `click.UsageError` if *operation* needs an integration and none is given."""
        if operation.integration and self.integration_id is None:
            raise click.UsageError("no integration given: pass --integration TOOL:ID or set KOMBO_INTEGRATION_ID")


_SETTINGS = {
    "api_key": "KOMBO_API_KEY",
    "integration_id": "--integration (or KOMBO_INTEGRATION_ID)",
    "base_url": "--base-url (or KOMBO_BASE_URL)",
}
"""What the command line calls the parameters of the client."""


def _in_words_of_options(text: str) -> str:
    """A message about a parameter of the client, for somebody who has options and variables instead."""
    if text.startswith("api_key: pass"):
        return "KOMBO_API_KEY: set it to the API key from Kombo's dashboard"
    name, _, problem = text.partition(": ")
    return f"{_SETTINGS.get(name, name)}: {problem.removesuffix(', or pass allow_http=True if you have to')}"


def client_options(command: F) -> F:
    """Add the options to a command. The API key comes from KOMBO_API_KEY, to keep it out of process lists."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
