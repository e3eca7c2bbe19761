"""`transport="aiohttp"`: the fastest way to send under asyncio, by the extra `[aiohttp]`.

aiohttp parses HTTP in C. It is never chosen silently, since what tests mock, they mock in httpx.
"""

from __future__ import annotations

import asyncio

from kombo_async._lazy import missing_extra

try:
    import httpx_aiohttp
except ModuleNotFoundError as _error:
    raise missing_extra(_error, "aiohttp", "httpx_aiohttp", "aiohttp") from None

import aiohttp
import httpx

from kombo_async._http.connections import KEEPALIVE_EXPIRY, proxy_of


class OverAiohttp(httpx_aiohttp.AiohttpTransport):
    """Sends to *base_url* through aiohttp: without its cookies and limits, by the proxy that the environment names."""

    def __init__(self, base_url: str) -> None:
        proxy = proxy_of(httpx.URL(base_url))
        super().__init__(proxy=httpx.Proxy(proxy) if proxy else None)

    def get_client(self) -> aiohttp.ClientSession:
        """The session, made with the first request."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError('transport="aiohttp" works under asyncio alone; leave it out under trio') from None
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_EXPIRY, ssl=self.ssl_context)
        # With `trust_env`, aiohttp would look for a proxy at each request, which takes as long as the request.
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
