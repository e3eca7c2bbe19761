"""Whose fault it is: a row's own, or the machine's."""

from __future__ import annotations

import errno

MACHINE = frozenset(
    getattr(errno, name)
    for name in ("EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EDQUOT", "EIO", "EROFS", "ENOBUFS", "EAGAIN")
    if hasattr(errno, name)
)
"""No file handles, no memory, no disk: nothing to do with the row at hand, and the next one fares no better."""


def machine_fault(error: BaseException | None) -> OSError | None:
    """The fault of this machine that *error* is, or comes from; None where it has none."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in MACHINE:
            return error
        if isinstance(error, BaseExceptionGroup):
            for each in error.exceptions:
                found = machine_fault(each)
                if found is not None:
                    return found
        error = error.__cause__ or error.__context__
    return None


def in_words(error: Exception) -> str:
    """What is wrong with a row, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}".removesuffix(": ")
