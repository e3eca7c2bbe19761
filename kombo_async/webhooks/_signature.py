"""The signature of webhooks: the HMAC-SHA256 of the body's bytes with the webhook secret, in base64url."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeAlias

from kombo_async._codec.hidden import checked
from kombo_async.webhooks._errors import InvalidSignature

SIGNATURE_HEADER = "X-Kombo-Signature"

Secrets: TypeAlias = str | Sequence[str]
"""The webhook secret from Kombo's dashboard, or several of them, any of which will do while one replaces another."""


def verify(secret: Secrets, body: bytes, signature: str | None) -> None:
    """Check that *body*, untouched as it came, is signed with *secret*. Nothing comes back: no raise, no problem.

    The signature may be padded with `=` or not, and comparing it takes the same time wherever it differs.
    A signature does not age: an event that was recorded and sent again is told by its `id` alone.

    Raises:
        InvalidSignature: It is not signed, or not with this secret.
        ValueError: There is no secret to check with.
    """
    matches = checked(_is_signed, secret, body, signature or "")
    del secret  # tracebacks may print the variables of this frame
    if isinstance(matches, ValueError):
        raise matches
    if not matches:
        raise InvalidSignature("the signature is missing" if not signature else "the signature does not match")


def _is_signed(secret: Secrets, body: bytes, signature: str) -> bool:
    given = signature.encode("ascii", "replace")
    given = given.removesuffix(b"=")  # 32 bytes take 43 characters, and one `=` where they are padded
    matches = [
        hmac.compare_digest(_signature(each, body), given) for each in as_secrets(secret)
    ]  # all, in constant time
    return any(matches)


def sign(secret: str, body: bytes) -> str:
    """The signature of *body* as Kombo writes it, without padding; for tests of your own endpoint."""
    (secret,) = as_secrets(secret)
    return _signature(secret, body).decode()


def as_secrets(secret: Secrets) -> tuple[str, ...]:
    """*secret* as a tuple of them. Raises `ValueError` where there is none: an empty secret is known to all."""
    secrets = (secret,) if isinstance(secret, str) else tuple(secret)
    if not secrets or not all(secrets):
        raise ValueError("secret: pass the webhook secret from Kombo's dashboard; it must not be empty")
    return secrets


def _signature(secret: str, body: bytes) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).rstrip(b"=")
