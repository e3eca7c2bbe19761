"""Files: streamed as base64 inside JSON, read as they are sent and again for each attempt."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest

from kombo_async import AsyncKomboClient, RetryPolicy, Success, ats, to_dict
from kombo_async._codec.encode import encode
from kombo_async.attachments import CHUNK, FileData
from tests.support.loopback import Received, loopback, raw_answer
from tests.support.wire import API_KEY, INTEGRATION, failure, mock_client, success

pytestmark = pytest.mark.anyio

Server = Callable[[Received], bytes]


def keeping(received: list[Received], *answers: bytes) -> Server:
    """A server that keeps what it is sent, and gives *answers* in turn, then success."""
    left = list(answers)

    def serve(request: Received) -> bytes:
        received.append(request)
        return left.pop(0) if left else raw_answer(200, success({}, []).content)

    return serve


def a_client(url: str, retry: RetryPolicy | None = None) -> AsyncKomboClient:
    return AsyncKomboClient(API_KEY, integration_id=INTEGRATION, base_url=url, retry=retry or RetryPolicy.none())


def attached(body: bytes) -> bytes:
    """The file in a sent body."""
    attachment: Any = json.loads(body)["attachment"]
    return base64.b64decode(attachment["data"], validate=True)


@pytest.mark.parametrize("size", [1, 2, 3, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 2])
async def test_files_arrive_byte_for_byte(size: int, tmp_path: Path) -> None:
    """A file of any size arrives whole over a real socket, with the exact length said before it is sent."""
    data = (b"0123456789abcdef\x00\xff" * (size // 18 + 1))[:size]
    (tmp_path / "cv.pdf").write_bytes(data)
    received: list[Received] = []
    with loopback(keeping(received)) as url:
        async with a_client(url) as kombo:
            reply = await kombo.ats.add_candidate_attachment(
                "1", attachment=ats.AttachmentInput.from_path(tmp_path / "cv.pdf", type="CV")
            )
    assert isinstance(reply, Success)
    (request,) = received
    assert int(request.headers["Content-Length"]) == len(request.body)
    assert "Transfer-Encoding" not in request.headers
    assert attached(request.body) == data
    sent = json.loads(request.body)["attachment"]
    assert (sent["name"], sent["content_type"], sent["type"]) == ("cv.pdf", "application/pdf", "CV")


async def test_several_files_among_other_fields(tmp_path: Path) -> None:
    """Each file is at its place in the body, however many there are, even if one comes twice."""
    (tmp_path / "cv.txt").write_text("Frank")
    file = ats.AttachmentInput.from_path(tmp_path / "cv.txt", type="CV")
    received: list[Received] = []
    request = ats.CreateCandidate(
        candidate=ats.CandidateInput(first_name="Frank", last_name="Doe", email_address="frank@example.com"),
        application=ats.CandidateApplicationInput(job_id="1"),
        attachments=[
            file,
            ats.AttachmentInput.from_bytes(b"letter", "letter.docx", type="COVER_LETTER"),
            ats.AttachmentInput(name="ready.txt", data="UmVhZHk=", type="OTHER"),
            file,
        ],
    )
    with loopback(keeping(received)) as url:
        async with a_client(url) as kombo:
            await kombo.send(request)
    body = json.loads(received[0].body)
    assert [base64.b64decode(each["data"]) for each in body["attachments"]] == [b"Frank", b"letter", b"Ready", b"Frank"]
    assert body["candidate"]["first_name"] == "Frank"
    assert body == to_dict(request)


async def test_retries_read_the_file_again(tmp_path: Path) -> None:
    """Each attempt reads the file again and sends all of it; an exhausted stream is never sent empty."""
    opened: list[BinaryIO] = []

    def open_() -> BinaryIO:
        opened.append(BytesIO(b"streamed"))
        return opened[-1]

    received: list[Received] = []
    refused = raw_answer(429, failure(429, "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED").content)
    with loopback(keeping(received, refused, refused)) as url:
        async with a_client(url, RetryPolicy(initial_delay=0.001)) as kombo:
            reply = await kombo.ats.add_candidate_attachment(
                "1", attachment=ats.AttachmentInput.from_stream(open_, 8, "cv.txt", type="CV")
            )
    assert reply.attempts == 3
    assert [attached(request.body) for request in received] == [b"streamed"] * 3
    assert len(opened) == 3
    assert all(stream.closed for stream in opened)


@pytest.mark.parametrize(
    ("name", "says"), [("empty.pdf", r"attachment 'empty\.pdf' is empty"), ("missing.pdf", "cannot be read: No such")]
)
async def test_empty_and_missing_files(name: str, says: str, tmp_path: Path) -> None:
    """A missing or empty file fails the call before anything is sent."""
    (tmp_path / "empty.pdf").touch()
    received: list[Received] = []
    with loopback(keeping(received)) as url:
        async with a_client(url) as kombo:
            with pytest.raises(ValueError, match=says):
                await kombo.ats.add_candidate_attachment(
                    "1", attachment=ats.AttachmentInput.from_path(tmp_path / name, type="CV")
                )
    assert received == []


@pytest.mark.parametrize("real_size", [0, 5, 12, 2 * CHUNK])
async def test_files_that_change_while_they_are_sent(real_size: int) -> None:
    """A file that grows or shrinks while it is sent is an error, and the server never sees a complete request."""
    received: list[Received] = []
    with loopback(keeping(received)) as url:
        async with a_client(url) as kombo:
            with pytest.raises(ValueError, match=r"attachment 'cv\.txt' changed while it was being sent"):
                await kombo.ats.add_candidate_attachment(
                    "1",
                    attachment=ats.AttachmentInput.from_stream(
                        lambda: BytesIO(b"x" * real_size), 8, "cv.txt", type="CV"
                    ),
                )
            reply = await kombo.ats.add_candidate_result_link("1", label="x", url="https://example.com")
    assert isinstance(reply, Success), "the client is as good as before"
    assert [request.target for request in received] == ["/v1/ats/candidates/1/result-links"]


async def test_mock_transports_see_the_whole_body() -> None:
    """Files work with any transport, such as mocks in tests."""
    bodies: list[bytes] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(await request.aread())
        return success({}, [])

    async with mock_client(handler) as kombo:
        await kombo.ats.add_candidate_attachment(
            "1", attachment=ats.AttachmentInput.from_bytes(b"Frank", "cv.txt", type="CV")
        )
    assert attached(bodies[0]) == b"Frank"


@pytest.mark.parametrize(
    ("name", "content_type", "expected"),
    [
        ("cv.pdf", None, "application/pdf"),
        ("cv.txt", None, "text/plain"),
        ("cv", None, "application/octet-stream"),
        ("cv.unknown-kind", None, "application/octet-stream"),
        ("cv.pdf", "application/x-cv", "application/x-cv"),
    ],
)
async def test_content_types(name: str, content_type: str | None, expected: str) -> None:
    """The type is guessed from the name unless it is given."""
    assert ats.AttachmentInput.from_bytes(b"x", name, content_type=content_type, type="CV").content_type == expected


async def test_name_of_a_path_can_be_replaced(tmp_path: Path) -> None:
    """The name that is sent can be replaced; the type is guessed from the new one."""
    (tmp_path / "upload-17.tmp").write_bytes(b"x")
    file = ats.AttachmentInput.from_path(str(tmp_path / "upload-17.tmp"), name="cv.pdf", type="CV")
    assert (file.name, file.content_type) == ("cv.pdf", "application/pdf")


async def test_nothing_is_read_until_it_is_sent(tmp_path: Path) -> None:
    """Making a request opens no file: thousands of them can wait in a queue; their size in memory is that of a name."""

    def never() -> BinaryIO:
        raise AssertionError("opened")

    file = ats.AttachmentInput.from_stream(never, 10**12, "huge.bin", type="OTHER")
    wire = encode(ats.AddCandidateAttachment(candidate_id="1", attachment=file))
    assert isinstance(wire.body, tuple)
    assert [type(part) for part in wire.body] == [bytes, FileData, bytes]
    assert sum(len(part) for part in wire.body if isinstance(part, bytes)) < 200


async def test_names_that_look_like_json(tmp_path: Path) -> None:
    """A name with quotes and backslashes does not break the body."""
    name = 'a"b\\c{}.txt'
    received: list[Received] = []
    with loopback(keeping(received)) as url:
        async with a_client(url) as kombo:
            await kombo.ats.add_candidate_attachment(
                "1", attachment=ats.AttachmentInput.from_bytes(b"x", name, type="CV")
            )
    assert json.loads(received[0].body)["attachment"]["name"] == name


async def test_file_in_a_field_with_wire_names() -> None:
    """A file beside fields that have other names on the wire is sent like any other."""
    received: list[Received] = []
    with loopback(keeping(received)) as url:
        async with a_client(url) as kombo:
            await kombo.ats.add_candidate_attachment(
                "1",
                attachment=ats.AttachmentInput.from_bytes(b"x", "cv.txt", type="CV"),
                remote_fields=ats.OnBehalfOfRemoteFields(
                    greenhouse=ats.GreenhouseFields(post_headers=ats.GreenhousePostHeaders(on_behalf_of="7"))
                ),
            )
    body = json.loads(received[0].body)
    assert body["remote_fields"] == {"greenhouse": {"post_headers": {"On-Behalf-Of": "7"}}}
    assert attached(received[0].body) == b"x"
