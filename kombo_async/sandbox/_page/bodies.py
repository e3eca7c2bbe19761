"""How the web page shows bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any, cast

LONGEST_BODY = 20_000
LONGEST_WORD = 400
"""Longer strings without spaces are files, which would only hide what is around them."""


def draw_body(body: bytes | None) -> str:
    """A body as HTML, indented if it is JSON; None if it is no longer kept."""
    if not body:
        return f'<p class="empty">{"no longer kept" if body is None else "empty"}</p>'
    try:
        text = json.dumps(_without_files(json.loads(body)), indent=2, ensure_ascii=False)
        text = text.encode(errors="replace").decode()  # half a character cannot be sent
    except (ValueError, RecursionError):
        text = body.decode(errors="replace")
    more = f"\n... {len(text) - LONGEST_BODY} more characters" if len(text) > LONGEST_BODY else ""
    return f"<pre>{escape(text[:LONGEST_BODY])}{more}</pre>"


def _without_files(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_files(each) for name, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_without_files(each) for each in cast("Iterable[Any]", value)]
    if isinstance(value, str) and len(value) > LONGEST_WORD and " " not in value:
        return f"{value[:60]}... ({len(value):,} characters)"
    return value
