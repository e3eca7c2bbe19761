"""Faults of this machine, unrelated to any request."""

from __future__ import annotations

import errno

MACHINE = frozenset(
    getattr(errno, name)
    for name in ("EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EDQUOT", "ENOBUFS")
    if hasattr(errno, name)
)
"""No file handles, no memory, no disk: whatever comes next would fail, too."""


def machine_fault(error: BaseException | None) -> OSError | None:
    """The machine fault that *error* is or was caused by, or None."""
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
