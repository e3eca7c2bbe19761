"""Detect the encoding of a text file.

UTF-8 and UTF-16 can be recognized for certain. In the older encodings every byte is valid, so the winner is the one
that makes the words look most like words. General detectors are trained on prose: on tables of names,
`charset-normalizer` 3.5 got 13 of our 21 samples wrong (`tests/cli/test_reading.py` has them).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

import attrs

from kombo_async._cli.reading.source import Source
from kombo_async._cli.reading.table import TableError

NAMES = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "cp1252": "Windows-1252 (Western Europe)",
    "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "mac_roman": "Mac Roman",
    "cp850": "MS-DOS 850",
    "cp932": "Shift JIS (Japanese)",
}
_LEGACY = ("cp1252", "mac_roman", "cp932", "cp1250", "cp1251", "cp850")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff@\[\\\]^_`{|}~]*")
CHUNK = 1 << 20
SAMPLE = 3_000
"""How many non-ASCII words are examined."""
CLEAR = 0.6
"""The margin by which the best encoding must beat the next one that reads the words differently."""

_PRIOR = {"cp1252": 0.6, "cp850": -1.0}
"""Points for what Excel writes by default in most of our users' countries, and against what hardly anybody uses."""
_FREQUENT = frozenset("äöüßéèêëàâáãçñóôõíúåæøÄÖÜÉÅÆØÇÑÁÀÈÓÍ")
_WESTERN = _FREQUENT | frozenset("ìòùûîïœÿýðþÃÕÌÒÙÛÎÏŒÝÐÞÂÊËÔÚ")
_CENTRAL = frozenset("ąćęłńśźżčďěňřšťůžľĺŕőűăşţđĄĆĘŁŃŚŹŻČĎĚŇŘŠŤŮŽĽĹŔŐŰĂŞŢĐ")
_JAPANESE = (("\u3040", "\u30ff"), ("\u4e00", "\u9fff"), ("\u0410", "\u044f"))
"""What Shift JIS encodes in two bytes: kana, kanji, and Cyrillic."""
_MARKS_IN_TEXT = frozenset("’‘“”„–—…€§°´`«»")


@attrs.frozen
class Encoding:
    """An encoding, and how it was detected."""

    name: str
    """Its name in Python."""
    sample: str = ""
    """A word that other encodings read differently; empty if there is no doubt."""


def find_encoding(source: Source) -> Encoding:
    """Detect the encoding of *source*. Raises `TableError` if two are equally likely or UTF-8 is damaged."""
    start = source.start(4096)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return Encoding(name)
    unmarked = utf_16(start)
    if unmarked:
        return Encoding(unmarked)
    with source.open() as file:
        if _is_utf_8(file):
            return Encoding("utf-8-sig")
        file.seek(0)
        return _of_words(file)


