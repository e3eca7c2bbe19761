"""Faults of this machine, which have nothing to do with what was asked of it."""

from __future__ import annotations

import errno

MACHINE = frozenset(
    getattr(errno, name)
    for name in ("EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EDQUOT", "ENOBUFS")
    if hasattr(errno, name)
)
"""No file handles, no memory, no disk: whatever comes next fares no better."""


def machine_fault(error: BaseException | None) -> OSError | None:
    """The fault of this machine that *error* is, or comes from; None where it has none."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in MACHINE:
            return error
        for each in getattr(error, "exceptions", ()):  # of a group
            if (found := machine_fault(each)) is not None:
                return found
        error = error.__cause__ or error.__context__
    return None
