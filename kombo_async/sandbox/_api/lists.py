"""The paged lists: cursors and pages, and which records are on them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeAlias, get_args

import attrs
import msgspec

from kombo_async.model import UNSET
from kombo_async.request import Request, data_type
from kombo_async.sandbox._api.answers import encode
from kombo_async.sandbox._api.filters import COMMON, Filter
from kombo_async.sandbox._api.projection import emptied, shaper
from kombo_async.sandbox._state.bitmaps import none_of, walk
from kombo_async.sandbox._state.clock import days, stamp
from kombo_async.sandbox._state.ids import make_id
from kombo_async.sandbox._state.indexes import DELETED, Record
from kombo_async.sandbox._state.refusals import InputInvalid
from kombo_async.sandbox._state.store import World
from kombo_async.sandbox._state.table import StoredRecord

View: TypeAlias = Callable[[World, Record], Record]
"""A record with its nested records."""

DEFAULT_PAGE = 100
DELETED_KEPT = days(14)
"""How long after its deletion Kombo still has the fields of a record."""


@attrs.frozen(kw_only=True)
class Listing:
    """How one list is read."""

    table: str
    view: View = lambda _, record: record
    filters: Mapping[str, Filter] = attrs.field(factory=dict[str, Filter])
    largest_page: int = 250
    twin: bool = False
    """Whether the cursor is also returned as `next_cursor`, its deprecated name."""
    only: Filter | None = None
    """Which of the table's records the list has, if not all."""


_Given: TypeAlias = tuple[Filter, Any]


def read_page(world: World, listing: Listing, request: Request[Any]) -> dict[str, Any]:
    """The requested page."""
    size = page_size(request, listing.largest_page)
    mark = _mark(world.integration_id, request.operation.id)
    start = _place(_given(request, "cursor"), mark)
    filters = _filters(listing, request)
    deleted_too = bool(_given(request, "include_deleted"))
    emptied_until = stamp(world.clock.now() - DELETED_KEPT) if deleted_too else ""
    table = world.table(listing.table)
    sets = [each.places(world, table, value) for each, value in filters]
    deleted = table.indexes.deleted()
    if deleted is not None and not deleted_too:
        sets.append(none_of(deleted))
    elif deleted is not None and any(each not in COMMON.values() for each, _ in filters):
        sets.append(none_of(table.indexes.between(DELETED, "", emptied_until)))  # they have no fields any more
    results: list[msgspec.Raw] = []
    for record in table.at(walk(sets, start, len(table)) if sets else range(start, len(table))):
        if not filters or all(each.test(world, record, value) for each, value in filters):
            if len(results) == size:
                return _page(listing, results, make_cursor(mark, record.place))
            deleted_at: str = record.data.get("remote_deleted_at") or ""
            is_empty = bool(deleted_at) and deleted_at <= emptied_until
            results.append((_emptied if is_empty else encoded)(world, listing, record, type(request)))
    return _page(listing, results, None)


def _page(listing: Listing, results: list[msgspec.Raw], cursor: str | None) -> dict[str, Any]:
    page = {"results": results, "next": cursor}
    return {**page, "next_cursor": cursor} if listing.twin else page


def encoded(world: World, listing: Listing, record: StoredRecord, request: type[Request[Any]]) -> msgspec.Raw:
    """A record as shown in the list of *request*, cached until it or a nested record changes."""
    edition = world.edition(listing.table)
    kept = record.encoded.get(request.operation.id)
    if kept is None or kept[0] != edition:
        (item,) = get_args(data_type(request))
        kept = (edition, encode(shaper(item)(listing.view(world, record.data))))
        record.encoded[request.operation.id] = kept
    return msgspec.Raw(kept[1])


def _emptied(world: World, listing: Listing, record: StoredRecord, request: type[Request[Any]]) -> msgspec.Raw:
    """What the list shows of a record that was deleted long ago."""
    (item,) = get_args(data_type(request))
    return msgspec.Raw(encode(emptied(shaper(item)(listing.view(world, record.data)), item)))


def page_size(request: Request[Any], largest: int) -> int:
    """The page's size. Raises `InputInvalid` outside 1 to *largest*."""
    size = _given(request, "page_size")
    if size is None:
        return min(DEFAULT_PAGE, largest)
    if not 1 <= size <= largest:
        raise InputInvalid(f"page_size: must be from 1 to {largest}")
    number: int = size
    return number


@lru_cache(maxsize=1_000)
def _mark(integration_id: str, operation_id: str) -> str:
    """The start of every cursor of this list and integration."""
    return make_id(integration_id, operation_id)[:8]


def make_cursor(mark: str, place: int) -> str:
    """The cursor of the page that begins at *place* of the list with this *mark*."""
    return base64.urlsafe_b64encode(f"{mark}:{place}".encode()).decode().rstrip("=")


def _place(cursor: str | None, mark: str) -> int:
    if cursor is None:
        return 0
    with suppress(ValueError):  # not base64, or not text
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        whose, _, place = text.partition(":")
        if whose == mark and place.isdecimal() and len(place) < 18:
            return int(place)
    raise InputInvalid("cursor: unknown; pass `next` of the previous page of the same list and integration")


def _given(request: Request[Any], name: str) -> Any:
    value = getattr(request, name, UNSET)
    return None if value is UNSET else value


def _filters(listing: Listing, request: Request[Any]) -> list[_Given]:
    given = ((each, _given(request, name)) for name, each in {**COMMON, **listing.filters}.items())
    filters = [(each, value) for each, value in given if value is not None]
    return filters if listing.only is None else [*filters, (listing.only, None)]
