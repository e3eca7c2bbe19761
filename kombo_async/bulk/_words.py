"""What is said of a row, in words."""

from __future__ import annotations


def in_words(error: Exception) -> str:
    """What is wrong with a row, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}".removesuffix(": ")


def joined(*clauses: str) -> str:
    """What is said of a row, in one line: a full stop inside it would end the sentence too early."""
    return "; ".join(clause.rstrip(" .;") for clause in clauses if clause.strip(" .;"))
