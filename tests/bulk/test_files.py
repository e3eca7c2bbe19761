"""Files of rows: read as they are sent, in constant memory; a bad file fails only its row."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kombo_async import ats
from kombo_async.attachments import CHUNK
from tests.bulk.conftest import CREATE, Bench, by_name

FILES, SIZE = 30, 20_000_000
MOST_ADDED = 60

MEASURE = f"""
import json, sys
import anyio
from kombo_async import AsyncKomboClient, RetryPolicy, ats
from kombo_async.bulk import Row

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

async def main(url, path):
    def adds(count, file):
        for number in range(count):
            attachment = ats.AttachmentInput.from_path(file, type="CV")
            yield ats.AddCandidateAttachment(candidate_id=str(number), attachment=attachment)

    async with AsyncKomboClient("key", base_url=url, integration_id="a:b", retry=RetryPolicy.none()) as kombo:
        first = [each.result async for each in kombo.bulk(adds({FILES}, __file__))]
        before = peak()
        results = [each.result async for each in kombo.bulk(adds({FILES}, path), concurrency={FILES})]
    print(json.dumps([first.count("done"), results.count("done"), peak() - before]))

anyio.run(main, *sys.argv[1:])
"""

SERVER = """
import asyncio

async def answer(reader, writer):
    while head := await reader.readuntil(b"\\r\\n\\r\\n"):
        left = int(head.lower().split(b"content-length:")[1].split(b"\\r\\n")[0])
        while left:
            left -= len(await reader.read(min(left, 65536)))
        body = b'{"status": "success", "data": {}, "warnings": []}'
        head = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n"
        writer.write(head % len(body) + body)

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@pytest.fixture
def sink() -> Iterator[str]:
    """A server in its own process that reads everything and keeps nothing."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process's memory from /proc")
def test_thirty_large_files_at_once_take_little_memory(sink: str, tmp_path: Path) -> None:
    """Thirty uploads of 20 MB at once add less than 60 MB to the peak memory of the process."""
    file, program = tmp_path / "cv.pdf", tmp_path / "measure.py"
    file.write_bytes(os.urandom(SIZE))
    program.write_text(MEASURE)
    output = subprocess.check_output([sys.executable, str(program), sink, str(file)], text=True, timeout=60)
    small, large, added = json.loads(output)
    assert (small, large) == (FILES, FILES)
    assert added < MOST_ADDED


@pytest.mark.anyio
async def test_a_file_that_changes_while_it_is_sent_fails_its_row(bench: Bench, tmp_path: Path) -> None:
    """A file that changes after it was measured fails its row, and its request is never complete."""
    path = tmp_path / "cv.pdf"
    path.write_bytes(b"x" * (3 * CHUNK))
    cv = ats.AttachmentInput.from_path(path, type="CV")
    data = cv.data
    assert not isinstance(data, str)
    length = await data.measure()  # type: ignore[union-attr]
    sent: list[bytes] = []

    async def read() -> None:
        async for chunk in data.chunks(length):  # type: ignore[union-attr]
            sent.append(chunk)
            os.utime(path, ns=(1, 1))

    with pytest.raises(ValueError, match=r"'cv\.pdf' changed while it was being sent"):
        await read()
    assert 0 < sum(map(len, sent)) < length


@pytest.mark.anyio
async def test_streams_that_give_a_little_at_a_time_are_whole(bench: Bench) -> None:
    """A stream that returns fewer bytes than requested still becomes valid base64."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1000) if size and size > 0 else 1000)

    content = os.urandom(CHUNK + 1234)
    cv = ats.AttachmentInput.from_stream(lambda: Slow(content), len(content), "cv.pdf", type="CV")
    row = ats.CreateApplication(job_id=bench.job_id, candidate=bench.application("ada").candidate, attachments=[cv])
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk([row]))
    assert outcomes["ada"].result == "done"
    assert base64.b64decode(bench.sandbox.performed(CREATE)[0].body["attachments"][0]["data"]) == content


@pytest.mark.anyio
@pytest.mark.parametrize("fault", ["missing", "empty", "folder"])
async def test_a_bad_file_is_its_rows_failure(bench: Bench, tmp_path: Path, fault: str) -> None:
    """A missing or empty file, or one that is not a file, refuses its row by name before anything is sent."""
    path = tmp_path / "cv.pdf"
    if fault == "empty":
        path.touch()
    elif fault == "folder":
        path.mkdir()
    cv = ats.AttachmentInput.from_path(path, type="CV")
    row = ats.CreateApplication(job_id=bench.job_id, candidate=bench.application("bad").candidate, attachments=[cv])
    async with bench.client() as kombo:
        outcomes = await by_name(kombo.bulk([row, bench.application("ada")]))
    assert (outcomes["bad"].result, outcomes["ada"].result) == ("refused", "done")
    assert "attachment 'cv.pdf'" in outcomes["bad"].message
    assert bench.made == ["ada"]
