"""Durations on the command line: `30s`, `90m`, `24h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORM = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhd])", re.IGNORECASE)
LONGEST = timedelta(days=3650)


def parse_duration(text: str) -> timedelta:
    """Parse a duration. Raises `ValueError`."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 30s, 90m, 24h or 7d")
    duration = timedelta(**{_UNITS[match[2].lower()]: float(match[1])})
    if duration > LONGEST:
        raise ValueError(f"{text!r} is longer than ten years")
    return duration


def duration_text(seconds: float) -> str:
    """Format a duration for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class DurationType(click.ParamType[timedelta]):
    """The type of options that take a duration."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse *value*; an error names the option."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
