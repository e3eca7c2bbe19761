"""The signature of webhooks: the HMAC-SHA256 of the body's bytes with the webhook secret, in base64url.

Tools that report exceptions save the local variables of each frame: none of ours that raises holds the secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeAlias

from kombo_async.webhooks._errors import InvalidSignature

SIGNATURE_HEADER = "X-Kombo-Signature"

Secrets: TypeAlias = str | Sequence[str]
"""The webhook secret from Kombo's dashboard, or several during a rotation, any of which is accepted."""


class Keys:
    """Webhook secrets that are never printed."""

    __slots__ = ("_secrets",)

    def __init__(self, secret: Secrets) -> None:
        self._secrets = (secret,) if isinstance(secret, str) else tuple(secret)

    def check(self) -> None:
        """Raise `ValueError` if there is none, or one is empty, has a line break, or cannot be written in UTF-8."""
        if not self._secrets or not all(self._secrets):
            raise ValueError("secret: pass the webhook secret from Kombo's dashboard; it must not be empty")
        if any(mark in each for each in self._secrets for mark in "\r\n"):
            raise ValueError("secret: must not contain a line break; strip it if you read the secret from a file")
        if any("\ud800" <= mark <= "\udfff" for each in self._secrets for mark in each):
            raise ValueError("secret: must be text without lone surrogates; copy it again from Kombo's dashboard")

    def verify(self, body: bytes, signature: str | None) -> None:
        """See `verify`."""
        if not signature:
            raise InvalidSignature("the signature is missing")
        if not self._match(body, signature):
            raise InvalidSignature("the signature does not match")

    def sign(self, body: bytes) -> str:
        """The signature with the first secret."""
        return _signature(self._secrets[0], body).decode()

    def _match(self, body: bytes, signature: str) -> bool:
        given = signature.encode("ascii", "replace")
        given = given.removesuffix(b"=")  # 32 bytes take 43 characters, and one `=` where they are padded
        matches = [hmac.compare_digest(_signature(each, body), given) for each in self._secrets]
        return any(matches)


def verify(secret: Secrets, body: bytes, signature: str | None) -> None:
    """Check that *body*, exactly as received, is signed with *secret*. Raises if it is not, and returns nothing.

    The signature may be padded with `=` or not, and comparing it takes the same time wherever it differs.
    A signature does not expire: only its `id` tells an event that somebody recorded and sent again.

    Raises:
        InvalidSignature: It is not signed, or not with this secret.
        ValueError: There is no secret to check with, or it contains a line break or a lone surrogate.
    """
    keys = Keys(secret)
    del secret
    keys.check()
    keys.verify(body, signature)


def sign(secret: str, body: bytes) -> str:
    """The signature of *body* as Kombo writes it, without padding; for tests of your own endpoint."""
    keys = Keys(secret)
    del secret
    keys.check()
    return keys.sign(body)


def _signature(secret: str, body: bytes) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).rstrip(b"=")
