"""Odd JSON in one record stops no table: it is kept, and so are the other records."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kombo_async import ats
from kombo_async.errors import UnexpectedResponse
from kombo_async.mirror import Mirror, Table
from tests.mirror.stores import Place
from tests.support.wire import INTEGRATION, mock_client

pytestmark = pytest.mark.anyio

TAGS = Table("tags", ats.GetTags(), columns=["name"])
RECORD = {
    "remote_id": "null",
    "name": "null",
    "changed_at": '"2026-05-19T08:00:00.000Z"',
    "remote_deleted_at": "null",
    "remote_data": "null",
}
VALUES = {
    "half a character": r'"\ud83d"',
    "NUL": r'"a\u0000b"',
    "a byte order mark": '"\ufeff"',
    "NaN": "NaN",
    "infinite": "-Infinity",
    "too large for a float": "1e999",
    "too many digits for Python": "9" * 5_000,
    "nested deeply": "[" * 500 + "]" * 500,
}


def json_of(id: str, **fields: str) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in {"id": f'"{id}"', **RECORD, **fields}.items()) + "}"


@pytest.mark.parametrize("field", ["name", "remote_data", "of_the_future"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_odd_values(place: Place, field: str, value: str) -> None:
    """In a column, in the record alone, or in a field that this version does not know."""

    def answer(_: httpx.Request) -> httpx.Response:
        page = f'{{"results": [{json_of("1", **{field: value})}, {json_of("2")}], "next": null}}'
        return httpx.Response(200, content=f'{{"status": "success", "data": {page}}}'.encode())

    mirror = Mirror(mock_client(answer), place.store(), [TAGS])
    try:
        for _ in range(2):
            await mirror.update(INTEGRATION, full=True)
    finally:
        await mirror.aclose()
    kept: dict[Any, Any] = {id: record for (_, id), record in place.records("tags").items()}
    assert sorted(kept) == ["1", "2"]
    assert field in kept["1"]


async def test_text_that_is_no_utf_8(place: Place) -> None:
    """A page that is not UTF-8 is not readable JSON, wherever in a record; nothing of it is kept."""
    odd = json_of("1").encode().replace(b'"id": "1"', b'"id": "1", "of_the_future": "\xff"')

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b'{"status": "success", "data": {"next": null, "results": [%b]}}' % odd)

    mirror = Mirror(mock_client(answer), place.store(), [TAGS])
    try:
        with pytest.raises(UnexpectedResponse, match="without readable JSON"):
            await mirror.update(INTEGRATION)
    finally:
        await mirror.aclose()
    assert not place.records("tags")
