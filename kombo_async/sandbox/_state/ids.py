"""IDs as Kombo makes them: 24 characters of base58. Here they follow from what they are for, so that a seed repeats."""

from __future__ import annotations

from hashlib import blake2b

_ALPHABET = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LETTERS = bytes(_ALPHABET[byte % 58] for byte in range(256))
"""A letter for each byte; that some come up a little more often does not matter here."""


def make_id(*parts: object) -> str:
    """The ID of the thing that *parts* name; the same for the same parts."""
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=24).digest().translate(_LETTERS).decode()


def make_number(*parts: object, digits: int = 8) -> str:
    """A number with *digits* digits, such as many systems have as IDs."""
    number = int.from_bytes(blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest(), "big")
    lowest: int = 10 ** (digits - 1)
    return str(lowest + number % (9 * lowest))
