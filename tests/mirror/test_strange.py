"""Things that should not happen: odd records, odd pages, odd webhooks, and a store that is away."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import anyio
import httpx
import pytest

from kombo_async import InvalidInput, UnexpectedResponse, ats
from kombo_async.mirror import Mirror, Table, _endless
from kombo_async.webhooks import parse
from tests.mirror.source import Source
from tests.mirror.stores import Place
from tests.support.wire import INTEGRATION, mock_client, page

pytestmark = pytest.mark.anyio

TAGS = [Table("tags", ats.GetTags(), columns=["name"])]


def tag(id: Any, name: str) -> dict[str, Any]:
    """A tag with any ID."""
    return {"id": id, "name": name, "changed_at": "2026-05-19T08:00:00.000Z", "remote_deleted_at": None}


def names(place: Place) -> dict[str, str]:
    """Names in the table, by ID."""
    return dict(place.query("SELECT id, name FROM tags"))


async def test_a_record_on_two_pages(place: Place) -> None:
    """If pages shift and a record comes twice, the later one counts."""
    pages = {
        None: page(tag("a", "first"), tag("a", "second"), tag("b", "b"), next="2"),
        "2": page(tag("a", "third"), tag("c", "c"), next="3"),
        "3": page({**tag("c", "c"), "remote_deleted_at": "2026-05-19T08:00:00.000Z"}, tag("d", "d"), tag("b", "b")),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return pages[request.url.params.get("cursor")]

    async with Mirror(mock_client(answer), place.store(), TAGS) as mirror:
        for _ in range(2):
            await mirror.update(INTEGRATION, full=True)
            assert names(place) == {"a": "third", "b": "b", "d": "d"}


@pytest.mark.parametrize("id", [None, 7, "", "a\0b", ["a"], {"id": "a"}])
async def test_a_record_without_an_id(id: Any, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A record without a valid ID is left out, with a log line; the others are kept."""
    odd = tag(id, "secret")
    if id is None:
        del odd["id"]
    client = mock_client(lambda request: page(tag("a", "a"), odd, tag("b", "b")))
    with caplog.at_level(logging.WARNING, "kombo_async.mirror"):
        async with Mirror(client, place.store(), TAGS) as mirror:
            await mirror.update(INTEGRATION)
    assert names(place) == {"a": "a", "b": "b"}
    assert "tags" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("odd", [None, 7, "text", [1]])
async def test_a_record_that_is_none(odd: Any, place: Place) -> None:
    """An item that is not a record is left out, too."""
    client = mock_client(lambda request: page(tag("a", "a"), odd))
    async with Mirror(client, place.store(), TAGS) as mirror:
        await mirror.update(INTEGRATION)
    assert names(place) == {"a": "a"}


async def test_pages_that_never_end(place: Place) -> None:
    """If a cursor repeats, the sync ends with an error, and existing records stay."""
    rounds = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal rounds
        if rounds == 0:
            return page(tag("a", "a"), tag("z", "z"))
        assert len(rounds_left) < 20
        rounds_left.append(1)
        cursor = request.url.params.get("cursor")
        return page(tag("b", "b"), next="1" if cursor != "1" else "2")

    rounds_left: list[int] = []
    async with Mirror(mock_client(answer), place.store(), TAGS) as mirror:
        await mirror.update(INTEGRATION)
        rounds = 1
        with pytest.raises(UnexpectedResponse):
            await mirror.update(INTEGRATION, full=True)
        assert {"a", "z"} <= set(names(place))


