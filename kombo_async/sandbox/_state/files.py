"""Received files, byte for byte."""

from __future__ import annotations

import attrs


@attrs.frozen
class StoredFile:
    """A file as it came."""

    name: str
    content_type: str
    data: bytes = attrs.field(repr=False)
    url: str | None = None
    """The URL it was to be fetched from, if it came as one."""
