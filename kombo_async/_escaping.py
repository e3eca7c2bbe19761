"""Text from others, made safe to print: on a terminal, control characters can change what a reader sees."""

from __future__ import annotations

import re

_ACTING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters other than tabs and line breaks, marks that change the direction of text, lone surrogates."""


def escaped(text: str) -> str:
    r"""*text* with everything that a terminal would act on as an escape, such as `\x1b`. Tabs and line breaks stay."""
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """*text* on one line, escaped."""
    return escaped(" ".join(text.split()))
