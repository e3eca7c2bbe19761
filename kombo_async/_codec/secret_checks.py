"""Checks of secrets: what is wrong is given back, to be raised where the secret is out of sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def checked(check: Callable[P, R], *args: P.args, **options: P.kwargs) -> R | ValueError:
    """What *check* gives, or the `ValueError` that it raised, without the frames that hold what was checked."""
    try:
        return check(*args, **options)
    except ValueError as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
