"""Messages about a row."""

from __future__ import annotations


def in_words(error: Exception) -> str:
    """What is wrong with a row, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}".removesuffix(": ")


def joined(*clauses: str) -> str:
    """Join *clauses* into one line, without full stops in the middle."""
    return "; ".join(clause.rstrip(" .;") for clause in clauses if clause.strip(" .;"))
