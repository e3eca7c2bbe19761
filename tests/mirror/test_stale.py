"""Records that nest a changed one are read again, until late changes are certain to show by Kombo's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from kombo_async import ats
from kombo_async.mirror import Mirror, Table
from tests.mirror.source import stamp
from tests.mirror.stores import Place
from tests.support.wire import INTEGRATION, mock_client, page

pytestmark = pytest.mark.anyio

TABLES = [Table("candidates", ats.GetCandidates())]
HOUR = timedelta(hours=1)


class Kombo:
    """A candidate with a tag. What the candidate shows of the tag is set by hand, and so is the time."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.tells_time = True
        self.tag: str | None = "Old"
        self.shown: str | None = "Old"
        self.changed_at = self.now - 9 * HOUR
        self.looked_up = 0
        self.meanwhile: Callable[[], None] | None = None
        """What happens between the two pages that the list of candidates then has."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a list."""
        query = request.url.params
        self.looked_up += "ids" in query
        if "cursor" in query:
            answer = page()
        else:
            shown = [each for each in self._records(request.url.path) if self._asked_for(each, query)]
            more = self.meanwhile is not None and request.url.path.endswith("/candidates")
            answer = page(*shown, next="second" if more else None)
        if "cursor" in query and self.meanwhile is not None:
            self.meanwhile()
            self.meanwhile = None
        if self.tells_time:
            answer.headers["Date"] = format_datetime(self.now, usegmt=True)
        return answer

    def _records(self, path: str) -> list[dict[str, Any]]:
        if path.endswith("/tags"):
            deleted_at = stamp(self.changed_at) if self.tag is None else None
            tag = {"id": "t", "name": self.tag, "changed_at": stamp(self.changed_at), "remote_deleted_at": deleted_at}
            return [tag]
        if path.endswith("/candidates"):
            tags = [] if self.shown is None else [{"id": "t", "name": self.shown}]
            old = {"changed_at": "2020-01-01T00:00:00.000Z", "remote_deleted_at": None}
            return [{"id": "c", "tags": tags, **old}]
        return []

    def _asked_for(self, record: dict[str, Any], query: httpx.QueryParams) -> bool:
        is_there = record["remote_deleted_at"] is None or query.get("include_deleted") == "true"
        return is_there and str(record["changed_at"]) > str(query.get("updated_after", ""))

    def change_tag(self, name: str | None) -> None:
        """Rename the tag, or delete it."""
        self.tag, self.changed_at = name, self.now


def shown(place: Place) -> list[str]:
    """The names of the candidate's tags in the table."""
    (record,) = place.records("candidates").values()
    return [tag["name"] for tag in record["tags"]]


async def test_it_goes_by_the_clock_of_kombo(place: Place) -> None:
    """An hour at Kombo settles what is stale, and no time at all does not, whatever the store's clock says."""
    kombo = Kombo()
    async with Mirror(mock_client(kombo), place.store(), TABLES) as mirror:
        await mirror.update(INTEGRATION)
        kombo.now += HOUR
        kombo.change_tag("New")
        for _ in range(3):  # the candidate shows the change late
            await mirror.update(INTEGRATION)
            assert shown(place) == ["Old"]
            assert place.query("SELECT id FROM kombo_stale") == [("t",)]
        kombo.now += HOUR
        kombo.shown = "New"
        await mirror.update(INTEGRATION)
        assert shown(place) == ["New"]
        assert place.query("SELECT id FROM kombo_stale") == []
        before = kombo.looked_up
        await mirror.update(INTEGRATION)
        assert kombo.looked_up == before


async def test_where_kombo_does_not_tell_the_time(place: Place) -> None:
    """What is stale stays noted, and is read again in each look."""
    kombo = Kombo()
    kombo.tells_time = False
    async with Mirror(mock_client(kombo), place.store(), TABLES) as mirror:
        await mirror.update(INTEGRATION)
        kombo.change_tag("New")
        for _ in range(2):
            await mirror.update(INTEGRATION)
        assert shown(place) == ["Old"]
        kombo.shown = "New"
        await mirror.update(INTEGRATION)
        assert shown(place) == ["New"]
        assert place.query("SELECT id FROM kombo_stale") == [("t",)]


async def test_a_deletion_that_no_sync_has_seen(place: Place) -> None:
    """What was deleted before the list was ever read may still be nested in records: they are read again."""
    kombo = Kombo()
    kombo.change_tag(None)
    async with Mirror(mock_client(kombo), place.store(), TABLES) as mirror:
        await mirror.update(INTEGRATION)
        assert shown(place) == ["Old"]
        kombo.now += timedelta(minutes=5)
        await mirror.update(INTEGRATION)
        kombo.shown = None
        for _ in range(2):  # the first of them is told of the deletion again, since it goes back by the overlap
            kombo.now += HOUR
            await mirror.update(INTEGRATION)
        assert shown(place) == []
        assert place.query("SELECT id FROM kombo_stale") == []
        before = kombo.looked_up
        await mirror.update(INTEGRATION)
        assert kombo.looked_up == before


async def test_a_whole_list_that_takes_long_to_read(place: Place) -> None:
    """What was read before late changes are certain to show is read again, however late the reading ends."""
    kombo = Kombo()

    def an_hour_later() -> None:
        kombo.now += HOUR
        kombo.shown = "New"

    async with Mirror(mock_client(kombo), place.store(), TABLES) as mirror:
        await mirror.update(INTEGRATION)
        kombo.now += HOUR
        kombo.change_tag("New")
        kombo.meanwhile = an_hour_later
        await mirror.update(INTEGRATION, full=True)
        assert shown(place) == ["Old"]
        await mirror.update(INTEGRATION)
        assert shown(place) == ["New"]
        assert place.query("SELECT id FROM kombo_stale") == []
