"""One of Kombo's official clients in a process of its own, driven by lines of JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

from tests.sandbox.served import Served


class ClientProcess:
    """A process that reads a line and answers with one; the first line is the settings, the answer its operations."""

    def __init__(self, command: Sequence[str], served: Served) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.operations: list[str] = self.ask({"url": served.url, "key": served.sandbox.api_key})

    @classmethod
    @contextmanager
    def running(cls, command: Sequence[str], served: Served) -> Iterator[Self]:
        """Start the process, and end it after the block."""
        client = cls(command, served)
        try:
            yield client
        finally:
            client._process.kill()
            client._process.communicate()  # closes its pipes, too

    def ask(self, line: Any) -> Any:
        """Send a line and read the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())
