"""Sets of places as bits, block by block: filters are combined by `&`, however many records pass each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

Bits: TypeAlias = Callable[[int], int]
"""A set of places: takes a block's number, and returns which of the block's places are in the set, one bit each."""
LAST = "~"
"""A text that comes after all times and days, and after `null`."""
SPAN = 8_192
"""How many places a block has."""
_ALL = (1 << SPAN) - 1
_WORD = (1 << 64) - 1
_KEY_BYTES = 24
"""How much of a text decides its order: a time has no more."""
_PRESENT = _KEY_BYTES * 8
"""The slice of all places that have a text."""
_AS_DIGITS = [bytes(ord("1") if byte >> bit & 1 else ord("0") for byte in range(256)) for bit in range(8)]
"""For each bit of a byte, a table that translates bytes to binary digits."""


def walk(sets: Sequence[Bits], start: int, end: int) -> Iterator[int]:
    """The places from *start* to before *end* that are in all of *sets*, in order, read as far as needed."""
    for block in range(start // SPAN, -(-end // SPAN)):
        first = block * SPAN
        bits = (1 << min(SPAN, end - first)) - 1
        if start > first:
            bits &= -1 << start - first
        for each in sets:
            bits &= each(block)
            if not bits:
                break
        yield from (first + offset for offset in _offsets(bits))


def _offsets(bits: int) -> Iterator[int]:
    first = 0
    while bits:
        word = bits & _WORD  # smaller numbers are quicker
        while word:
            lowest = word & -word
            yield first + lowest.bit_length() - 1
            word ^= lowest
        bits >>= 64
        first += 64


def bits_of(places: Iterable[int]) -> Bits:
    """The set of these *places*."""
    return Places(places).bits


def any_of(sets: Sequence[Bits]) -> Bits:
    """The places in any of *sets*."""

    def bits(block: int) -> int:
        found = 0
        for each in sets:
            found |= each(block)
        return found

    return bits


def none_of(places: Bits) -> Bits:
    """All other places."""
    return lambda block: ~places(block)


def repeated(cycle: Iterable[int], period: int, count: int) -> Bits:
    """The set of all places below *count* that, modulo *period*, are places of *cycle*."""
    bits = int.from_bytes(_flags(cycle), "little")
    width = period
    while width < SPAN + period:
        bits |= bits << width
        width *= 2

    def of_block(block: int) -> int:
        first = block * SPAN
        here = (1 << max(0, min(SPAN, count - first))) - 1
        return bits >> first % period & here

    return of_block


def below(places: Bits, end: int, start: int = 0) -> Iterator[int]:
    """The places of a set from *start* to before *end*, in order, read as far as needed."""
    return walk([places], start, end)


def _flags(places: Iterable[int]) -> bytearray:
    flags = bytearray()
    for place in places:
        byte = place >> 3
        if byte >= len(flags):
            flags.extend(bytes(byte + 1 - len(flags)))
        flags[byte] |= 1 << (place & 7)
    return flags


class Places:
    """Places that can be added and removed."""

    def __init__(self, places: Iterable[int] = ()) -> None:
        flags, size = _flags(places), SPAN // 8
        self._blocks = [int.from_bytes(flags[at : at + size], "little") for at in range(0, len(flags), size)]

    def __len__(self) -> int:
        return sum(map(int.bit_count, self._blocks))

    def __contains__(self, place: int) -> bool:
        block, offset = divmod(place, SPAN)
        return block < len(self._blocks) and bool(self._blocks[block] >> offset & 1)

    def bits(self, block: int) -> int:
        """Which places of a block are here."""
        return self._blocks[block] if block < len(self._blocks) else 0

    def add(self, place: int) -> None:
        """Add a place."""
        block, offset = divmod(place, SPAN)
        while block >= len(self._blocks):
            self._blocks.append(0)
        self._blocks[block] |= 1 << offset

    def remove(self, place: int) -> None:
        """Remove a place, if it is here."""
        block, offset = divmod(place, SPAN)
        if block < len(self._blocks):
            self._blocks[block] &= ~(1 << offset)


class Ordered:
    """Places by a text, for ranges of texts.

    The texts are stored bit by bit: one set of places for each bit of a text's first bytes. A comparison takes one step
    per bit for all places of a block at once. Texts that differ only after these bytes count as equal.
    """

    def __init__(self) -> None:
        self._blocks: list[dict[int, int]] = []
        """By block and bit, the most significant last: the places whose texts have it."""

    def at_least(self, low: str) -> Bits:
        """The places with *low* or a text after it."""
        return self._not_below(_key(low))

    def between(self, low: str, high: str) -> Bits:
        """The places with a text from *low* to *high*."""
        not_below, above = self._not_below(_key(low)), self._not_below(_key(high) + 1)

        def bits(block: int) -> int:
            found = not_below(block)
            return found & ~above(block) if found else 0

        return bits

    def __bool__(self) -> bool:
        return any(map(self.present, range(len(self._blocks))))

    def present(self, block: int) -> int:
        """The places that have any text."""
        return self._blocks[block].get(_PRESENT, 0) if block < len(self._blocks) else 0

    def _not_below(self, key: int) -> Bits:
        steps = [(bit, key >> bit & 1) for bit in range(_PRESENT, -1, -1)]

        def bits(block: int) -> int:
            slices = self._blocks[block] if block < len(self._blocks) else {}
            above, equal = 0, _ALL
            for bit, wanted in steps:
                having = slices.get(bit, 0)
                if wanted:
                    equal &= having
                    if not equal:
                        break
                elif having:
                    above |= equal & having
            return above | equal

        return bits

    # Changes

    def set(self, place: int, text: str | None) -> None:
        """Change the text of a place; None removes the place."""
        number, offset = divmod(place, SPAN)
        block, mask = self._block(number), 1 << offset
        changed = 0 if text is None else _key(text)
        if block.get(_PRESENT, 0) & mask:
            changed ^= sum(1 << bit for bit, having in block.items() if having & mask)
        while changed:
            bit = changed.bit_length() - 1
            block[bit] = block.get(bit, 0) ^ mask
            changed ^= 1 << bit

    def fill(self, start: int, texts: Sequence[str | None]) -> None:
        """Set the texts of consecutive places from *start* on, which had none."""
        while texts:
            number, offset = divmod(start, SPAN)
            chunk = texts[: SPAN - offset]
            self._fill(self._block(number), offset, chunk)
            start += len(chunk)
            texts = texts[len(chunk) :]

    def _fill(self, block: dict[int, int], offset: int, texts: Sequence[str | None]) -> None:
        texts = texts[::-1]  # the first binary digit is the most significant
        rows = b"".join(b"\0" * _KEY_BYTES if text is None else _start(text) for text in texts)
        having = int("".join("0" if text is None else "1" for text in texts), 2)
        block[_PRESENT] = block.get(_PRESENT, 0) | having << offset
        for position in range(_KEY_BYTES):
            column = rows[position::_KEY_BYTES]
            for bit, digits in enumerate(_AS_DIGITS):
                found = int(column.translate(digits), 2)
                if found:
                    at = _PRESENT - 8 * (position + 1) + bit
                    block[at] = block.get(at, 0) | found << offset

    def _block(self, number: int) -> dict[int, int]:
        while number >= len(self._blocks):
            self._blocks.append({})
        return self._blocks[number]


def _start(text: str) -> bytes:
    return text.encode(errors="replace")[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0")


def _key(text: str) -> int:
    return 1 << _PRESENT | int.from_bytes(_start(text), "big")
