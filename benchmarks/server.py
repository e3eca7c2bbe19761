"""An HTTP server that costs next to nothing: `python server.py FOLDER LATENCY`, in a process of its own.

It prints its port, then answers each request by its path alone, with bytes made beforehand: what FOLDER has as
`create.json`, `attachment.json` and `employees.json`, the latter as 400 pages, each LATENCY seconds after its request.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGES = 400


def answer(body: bytes) -> bytes:
    """A whole answer with *body*."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Concurrency-Remaining: 29\r\n\r\n".encode() + body


class Answers:
    """What there is to answer."""

    def __init__(self, folder: Path, latency: float) -> None:
        self.latency = latency
        self._create = answer((folder / "create.json").read_bytes())
        self._attachment = answer((folder / "attachment.json").read_bytes())
        self._employees = (folder / "employees.json").read_bytes()

    def to(self, target: str) -> tuple[bytes, float]:
        """The answer to the request for *target*, and after how many seconds it comes."""
        url = urlsplit(target)
        if url.path.endswith("/attachments"):
            return self._attachment, 0
        if url.path.endswith("/employees"):
            page = int(parse_qs(url.query).get("cursor", ["1"])[0])
            after = b'"%d"' % (page + 1) if page < PAGES else b"null"
            return answer(self._employees.replace(b'"NEXT"', after, 1)), self.latency
        return self._create, 0


class Connection(asyncio.Protocol):
    """One connection: requests with a `Content-Length` or without a body, one after the other."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._head = b""
        self._target = ""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take part of a request; once it is whole, answer it."""
        if not self._target:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head = b""
            self._target = head.split(b" ", 2)[1].decode()
            self._missing = _content_length(head)
        self._missing -= len(data)
        if self._missing <= 0:
            content, latency = self._answers.to(self._target)
            self._target = ""
            if latency:
                asyncio.get_running_loop().call_later(latency, self._transport.write, content)
            else:
                self._transport.write(content)


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


async def main() -> None:
    """Serve until the parent ends this process."""
    answers = Answers(Path(sys.argv[1]), float(sys.argv[2]))
    server = await asyncio.get_running_loop().create_server(lambda: Connection(answers), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
