"""JSON as plain data, from any bytes."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from kombo_async.model import UNSET


def plain_json(body: bytes | None) -> Any:
    """The JSON in *body* as plain data, `UNSET` if there is none."""
    if not body:
        return UNSET
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        # It accepts what msgspec does not: a byte order mark, lone surrogates, huge numbers, NaN.
        return json.loads(body, parse_int=_integer)
    except (ValueError, RecursionError):
        return UNSET


def _integer(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:  # Python makes no integer of more than 4,300 digits
        return float(text)
