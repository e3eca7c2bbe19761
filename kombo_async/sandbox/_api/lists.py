"""The paged lists: filters, cursors and pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, get_args

import attrs
import msgspec

from kombo_async.model import UNSET, wire_time
from kombo_async.request import Request, answer_type
from kombo_async.sandbox._api.answers import encode
from kombo_async.sandbox._api.projection import shaper
from kombo_async.sandbox._state.clock import parse, stamp
from kombo_async.sandbox._state.refusals import InputInvalid
from kombo_async.sandbox._state.store import Record, RecordTable, StoredRecord, World

Test: TypeAlias = Callable[[World, StoredRecord, Any], bool]
"""Whether a record passes a filter with this value."""
View: TypeAlias = Callable[[World, Record], Record]
"""A record with what it nests."""
Finder: TypeAlias = Callable[[RecordTable, Any], Iterable[StoredRecord]]
"""The records that may pass a filter with this value; all others do not."""

DEFAULT_PAGE = 100


@attrs.frozen(kw_only=True)
class Listing:
    """How one list is read."""

    table: str
    view: View = lambda _, record: record
    filters: Mapping[str, Test] = attrs.field(factory=dict[str, Test])
    found_by: Mapping[str, Finder] = attrs.field(factory=dict[str, Finder])
    """Filters for which not every record has to be tried."""
    largest_page: int = 250
    twin: bool = False
    """Whether the cursor also comes as `next_cursor`, its deprecated name."""
    only: Callable[[StoredRecord], bool] | None = None
    """Which records of the table the list is about, where not all."""


def read_page(world: World, listing: Listing, request: Request[Any]) -> dict[str, Any]:
    """The page that *request* asks for."""
    size = page_size(request, listing.largest_page)
    tests = _tests(world, listing, request)
    start = _place(_given(request, "cursor"))
    results: list[msgspec.Raw] = []
    for row in _rows(world, listing, request, start):
        if all(test(row) for test in tests):
            if len(results) == size:
                return _page(listing, results, make_cursor(row.place))
            results.append(encoded(world, listing, row, type(request)))
    return _page(listing, results, None)


def _page(listing: Listing, results: list[msgspec.Raw], cursor: str | None) -> dict[str, Any]:
    page = {"results": results, "next": cursor}
    return {**page, "next_cursor": cursor} if listing.twin else page


def encoded(world: World, listing: Listing, row: StoredRecord, request: type[Request[Any]]) -> msgspec.Raw:
    """A record as the list of *request* shows it, from the row's own cache where nothing changed."""
    body = row.encoded.get(request.operation.id)
    if body is None:
        (item,) = get_args(answer_type(request))
        body = row.encoded[request.operation.id] = encode(shaper(item)(listing.view(world, row.data)))
    return msgspec.Raw(body)


def page_size(request: Request[Any], largest: int) -> int:
    """How many records the page has. Raises `InputInvalid` outside of 1 to *largest*."""
    size = _given(request, "page_size")
    if size is None:
        return min(DEFAULT_PAGE, largest)
    if not 1 <= size <= largest:
        raise InputInvalid(f"page_size: must be from 1 to {largest}")
    number: int = size
    return number


def make_cursor(place: int) -> str:
    """The cursor of the page that begins at *place*."""
    return base64.urlsafe_b64encode(f"place:{place}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        kind, _, place = text.partition(":")
        if kind == "place" and place.isdecimal():
            return int(place)
    except (binascii.Error, ValueError):
        pass
    raise InputInvalid("cursor: this is none that the sandbox gave")


def _given(request: Request[Any], name: str) -> Any:
    value = getattr(request, name, UNSET)
    return None if value is UNSET else value


def _rows(world: World, listing: Listing, request: Request[Any], start: int) -> Iterator[StoredRecord]:
    table = world.table(listing.table)
    rows: Iterable[StoredRecord] = (table[place] for place in range(start, len(table)))
    for name, find in {"ids": _with_ids, **listing.found_by}.items():
        value = _given(request, name)
        if value is not None:
            found = {row.place: row for row in find(table, value)}
            rows = [found[place] for place in sorted(found) if place >= start]
            break
    return (row for row in rows if listing.only is None or listing.only(row))


def _with_ids(table: RecordTable, ids: Iterable[str]) -> Iterator[StoredRecord]:
    return (row for id in ids if (row := table.find(id)) is not None)


def _tests(world: World, listing: Listing, request: Request[Any]) -> list[Callable[[StoredRecord], bool]]:
    tests: list[Callable[[StoredRecord], bool]] = []
    if not _given(request, "include_deleted"):
        tests.append(lambda row: not row.deleted)
    since = _given(request, "updated_after")
    if since is not None:
        # Not earlier than, instead of later than: times are kept in whole milliseconds, and nothing may be missed.
        threshold = as_stamp(since)
        tests.append(lambda row: row.touched >= threshold)
    remote_ids = _given(request, "remote_ids")
    if remote_ids is not None:
        wanted = frozenset(remote_ids)
        tests.append(lambda row: row.data.get("remote_id") in wanted)
    for name, test in listing.filters.items():
        value = _given(request, name)
        if value is not None:
            tests.append(_bound(test, world, value))
    return tests


def _bound(test: Test, world: World, value: Any) -> Callable[[StoredRecord], bool]:
    return lambda row: test(world, row, value)


def as_stamp(value: Any) -> str:
    """A time of a request as the sandbox keeps times."""
    return stamp(parse(value if isinstance(value, str) else wire_time(value)))


def equal(field: str) -> Test:
    """*field* is the value, in upper or lower case."""
    return lambda _, row, value: str(row.data.get(field) or "").lower() == str(value).lower()


def one_of(field: str) -> Test:
    """*field* is one of the values; the word `null` stands for none."""
    return lambda _, row, value: (row.data.get(field) or "null") in value


def any_of(field: str) -> Test:
    """*field*, a list, shares a value with the filter's."""
    return lambda _, row, value: not frozenset(row.data.get(field) or ()).isdisjoint(value)


def contains(field: str) -> Test:
    """*field* contains the text, in upper or lower case."""
    return lambda _, row, value: value.lower() in (row.data.get(field) or "").lower()


def one_email_of(field: str) -> Test:
    """*field* is one of the e-mail addresses, in upper or lower case."""
    return lambda _, row, value: str(row.data.get(field) or "").lower() in {each.lower() for each in value}


def after(field: str) -> Test:
    """*field* is the time of the value or later."""
    return lambda _, row, value: (row.data.get(field) or "") >= as_stamp(value)


def before(field: str) -> Test:
    """*field* is the time of the value or earlier."""
    return lambda _, row, value: bool(row.data.get(field)) and row.data[field] <= as_stamp(value)
