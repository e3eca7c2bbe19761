"""Normalize people's addresses and names: different spellings count as the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kombo_async import ats

_INVISIBLE = ("Cf", "Cc", "Mn")
"""Categories of invisible characters; of marks (Mn), only the selectors and joiners below."""
_INVISIBLE_MARKS = frozenset({"\u034f", "\u180b", "\u180c", "\u180d", *map(chr, range(0xFE00, 0xFE10))})
_FULL_STOPS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
"""Characters that IDNA (RFC 3490) treats as the dot between labels."""


def normal_email(address: str) -> str:
    """*address* in the normal spelling, for comparison.

    NFKC, case-folded, without spaces and invisible characters, the domain in Unicode instead of punycode.
    """
    local, at, domain = _folded(address).rpartition("@")
    return f"{local}{at}{_normal_domain(domain)}"


def without_tag(normal: str) -> str:
    """A normal address without its `+tag`, which some systems drop."""
    local, at, domain = normal.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def normal_name(name: object) -> str:
    """A name in the normal spelling, for comparison; empty if there is none."""
    return " ".join(_visible(unicodedata.normalize("NFKC", name)).casefold().split()) if isinstance(name, str) else ""


def spellings(address: str) -> list[str]:
    """The spellings of *address* to ask Kombo for, since its filter ignores only case."""
    visible = "".join(_visible(address).split())
    local, at, domain = visible.rpartition("@")
    forms = [address.strip(), visible, normal_email(address)]
    forms += [unicodedata.normalize(form, visible) for form in ("NFC", "NFD")]
    ascii_domain = ".".join(map(_to_punycode, _normal_domain(domain.casefold()).split(".")))
    forms += [f"{local}{at}{ascii_domain}", f"{local}{at}{_normal_domain(domain.casefold())}"]
    return list({each.casefold() if each.isascii() else each: each for each in forms if each}.values())


def emails_of(candidate: ats.Candidate | ats.ApplicationCandidate) -> set[str]:
    """Their addresses, in their normal spelling."""
    known: Iterable[object] = (each.email_address for each in candidate.email_addresses or ())
    return {normal_email(each) for each in known if isinstance(each, str) and each}


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKC", _visible(text)).casefold()
    return "".join(unicodedata.normalize("NFKC", text).translate(_FULL_STOPS).split())


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(char for char in text if not _is_invisible(char))


def _is_invisible(char: str) -> bool:
    if char.isspace():
        return False
    category = unicodedata.category(char)
    return category in _INVISIBLE and (category != "Mn" or char in _INVISIBLE_MARKS)


def _normal_domain(domain: str) -> str:
    if domain.isascii() and "xn--" not in domain:
        return domain.rstrip(".")
    return ".".join(map(_from_punycode, domain.rstrip(".").split(".")))


def _from_punycode(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return _folded(label[4:].encode("ascii").decode("punycode"))
    except UnicodeError:
        return label


def _to_punycode(label: str) -> str:
    if label.isascii():
        return label
    try:
        return "xn--" + label.encode("punycode").decode("ascii")
    except UnicodeError:
        return label