@pytest.mark.parametrize("same", [True, False], ids=["same records", "new records"])
async def test_cursors_that_are_always_new(same: bool, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each page has a new cursor, the sync ends with an error, too, and what came is there."""
    monkeypatch.setattr(_endless, "MOST_PAGES", 30)
    count = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        number = 1 if same else count
        return page(tag(f"a{number}", "a"), tag(f"b{number}", "b"), next=f"cursor {count}")

    async with Mirror(mock_client(answer), place.store(), TAGS) as mirror:
        why = "11 of 12 pages" if same else "it has more than 30 pages"
        with pytest.raises(UnexpectedResponse, match=f"does not end: {why}"):
            await mirror.update(INTEGRATION)
        assert len(names(place)) == (2 if same else 60)
        assert (await mirror.store.watermarks(INTEGRATION))["tags"].since is None


def data_changed(integration_id: Any, **data: Any) -> bytes:
    """A `data-changed` with anything in it."""
    data = {
        "integration_id": integration_id,
        "integration_tool": "lever",
        "integration_category": "ATS",
        "changed_models": [{"name": "ats_tags"}],
        **data,
    }
    return json.dumps({"id": "e", "type": "data-changed", "data": data}).encode()


@pytest.mark.parametrize("id", [None, 7, "", "a\nb", "a\0b", "ü", "\ud800", ["lever:1"], {}])
async def test_a_webhook_for_no_integration(id: Any, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A webhook with an invalid integration ID is accepted, and only logged."""
    async with Mirror(mock_client(Source()), place.store(), TAGS) as mirror:
        with caplog.at_level(logging.WARNING, "kombo_async.mirror"):
            await mirror.handle(parse(data_changed(id)))
        assert await mirror.store.integrations() == []
        assert "integration" in caplog.text


@pytest.mark.parametrize("event", ["integration-deleted", None], ids=["by webhook", "by hand"])
async def test_a_webhook_after_the_end(event: str | None, place: Place) -> None:
    """A webhook that comes late does not bring back what was deleted at Kombo, or forgotten; `follow` does."""
    source = Source()
    source.put("t0", "Tag")
    async with Mirror(mock_client(source), place.store(), TAGS) as mirror:
        await mirror.handle(parse(data_changed("lever:1")))
        await mirror.update("lever:1")
        if event is None:
            await mirror.forget("lever:1")
        else:
            await mirror.handle(parse(json.dumps({"id": "e", "type": event, "data": {"id": "lever:1"}}).encode()))
        created = {"id": "lever:1", "category": "ATS"}
        for late in (
            data_changed("lever:1"),
            json.dumps({"id": "e", "type": "integration-created", "data": created}).encode(),
        ):
            await mirror.handle(parse(late))
            assert await mirror.store.integrations() == []
            assert names(place) == {}
        await mirror.follow("lever:1")
        assert [each.integration_id for each in await mirror.store.integrations()] == ["lever:1"]


@pytest.mark.parametrize("models", [None, 7, "ats_tags", [None], [7], [{"name": None}], [{}]])
async def test_a_webhook_of_odd_models(models: Any, place: Place) -> None:
    """A webhook with unreadable models still notifies the integration."""
    async with Mirror(mock_client(Source()), place.store(), TAGS) as mirror:
        await mirror.handle(parse(data_changed("lever:1", changed_models=models)))
        (state,) = await mirror.store.integrations()
        assert state.told_at is not None


async def test_an_id_that_is_none(place: Place) -> None:
    """An invalid integration ID is refused wherever it is passed."""
    mirror = Mirror(mock_client(Source()), place.store(), TAGS)
    for use in (mirror.follow, mirror.update):
        with pytest.raises(InvalidInput, match="integration_id"):
            await use("")
    with pytest.raises(InvalidInput, match="integrations"):
        Mirror(mock_client(Source()), place.store(), TAGS, integrations=["lever:1\n"])


async def test_a_subscriber_that_was_taken_over(place: Place) -> None:
    """A subscriber that paused longer than its lease waits for the other, then resumes from its position."""
    client = mock_client(lambda request: page(tag("a", "a"), tag("b", "b"), tag("c", "c")))
    async with Mirror(client, place.store(), TAGS, keep_changes=timedelta(days=7)) as mirror:
        await mirror.update(INTEGRATION)
        async with mirror.changes("mailer") as changes:
            first = await anext(changes)
            place.query("UPDATE kombo_subscribers SET lease_until = 0")
            async with mirror.changes("mailer") as other:
                others = [await anext(other) for _ in range(3)]
                assert others[0] == first
                changes._renew_at = 0.0  # as if a third of its lease had passed
                with anyio.move_on_after(0.3):
                    await anext(changes)
                    raise AssertionError("two read at the same time")
            assert await anext(changes) == others[2]


async def test_a_subscriber_that_was_taken_over_at_its_end(place: Place) -> None:
    """It does not fail either if everything that it had read was done."""
    client = mock_client(lambda request: page(tag("a", "a")))
    async with Mirror(client, place.store(), TAGS, keep_changes=timedelta(days=7)) as mirror:
        await mirror.update(INTEGRATION)
        async with mirror.changes("mailer") as changes:
            first = await anext(changes)
            place.query("UPDATE kombo_subscribers SET lease_until = 0")
            async with mirror.changes("mailer") as other:
                assert await anext(other) == first
                with anyio.move_on_after(0.3):
                    await anext(changes)
                    raise AssertionError("two read at the same time")
            assert await anext(changes) == first
