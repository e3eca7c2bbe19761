"""What a client can send through: connections of its own, a transport, or a client that the caller made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import attrs
import httpx
import httpx2
import pytest

from kombo_async import AsyncKomboClient
from tests.support.calls import client
from tests.support.fault_server import FaultServer, Step


@attrs.frozen
class Over:
    """One of them."""

    name: str
    library: ModuleType | None = None
    """Whose it is; None for the client's own."""
    as_client: bool = False
    """Whether it is passed as `http_client=`."""

    @property
    def knows(self) -> bool:
        """Whether it can tell if a request was written. Over any other, what was begun counts as written."""
        return self.library is None

    @asynccontextmanager
    async def settings(self, *, proxy: str | None = None, verify: Any = False) -> AsyncIterator[dict[str, Any]]:
        """The settings for the client. Not to check certificates spares httpx to load them for each test."""
        if self.library is None:
            yield {}
            return
        if not self.as_client:
            yield {"transport": self.library.AsyncHTTPTransport(proxy=proxy, verify=verify)}
            return
        async with self.library.AsyncClient(proxy=proxy, verify=verify, trust_env=False) as http_client:
            yield {"http_client": http_client}

    @asynccontextmanager
    async def client(self, server: FaultServer, *steps: Step, **settings: Any) -> AsyncIterator[AsyncKomboClient]:
        """A client of *server* over this, whose calls meet *steps* if there are any."""
        async with self.settings() as sending, client(server, *steps, **sending, **settings) as kombo:
            yield kombo


OURS = Over("ours")
OTHERS = [
    Over("httpx-transport", httpx),
    Over("httpx-client", httpx, as_client=True),
    Over("httpx2-transport", httpx2),
    Over("httpx2-client", httpx2, as_client=True),
]

each_over = pytest.mark.parametrize("over", [OURS, *OTHERS], ids=lambda each: each.name)
each_other = pytest.mark.parametrize("over", OTHERS, ids=lambda each: each.name)
