"""Proxies on this machine: HTTP, with and without TLS, and SOCKS5."""

from __future__ import annotations

import asyncio
import ssl
import threading
from types import TracebackType
from typing import Self


class Proxy:
    """A proxy that leads everybody to *port* of this machine, whatever they ask for; `with Proxy(port) as proxy`.

    *status*: what it answers to `CONNECT` instead. *silent*: it answers nothing.
    """

    def __init__(
        self,
        port: int,
        *,
        socks: bool = False,
        tls: ssl.SSLContext | None = None,
        status: int = 200,
        silent: bool = False,
        user: str = "",
    ) -> None:
        self._target = port
        self._socks = socks
        self._tls = tls
        self._status = status
        self._silent = silent
        self._user = user
        self.asked: list[str] = []
        """Where it was asked to lead to."""
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        """Its address."""
        scheme = "socks5" if self._socks else "http" if self._tls is None else "https"
        host = "127.0.0.1" if self._tls is None else "localhost"
        return f"{scheme}://{self._user}{host}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await (self._by_socks if self._socks else self._by_http)(reader, writer)
            if first is None:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            back.write(first)
            try:
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
            finally:
                back.close()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _by_http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.decode().split("\r\n")[0].split(" ")
        self.asked.append(target)
        if self._silent:
            await asyncio.sleep(60)
        if self._user and b"proxy-authorization: basic" not in head.lower():
            self._status = 407
        if self._status != 200:
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % self._status)
            await writer.drain()
            return None
        if method != "CONNECT":
            return head
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        return b""

    async def _by_socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        methods = (await reader.readexactly(2))[1]
        await reader.readexactly(methods)
        if self._user:
            writer.write(b"\x05\x02")
            await reader.readexactly(1)
            for _ in range(2):
                await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x01\x00")
        else:
            writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        host = await reader.readexactly(length)
        port = int.from_bytes(await reader.readexactly(2))
        self.asked.append(f"{host.decode('latin-1')}:{port}")
        refused = self._status != 200
        writer.write(b"\x05" + (b"\x05" if refused else b"\x00") + b"\x00\x01\x00\x00\x00\x00\x00\x00")
        return None if refused else b""


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
