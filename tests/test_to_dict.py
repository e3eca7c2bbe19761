"""`to_dict`: plain data for anything in a request or response, fast enough for an export."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from kombo_async import UnknownVariant, ats, to_dict
from kombo_async._codec.decode import decode
from tests.support.wire import CANDIDATE, page


class Text(str):
    """Text of a library's own class."""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        ("x", "x"),
        (Text("x"), "x"),
        (datetime(2026, 5, 19, 8, 30, tzinfo=UTC), "2026-05-19T08:30:00.000Z"),
        (datetime(2026, 5, 19, 10, 30, tzinfo=timezone(timedelta(hours=2))), "2026-05-19T08:30:00.000Z"),
        (datetime(2026, 5, 19, 8, 30, 0, 123_000, tzinfo=UTC), "2026-05-19T08:30:00.123Z"),
        (datetime(2026, 5, 19, 8, 30, 0, 123_456, tzinfo=UTC), "2026-05-19T08:30:00.123456Z"),
        (datetime(2026, 5, 19, 8, 30), "2026-05-19T08:30:00.000"),
        (date(2026, 5, 19), "2026-05-19"),
        ((1, [date(2026, 5, 19)]), [1, ["2026-05-19"]]),
        (MappingProxyType({"a": (date(2026, 5, 19),)}), {"a": ["2026-05-19"]}),
        (UnknownVariant(tag="X", data={"type": "X"}), {"type": "X"}),
        (ats.TagInput(name="x"), {"name": "x"}),
        (ats.CandidateInput(first_name="F", last_name="D", email_address="e"), None),
        (ats.GreenhousePostHeaders(on_behalf_of="7"), {"On-Behalf-Of": "7"}),
    ],
)
def test_each_kind_of_value(value: Any, plain: Any) -> None:
    """Models and mappings become dicts, sequences lists, times text; what is left out stays out."""
    if isinstance(value, ats.CandidateInput):
        plain = {"first_name": "F", "last_name": "D", "email_address": "e"}
    for _ in range(2):  # the second time by what the first has learned of its class
        assert to_dict(value) == plain
        assert type(to_dict([value])) is list
    assert json.loads(json.dumps(to_dict({"a": value}))) == {"a": plain}


def test_any_depth() -> None:
    """Data may be nested more deeply than Python's stack allows; nothing may contain itself."""
    depth = sys.getrecursionlimit() * 3
    deep: Any = ats.TagInput(name="x")
    for number in range(depth):
        deep = ({"a": deep}, [deep], (deep,))[number % 3]
    plain = to_dict({"data": deep, "times": [datetime(2026, 5, 19, tzinfo=UTC)], "also": ats.TagInput(name="y")})
    assert (plain["times"], plain["also"]) == (["2026-05-19T00:00:00.000Z"], {"name": "y"})
    found = plain["data"]
    for _ in range(depth):
        (found,) = found.values() if isinstance(found, dict) else found
    assert found == {"name": "x"}
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="contains itself"):
        to_dict(circle)


def test_an_answer_comes_back_as_it_came() -> None:
    """Nothing is lost, and no dict or list is shared with the response, except for arbitrary JSON."""
    raw = page({**CANDIDATE, "tags": [{"id": "1", "remote_id": None, "name": "x"}]})
    (record,) = decode(ats.GetCandidates, raw, raw.content, attempts=1).unwrap().results
    plain = to_dict(record)
    assert isinstance(plain, Mapping)
    assert plain == {**CANDIDATE, "tags": [{"id": "1", "remote_id": None, "name": "x"}]}
    plain["tags"].clear()
    assert len(record.tags) == 1
