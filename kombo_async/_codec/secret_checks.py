"""Check secrets: errors are returned, to be raised where no frame holds the secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def checked(check: Callable[P, R], *args: P.args, **options: P.kwargs) -> R | ValueError:
    """The result of *check*, or the `ValueError` that it raised, without the frames that hold the secret."""
    try:
        return check(*args, **options)
    except ValueError as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
