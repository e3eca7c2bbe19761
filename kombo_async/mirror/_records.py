"""Records of a page, each with its original JSON: unchanged records are never decoded."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from math import isfinite
from typing import Any, cast

import attrs
import msgspec

from kombo_async._codec.plain import plain_json
from kombo_async.mirror._table import Table
from kombo_async.model import UNSET
from kombo_async.pages import Page

_UNFIT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""An escaped NUL, or what may be half of a surrogate pair."""
LONGEST_NUMBER = 4300
"""The most digits of an integer that Python reads (`sys.int_info.default_max_str_digits`)."""
_LONGER = re.compile(rf"\d{{{LONGEST_NUMBER + 1}}}")

_logger = logging.getLogger("kombo_async.mirror")


@attrs.frozen(slots=False, eq=False)
class Record:
    """A record of a list."""

    id: str
    json: str
    """The whole record, as Kombo sent it."""

    @cached_property
    def digest(self) -> bytes:
        """Distinguishes changed records from unchanged ones."""
        text = self.json.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=12).digest()

    @cached_property
    def plain(self) -> Mapping[str, Any]:
        """The record as plain data."""
        return cast("Mapping[str, Any]", json_object(self.json))

    def changed_since(self, time: datetime) -> bool:
        """Whether its `changed_at` is at *time* or later; False if there is none."""
        changed_at = _head_of(self.json.encode("utf-8", "surrogatepass")).changed_at
        try:
            return datetime.fromisoformat(changed_at) >= time
        except (TypeError, ValueError):
            return False

    def fit(self) -> Record:
        """The record without what databases cannot store: U+FFFD in place of NUL and halves of characters, null in
        place of numbers that are too large for any program."""
        if _is_fit(self.json):
            return self
        return Record(self.id, json.dumps(_cleaned(self.plain), ensure_ascii=False))


def _is_fit(text: str) -> bool:
    """Whether databases can store *text* unchanged. Several searches are much faster than one pattern for all."""
    if "NaN" in text or "Infinity" in text or _UNFIT.search(text) is not None:
        return False
    if len(text) > LONGEST_NUMBER and _LONGER.search(text) is not None:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # it has half of a surrogate pair
        return False
    return True


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(each) for key, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_cleaned(each) for each in cast("Any", value)]
    return None if isinstance(value, float) and not isfinite(value) else value


class _Head(msgspec.Struct):
    id: Any = None
    remote_deleted_at: Any = None
    changed_at: Any = UNSET


_head = msgspec.json.Decoder(_Head)


def json_object(text: str) -> Any:
    """The plain data of a JSON object; empty if it is nested too deeply to be read."""
    plain = plain_json(text.encode("utf-8", "surrogatepass"))
    return {} if plain is UNSET else plain


def sorted_out(table: Table, page: Page[Any]) -> tuple[list[Record], list[str]]:
    """The records of a page, and the IDs of those that were deleted.

    Two weeks after a deletion, Kombo empties a record; one without a time of its last change counts as deleted, too.
    """
    records: dict[str, Record] = {}
    deleted: dict[str, None] = {}
    for each in page.results:
        text = bytes(each) if isinstance(each, msgspec.Raw) else json.dumps(each).encode()
        head = _head_of(text)
        if not isinstance(head.id, str) or not head.id or "\0" in head.id:
            _logger.warning("%s: a record without an ID was left out", table.name)
        elif head.remote_deleted_at is not None or head.changed_at is None:
            records.pop(head.id, None)
            deleted[head.id] = None
        else:
            deleted.pop(head.id, None)
            records[head.id] = Record(head.id, text.decode("utf-8", "surrogatepass"))
    return list(records.values()), list(deleted)


def _head_of(text: bytes) -> _Head:
    try:
        return _head.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        plain = plain_json(text)
        fields = cast("Mapping[str, Any]", plain if isinstance(plain, Mapping) else {})
        return _Head(fields.get("id"), fields.get("remote_deleted_at"), fields.get("changed_at", UNSET))
