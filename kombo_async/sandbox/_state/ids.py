"""IDs like Kombo's: 24 characters of base58. They are derived from what they identify, so a seed repeats them.

A record's ID can be turned back into its place, so finding a record needs no index.
"""

from __future__ import annotations

from functools import cache, lru_cache
from hashlib import blake2b, shake_128

_LETTERS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BYTES = bytes(ord(_LETTERS[byte % 58]) for byte in range(256))
"""A letter for each byte; a slight bias does not matter here."""
_PAIRS = tuple(first + second for first in _LETTERS for second in _LETTERS)
_VALUES = {pair: value for value, pair in enumerate(_PAIRS)}
_ALL_IDS = 58**24
_STEP = 0x2545F4914F6CDD1D9E3779B97F4A7C15B
"""The distance between consecutive records' IDs; coprime to the number of all IDs, so none repeats."""
_BACK = pow(_STEP, -1, _ALL_IDS)
_LEAST_NUMBER = 10_000_000
_ALL_NUMBERS = 90_000_000
_NUMBER_STEP = 31_415_927
_NUMBER_BACK = pow(_NUMBER_STEP, -1, _ALL_NUMBERS)
LAST_PLACE = 50_000_000


def _digest(parts: tuple[object, ...], size: int) -> bytes:
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=size).digest()


def make_id(*parts: object) -> str:
    """The ID of what *parts* describe; the same for the same parts."""
    return _digest(parts, 24).translate(_BYTES).decode()


def make_ids(count: int, *parts: object) -> list[str]:
    """Several such IDs at once."""
    text = shake_128("\0".join(map(str, parts)).encode()).digest(24 * count).translate(_BYTES).decode()
    return [text[at : at + 24] for at in range(0, 24 * count, 24)]


def make_number(*parts: object, digits: int = 8) -> str:
    """A number with *digits* digits, like many systems' IDs."""
    lowest: int = 10 ** (digits - 1)
    return str(lowest + int.from_bytes(_digest(parts, 8), "big") % (9 * lowest))


@cache
def _start(key: tuple[object, ...], size: int) -> int:
    return int.from_bytes(_digest(key, size), "big")


@lru_cache(maxsize=20_000)
def id_at(key: tuple[object, ...], place: int) -> str:
    """The ID of the record in *place* of the table that *key* names."""
    value = (_start(key, 24) + place * _STEP) % _ALL_IDS
    pairs: list[str] = []
    for _ in range(12):
        value, pair = divmod(value, 3364)
        pairs.append(_PAIRS[pair])
    return "".join(pairs)


@lru_cache(maxsize=20_000)
def place_of(key: tuple[object, ...], id: str) -> int | None:
    """The inverse of `id_at`; None if *id* does not belong to this table."""
    if len(id) != 24:
        return None
    value = 0
    for at in range(22, -1, -2):
        pair = _VALUES.get(id[at : at + 2])
        if pair is None:
            return None
        value = value * 3364 + pair
    place = (value - _start(key, 24)) * _BACK % _ALL_IDS
    return place if place <= LAST_PLACE else None


def number_at(key: tuple[object, ...], place: int) -> str:
    """The connected system's own ID of the record in *place*."""
    return str(_LEAST_NUMBER + (_start(key, 8) + place * _NUMBER_STEP) % _ALL_NUMBERS)


def place_of_number(key: tuple[object, ...], number: str) -> int | None:
    """The inverse of `number_at`."""
    if len(number) != 8 or not number.isdecimal() or not number.isascii():
        return None
    place = (int(number) - _LEAST_NUMBER - _start(key, 8)) * _NUMBER_BACK % _ALL_NUMBERS
    return place if place <= LAST_PLACE else None
