"""How many calls a second a served sandbox takes: `python -m tests.sandbox.throughput`.

The server runs on one core, the caller on another; both are plain processes with plain sockets between them.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from multiprocessing.synchronize import Event
from pathlib import Path

from kombo_async.sandbox import API_KEY, GREENHOUSE, Sandbox, serve

CONNECTIONS = 16
SECONDS = 3.0


def run_server(port: int, ready: Event) -> None:
    """Serve on the first core until this process is ended."""
    os.sched_setaffinity(0, {0})

    async def main() -> None:
        async with serve(Sandbox(), port=port):
            ready.set()
            await asyncio.sleep(60)

    asyncio.run(main())


def messages(port: int) -> dict[str, tuple[str, str]]:
    """What is called: a name, the request line, and a body with a place for a number."""
    job = Sandbox().world(GREENHOUSE).table("ats_jobs")[0].id
    person = {"first_name": "F", "last_name": "D", "email_address": "f%d@example.com"}
    return {
        "check the key": ("GET /v1/check-api-key", ""),
        "list of tags": ("GET /v1/ats/tags", ""),
        "page of 20 candidates": ("GET /v1/ats/candidates?page_size=20", ""),
        "create a candidate": (
            "POST /v1/ats/candidates",
            json.dumps({"candidate": person, "application": {"job_id": job}}),
        ),
    }


async def measure(port: int, line: str, body: str) -> float:
    """Calls per second, all of them answered with 200."""
    count = 0
    end = time.perf_counter() + SECONDS

    async def connection() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            count += 1
            content = (body % count if body else "").encode()
            head = f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {API_KEY}\r\n"
            head += f"X-Integration-Id: {GREENHOUSE}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in answer[:15], answer
            await reader.readexactly(int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return count / (time.perf_counter() - started)


def cpu_seconds(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, and print; per second of the server's processor time, too, which others on the machine do not change."""
    port = 8799
    ready = multiprocessing.Event()
    server = multiprocessing.Process(target=run_server, args=(port, ready), daemon=True)
    server.start()
    ready.wait(10)
    os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)) or {0})
    for name, (line, body) in messages(port).items():
        used, started = cpu_seconds(server.pid or 0), time.perf_counter()
        rate = asyncio.run(measure(port, line, body))
        busy = (cpu_seconds(server.pid or 0) - used) / (time.perf_counter() - started)
        print(f"{name:24}{rate:8.0f} calls/s{rate / busy:8.0f} per second of processor time")  # noqa: T201
    server.terminate()


if __name__ == "__main__":
    main()
