"""TLS over our own buffers: unread bytes are noticed wherever they are, even half a record."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from kombo_async._http.streams import TLSStream
from tests.support.certificates import Authority

pytestmark = pytest.mark.anyio


class Server:
    """The other side, in memory: what is sent to it, it takes; what it says comes with the next `receive`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.shaken = False
        self.coming: list[bytes] = []

    async def send(self, data: bytes) -> None:
        self._incoming.write(data)
        if not self.shaken:
            try:
                self.tls.do_handshake()
                self.shaken = True
            except ssl.SSLWantReadError:
                pass
            self.coming.append(self._outgoing.read())

    async def receive(self) -> bytes:
        return self.coming.pop(0)

    def says(self, data: bytes) -> bytes:
        """The record that *data* makes."""
        self.tls.write(data)
        return self._outgoing.read()

    def is_silent(self) -> bool:
        return not self.coming

    async def aclose(self) -> None:
        """Nothing is open."""


@pytest.fixture
async def server_and_stream(tmp_path: Path) -> tuple[Server, TLSStream]:
    """A connection after its handshake."""
    authority = Authority(tmp_path)
    server = Server(authority.server("localhost"))
    stream = TLSStream(server, ssl.create_default_context(cafile=authority.file), "localhost")
    await stream.handshake()
    server.coming = [b"".join(server.coming)] if any(server.coming) else []  # tickets for a later session
    return server, stream


@pytest.mark.parametrize("stray", [1, 4, 5, 6, 20, -1, None])
@pytest.mark.parametrize("together", [True, False])
async def test_parts_of_records(server_and_stream: tuple[Server, TLSStream], stray: int | None, together: bool) -> None:
    """After an answer the stream is silent; with any part of another record, whoever has taken it, it is not."""
    server, stream = server_and_stream
    server.coming = [b"".join(server.coming) + server.says(b"answer")]
    assert await stream.receive() == b"answer"
    assert stream.is_silent()
    answer, more = server.says(b"answer"), server.says(b"another")[:stray]
    server.coming = [answer + more] if together else [answer, more]
    received = await stream.receive()
    assert received.startswith(b"answer")
    assert received != b"answer" or not stream.is_silent()
