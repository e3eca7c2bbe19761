"""How the web page shows the bodies of requests and answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any, cast

LONGEST_BODY = 20_000
LONGEST_WORD = 400
"""Characters. A longer string without spaces is a file, which would only hide what stands around it."""


def draw_body(body: bytes | None) -> str:
    """A body as HTML, neatly indented where it is JSON; None is one that is no longer kept."""
    if not body:
        return f'<p class="empty">{"no longer kept" if body is None else "empty"}</p>'
    try:
        text = json.dumps(_without_files(json.loads(body)), indent=2, ensure_ascii=False)
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
