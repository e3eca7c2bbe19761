"""Texts from files in our messages: on one line, without control characters, and cut if they are long."""

from __future__ import annotations

from kombo_async._escaping import escaped

MOST = 60
"""The most characters of a text that are shown."""


def shown(text: str) -> str:
    """*text* in quotes, cut if it is long."""
    return repr(text if len(text) <= MOST else f"{text[:MOST]}...")


def printable(text: str) -> str:
    """*text* on one line, escaped."""
    return escaped(text).replace("\n", "\\n")
