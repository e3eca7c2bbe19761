"""A sandbox over HTTP for tests that are not async themselves, such as those that steer a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from anyio.from_thread import BlockingPortal, start_blocking_portal

from kombo_async import AsyncKomboClient, RetryPolicy
from kombo_async.errors import NoResponse
from kombo_async.sandbox import GREENHOUSE, Sandbox, serve
from tests.sandbox.test_recruiting import create


@attrs.frozen
class Served:
    """A sandbox served over HTTP in a thread of its own, and a client that asks it once for each call."""

    sandbox: Sandbox
    portal: BlockingPortal
    url: str
    kombo: AsyncKomboClient

    def tags(self) -> Any:
        """A simple call; where no answer comes, what was raised."""
        try:
            return self.portal.call(lambda: self.kombo.ats.get_tags())
        except NoResponse as error:
            return error

    def create(self, **fields: Any) -> Any:
        """Create Frank Doe, who applies for the first open job."""
        return self.portal.call(lambda: create(self.kombo, self.sandbox, **fields))


@contextmanager
def serve_in_thread(sandbox: Sandbox) -> Iterator[Served]:
    """Serve *sandbox* while the block runs."""
    with (
        start_blocking_portal("asyncio", {"use_uvloop": False}) as portal,
        portal.wrap_async_context_manager(serve(sandbox)) as url,
        portal.wrap_async_context_manager(
            AsyncKomboClient(api_key=sandbox.api_key, base_url=url, integration_id=GREENHOUSE, retry=RetryPolicy.none())
        ) as kombo,
    ):
        yield Served(sandbox, portal, url, kombo)
