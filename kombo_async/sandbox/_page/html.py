"""HTML building blocks of the page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import urlencode

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)
"""A second defence in the browser against injected HTML: nothing inline runs, nothing leaves this machine."""


def document(title: str, body: str, *, script: str = "page.js") -> str:
    """A whole page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/_sandbox/static/style.css"></head>'
        f'<body>{body}<script src="/_sandbox/static/{script}"></script></body></html>'
    )


def quoted(value: str) -> str:
    """*value* as an attribute."""
    return f'"{escape(value)}"'


def table(heads: Iterable[str], rows: Iterable[str], empty: str) -> str:
    """A table, or a message if there is nothing to list."""
    drawn = "".join(rows)
    if not drawn:
        return f'<p class="empty">{escape(empty)}</p>'
    numbers = ("ms", "Status", "Sent")
    head = "".join(f"<th{' class=number' if title in numbers else ''}>{escape(title)}</th>" for title in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{drawn}</tbody></table>"


def button(label: str, send: str, body: dict[str, Any] | None = None, method: str = "POST", confirm: str = "") -> str:
    """A button that sends a request to `/_sandbox`."""
    data = f" data-body={quoted(json.dumps(body))}" if body is not None else ""
    ask = f" data-confirm={quoted(confirm)}" if confirm else ""
    return f"<button data-send={quoted(send)} data-method={quoted(method)}{data}{ask}>{escape(label)}</button>"


def copyable(text: str, what: str) -> str:
    """A line of text with a copy button."""
    return (
        f'<span class="copyable"><code>{escape(text).replace(":", ":<wbr>")}</code>'
        f"<button class=copy data-copy={quoted(text)} aria-label={quoted(f'Copy {what}')}>Copy</button></span>"
    )


def badge(text: str, kind: str) -> str:
    """A word as a colored badge."""
    return f'<span class="badge {kind}">{escape(text)}</span>'


def page_number(text: str | None) -> int:
    """The page number in a query; 0, the first page, if it is not a number."""
    return int(text) if text and text.isdecimal() and len(text) < 9 else 0


def pager(fragment: str, page: int, shown: int, total: int, size: int, what: str) -> str:
    """The count, and the buttons for paging."""
    first = page * size + 1 if shown else 0
    turns = ""
    for label, other, there in (("Newer", page - 1, page > 0), ("Older", page + 1, (page + 1) * size < total)):
        disabled = "" if there else " disabled"
        turns += f'<button data-turn={quoted(fragment)} data-page="{max(0, other)}"{disabled}>{label}</button>'
    count = f"{first:,} to {first + shown - 1:,} of {total:,}" if shown else "0"
    return f'<p class="buttons pager"><span class="count">{count} {escape(what)}</span>{turns}</p>'


def options(values: Iterable[str], chosen: str = "", every: str | None = None) -> str:
    """The options of a menu; *every* selects all."""
    first = [] if every is None else [f'<option value="">{escape(every)}</option>']
    rest = (
        f"<option value={quoted(value)}{' selected' if value == chosen else ''}>{escape(value)}</option>"
        for value in values
    )
    return "".join([*first, *rest])


def with_query(path: str, **query: str) -> str:
    """*path* with a query, for an attribute."""
    return escape(f"{path}?{urlencode(query)}")
