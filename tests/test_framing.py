"""Find the end of a response: exactly, or not at all if it is not certain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kombo_async._http.framing import LONGEST_HEAD, ResponseEnd

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

WHOLE = {
    "length": OK + b"Content-Length: 5\r\n\r\nhello",
    "empty": OK + b"content-length:0\r\n\r\n",
    "spaces": OK + b"Content-Length: \t 2 \t\r\n\r\n{}",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx",
    "chunked": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    "chunks": CHUNKED + b"5\r\nhello\r\n1\r\n!\r\nA\r\n0123456789\r\n0\r\n\r\n",
    "extensions": CHUNKED + b"5;a=b\r\nhello\r\n0;c\r\n\r\n",
    "trailers": CHUNKED + b"2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
    "a chunk that looks like the end": CHUNKED + b"7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx",
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + OK + b"Content-Length: 1\r\n\r\nx",
}
NEVER_SURE = {
    "until closed": OK + b"\r\nhello",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "length and chunked": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "other encoding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "negative": OK + b"Content-Length: -1\r\n\r\n",
    "signed chunk": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "no size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "other protocol": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "endless head": OK + b"X: " + b"x" * LONGEST_HEAD,
    "nothing": b"",
}

each_whole = pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)


def reached(*parts: bytes) -> bool:
    end = ResponseEnd()
    for part in parts:
        end.feed(part)
    return end.reached


@each_whole
def test_whole_answers(answer: bytes) -> None:
    """The end of each kind of response is found, whether it comes in one piece or byte by byte."""
    assert reached(answer)
    assert reached(*(answer[index : index + 1] for index in range(len(answer))))


@each_whole
def test_half_answers(answer: bytes) -> None:
    """No part of a response is taken for all of it."""
    for length in range(len(answer)):
        assert not reached(answer[:length]), answer[:length]


@each_whole
@pytest.mark.parametrize("more", [b"H", b"\r\n", b"\0", *WHOLE.values()])
def test_more_than_the_answer(answer: bytes, more: bytes) -> None:
    """Any bytes after a response, together with it or later, make its end uncertain for good."""
    assert not reached(answer + more)
    assert not reached(answer, more)
    assert not reached(answer, more, answer)
    assert not reached(answer[:-1], answer[-1:] + more)


@pytest.mark.parametrize("answer", NEVER_SURE.values(), ids=NEVER_SURE)
def test_answers_without_a_sure_end(answer: bytes) -> None:
    """If the end is not certain, it is never reported."""
    assert not reached(answer)
    assert not reached(answer, b"0\r\n\r\n")


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_any_chunks_in_any_pieces(chunks: list[bytes], data: st.DataObject) -> None:
    """However a chunked response is split on its way, its end is found exactly."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk)
    answer = CHUNKED + body + b"0\r\n\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=8)))
    pieces = [answer[start:end] for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    end = ResponseEnd()
    for number, piece in enumerate(pieces):
        end.feed(piece)
        assert end.reached is (sum(map(len, pieces[: number + 1])) == len(answer))
