"""`transport="aiohttp"`: the fastest way to send under asyncio, by the extra `[aiohttp]`.

aiohttp parses HTTP in C. It is never chosen silently, since what tests mock, they mock in httpx.
"""

from __future__ import annotations

import asyncio

try:
    import httpx_aiohttp
except ModuleNotFoundError as _error:
    if _error.name not in ("httpx_aiohttp", "aiohttp"):
        raise
    raise ModuleNotFoundError(
        'transport="aiohttp" needs more packages: pip install "kombo_async[aiohttp]"', name=_error.name
    ) from None

import aiohttp

from kombo_async.connections import KEPT


class OverAiohttp(httpx_aiohttp.AiohttpTransport):
    """Sends through aiohttp: without its cookies and limits, with the proxies that the environment names."""

    def get_client(self) -> aiohttp.ClientSession:
        """The session, made with the first request."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError('transport="aiohttp" works under asyncio alone; leave it out under trio') from None
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT, ssl=self.ssl_context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True)
