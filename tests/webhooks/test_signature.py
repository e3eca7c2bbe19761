"""Signatures of webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kombo_async.webhooks import InvalidSignature, Receiver, sign, verify

# Kombo publishes no test vectors. These are by another hand than the code under test, OpenSSL 3.0:
#   printf %s BODY | openssl dgst -sha256 -hmac SECRET -binary | openssl base64 -A | tr '+/' '-_' | tr -d '='
VECTORS = [
    ("whsec_test", '{"id":"1","type":"data-changed","data":{}}', "aHH_2FO6z1VzWj8gYmqD1QNdYeVGlP9zffDYB5wWZcc"),
    ("whsec_test", "", "Q8D00jyOiEE1j61GJLGlknmSIrKfJbtZuupDzctSLtE"),
    ("geheim-ä-ключ", '{"id":"é","type":"x"}', "IEtbiEXvm4Th0ai4_paFvf842AXVkS8NqVQkd-7g6o4"),
    ("k18", "body 18", "8gk7fN3EbSzMPYG8l-Y5FDP_eqq0BPKvFnJ0lN3fAog"),
]


@pytest.mark.parametrize(("secret", "body", "signature"), VECTORS)
def test_vectors_of_openssl(secret: str, body: str, signature: str) -> None:
    """Signatures made by OpenSSL are accepted, with and without padding, and ours are the same."""
    verify(secret, body.encode(), signature)
    verify(secret, body.encode(), signature + "=")
    assert sign(secret, body.encode()) == signature


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=100), st.binary(max_size=200)
)
def test_any_secret_and_body(secret: str, body: bytes) -> None:
    """Whatever the secret and the bytes, the signature is the HMAC-SHA256 of exactly these bytes."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    verify(secret, body, base64.urlsafe_b64encode(digest).decode())
    with pytest.raises(InvalidSignature):
        verify(secret, body + b" ", sign(secret, body))


@given(st.one_of(st.none(), st.text(max_size=100), st.from_regex(r"[A-Za-z0-9_-]{43}=?", fullmatch=True)))
def test_forged_signatures(signature: str | None) -> None:
    """Anything but the right signature raises `InvalidSignature`, never another exception."""
    with pytest.raises(InvalidSignature) as caught:
        verify("secret", b"body", signature)
    assert caught.value.status_code == 401


def test_bytes_of_a_header_that_are_no_text() -> None:
    """A header whose bytes are not text, as aiohttp passes them on, is an invalid signature."""
    with pytest.raises(InvalidSignature):
        verify("secret", b"body", b"\xff\xfe".decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("change", ["==", " ", "\n", "A"])
def test_nothing_may_follow_a_signature(change: str) -> None:
    """A signature followed by anything except one `=` is refused."""
    with pytest.raises(InvalidSignature):
        verify("secret", b"body", sign("secret", b"body") + change)


def test_the_standard_alphabet_is_not_taken() -> None:
    """The signature is base64url; the same bytes with `+` and `/` are refused."""
    secret, body, signature = VECTORS[0]
    with pytest.raises(InvalidSignature):
        verify(secret, body.encode(), signature.replace("_", "/").replace("-", "+"))


def test_several_secrets() -> None:
    """During a rotation, both secrets are accepted, and no third one."""
    old, new, third = (sign(secret, b"body") for secret in ("old", "new", "third"))
    verify(["old", "new"], b"body", old)
    verify(["old", "new"], b"body", new)
    with pytest.raises(InvalidSignature):
        verify(["old", "new"], b"body", third)


@pytest.mark.parametrize("secret", ["secret\n", "sec\rret", "\r\nsecret", ["secret", "other\n"]])
def test_a_secret_with_a_line_break(secret: str | list[str]) -> None:
    """A secret that was read from a file with its last line break is refused at once: nothing would ever match it."""
    with pytest.raises(ValueError, match="line break"):
        Receiver(secret)
    with pytest.raises(ValueError, match="line break"):
        verify(secret, b"body", "x")


@pytest.mark.parametrize("secret", ["secret\ud800", ["secret", "\udfff"]])
def test_a_secret_with_a_lone_surrogate(secret: str | list[str]) -> None:
    """A secret with a lone surrogate is refused at once, by an error that does not show it."""
    for check in (lambda: Receiver(secret), lambda: verify(secret, b"body", "x")):
        with pytest.raises(ValueError, match="lone surrogates") as caught:
            check()
        assert not isinstance(caught.value, UnicodeError)


def frames(error: BaseException) -> str:
    """The local variables of all our frames, as exception reporters save them."""
    text, traceback = "", error.__traceback__
    while traceback is not None:
        if "kombo_async/webhooks" in traceback.tb_frame.f_code.co_filename:
            text += repr(traceback.tb_frame.f_locals)
        traceback = traceback.tb_next
    return text


@pytest.mark.parametrize("call", [lambda s: verify(s, b"body", "x"), lambda s: Receiver(s).check(b"body", "x")])
@pytest.mark.parametrize("secret", ["topsecret", "topsecret\n", ["topsecret", ""]])
def test_no_frame_holds_the_secret(call: Callable[[Any], None], secret: Any) -> None:
    """No local variable in a traceback contains the secret, whatever went wrong."""
    with pytest.raises((InvalidSignature, ValueError)) as caught:
        call(secret)
    assert frames(caught.value)
    assert "topsecret" not in frames(caught.value)


@pytest.mark.parametrize("secret", ["", [], ["secret", ""]])
def test_no_secret(secret: str | list[str]) -> None:
    """An empty secret, which anyone could sign with, is refused."""
    with pytest.raises(ValueError, match="secret"):
        verify(secret, b"body", sign("secret", b"body"))
