"""IDs as Kombo makes them: 24 characters of base58. Here they follow from what they are for, so that a seed repeats."""

from __future__ import annotations

from hashlib import blake2b

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def make_id(*parts: object) -> str:
    """The ID of the thing that *parts* name; the same for the same parts."""
    number = int.from_bytes(blake2b("\0".join(map(str, parts)).encode(), digest_size=18).digest(), "big")
    letters: list[str] = []
    for _ in range(24):
        number, place = divmod(number, 58)
        letters.append(_ALPHABET[place])
    return "".join(letters)


def make_number(*parts: object, digits: int = 8) -> str:
    """A number with *digits* digits, such as many systems have as IDs."""
    number = int.from_bytes(blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest(), "big")
    lowest: int = 10 ** (digits - 1)
    return str(lowest + number % (9 * lowest))