def utf_16(start: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of plain text is zero."""
    pairs = len(start) // 2
    for place, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if pairs and start[place : 2 * pairs : 2].count(0) > pairs * 0.6 and 0 not in start[1 - place : 2 * pairs : 2]:
            return name
    return None


def _is_utf_8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _of_words(file: BinaryIO) -> Encoding:
    """The encoding that makes the words look best."""
    words: dict[bytes, int] = {}
    good = bad = 0
    first_bad = 0
    for line, word in _words(file):
        if _decodes(word, "utf-8"):
            good += 1
        else:
            bad += 1
            first_bad = first_bad or line
        if len(words) < SAMPLE:
            words[word] = words.get(word, 0) + 1
    if good * 10 >= bad and good:
        raise TableError(
            f"line {first_bad} contains bytes that are not valid UTF-8, while {good:,} other words are: the file "
            "was put together from two sources, or damaged. Correct that line and save the file as UTF-8, "
            "or pass --encoding"
        )
    scores = [(_score(list(words), name), name) for name in _LEGACY]
    ranked = sorted(scores, key=lambda each: -each[0])
    best, name = ranked[0]
    telling = max(words, key=lambda word: _difference(word, name))
    sample = _read(telling, name)
    for score, other in ranked[1:]:
        clear = CLEAR / 2 if other in _COUSINS.get(name, ()) else CLEAR
        if best - score < clear and not _reads_alike(words, name, other):
            raise TableError(
                f"its encoding is unclear: {sample!r} in {NAMES[name]}, {_read(telling, other)!r} in {NAMES[other]}. "
                f"Pass --encoding {name} or --encoding {other}, or save the file as UTF-8"
            )
    return Encoding(name, sample)


_COUSINS = {"cp1252": ("cp1250",)}
"""Pairs in which the first needs a smaller margin: they differ in few letters, and both readings are words."""


def _words(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The non-ASCII words, each with its line."""
    rest = b""
    line = 1
    while chunk := file.read(CHUNK):
        data = rest + chunk
        cut = max(data.rfind(b"\n"), data.rfind(b"\r"), data.rfind(b","), data.rfind(b";"), data.rfind(b"\t")) + 1
        cut = cut or len(data)
        rest = data[cut:]
        yield from _words_in(data[:cut], line)
        line += data[:cut].count(b"\n") or data[:cut].count(b"\r")
    yield from _words_in(rest, line)


def _words_in(data: bytes, line: int) -> Iterator[tuple[int, bytes]]:
    at = 0
    for match in _WORD.finditer(data):
        line += data.count(b"\n", at, match.start())
        at = match.start()
        yield line, match[0]


def _decodes(word: bytes, encoding: str) -> bool:
    try:
        word.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _read(word: bytes, encoding: str) -> str:
    return word.decode(encoding, "replace")


def _reads_alike(words: dict[bytes, int], one: str, other: str) -> bool:
    return all(_read(word, one) == _read(word, other) for word in words)


def _difference(word: bytes, name: str) -> int:
    return sum(_read(word, other) != _read(word, name) for other in _LEGACY) * 100 - len(word)


def _score(words: list[bytes], encoding: str) -> float:
    """How much the words look like words in *encoding*: the average score of a word."""
    total = 0.0
    for word in words:
        try:
            text = word.decode(encoding)
        except UnicodeDecodeError:
            return -100.0
        total += _score_japanese(text) if encoding == "cp932" else _score_alphabetic(text)
    return total / max(1, len(words)) + _PRIOR.get(encoding, 0.0)


def _score_alphabetic(word: str) -> float:
    cyrillic = sum("\u0400" <= char <= "\u04ff" for char in word)
    if cyrillic:
        pure = cyrillic == len(word) > 1 and _has_case_of_a_word(word)
        return 1.2 * cyrillic if pure else -5.0
    score = sum(_score_char(word, place) for place, char in enumerate(word) if ord(char) > 127)
    western = sum(char in _WESTERN for char in word)
    if western > 2 and western > len(word) * 0.7:  # a Latin word has some plain letters
        score -= 4.0 * (western - 1)
    elif len(word) > 3 and not any(char.isascii() for char in word):
        score -= 2.0 * (len(word) - 2)
    return score


def _score_char(word: str, place: int) -> float:
    """How well a non-ASCII character fits its place in a word."""
    char = word[place]
    before, after = word[place - 1 : place], word[place + 1 : place + 2]
    if not char.isalpha():
        if char in _MARKS_IN_TEXT:
            inside = before.isalpha() and after.isalpha()
            return (1.5 if char == "’" else -1.0) if inside else 0.2
        return -3.0 if before.isalpha() or after.isalpha() else -0.5
    if len(word) == 1:
        return 0.0
    if char.isupper() and place and not word.isupper():
        return -3.0
    if char.islower() and char != "ß" and ((before.isupper() and after.isupper()) or not place):
        return -3.0 if place else 0.0
    return 2.0 if char in _FREQUENT else 1.2 if char in _WESTERN else _score_central(char)


def _score_central(char: str) -> float:
    return 0.3 if char in "šžŠŽ" else 0.8 if char in "źŹĺŕĹŔ" else 1.6 if char in _CENTRAL else -1.0


def _has_case_of_a_word(word: str) -> bool:
    return word.islower() or word.isupper() or (word[0].isupper() and word[1:].islower())


def _score_japanese(word: str) -> float:
    score = 0.0
    for place, char in enumerate(word):
        if ord(char) < 128:
            continue
        beside = word[place - 1 : place] + word[place + 1 : place + 2]
        plain = any(each.isascii() and each.isalpha() for each in beside)
        two_bytes = any(low <= char <= high for low, high in _JAPANESE) or char in "々〆"
        if "\uff66" <= char <= "\uff9f" and not plain and len(word) > 1:
            score += 0.8
        else:
            score += (-3.0 if plain or not two_bytes else 2.5) if len(word) > 1 else -1.0
    return score
