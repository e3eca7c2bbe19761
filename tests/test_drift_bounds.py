"""What drift costs at most: a response that does not fit at all must not stall the event loop or fill the memory."""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kombo_async import Success, ats
from kombo_async._codec.decode import decode
from kombo_async._codec.drift import LONGEST_STEP, MAX_LISTED, Reading, read_leniently
from kombo_async.model import Model, model
from tests.support.wire import CANDIDATE

SIZE = 300_000
"""Bytes of nonsense."""


def page_of(records: list[Any]) -> bytes:
    body = {"status": "success", "data": {"results": records, "next": None}}
    return json.dumps(body, separators=(",", ":")).encode()


def read(content: bytes, request: Any = ats.GetCandidates) -> Success[Any]:
    reply = decode(request, httpx.Response(200, content=content), content, attempts=1)
    assert isinstance(reply, Success)
    return reply


def seconds(work: Callable[[], object], times: int = 3) -> float:
    """The CPU time of the fastest of several runs."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


NONSENSE = {
    "empty": {},
    "unknown field": {"x": 0},
    "one field": {"id": "a"},
    "one wrong field": {"id": 0},
    "null": None,
    "array": [],
    "text": "x",
    "wrong lists": {"tags": [{}, 0], "applications": 7},
}


@pytest.mark.parametrize("record", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_costs_no_more_per_record_than_ten_good_ones(record: Any) -> None:
    """Small wrong records take at most ten times as long, and ten times the memory, as the same number of good ones."""
    count = SIZE // (len(json.dumps(record, separators=(",", ":"))) + 1)
    content, good = page_of([record] * count), page_of([CANDIDATE] * 1_000)
    read(content)
    per_good = seconds(lambda: read(good), 5) / 1_000
    assert seconds(lambda: read(content)) / count <= 10 * per_good
    tracemalloc.start()
    reply = read(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30_000_000
    assert len(reply.data.results) == count
    assert len(reply.drift) == MAX_LISTED
    assert reply.more_drift >= count - MAX_LISTED


def test_time_is_linear() -> None:
    """Ten times the nonsense takes about ten times as long."""
    few, many = page_of([{"id": 0}] * 3_000), page_of([{"id": 0}] * 30_000)
    read(few)
    assert seconds(lambda: read(many)) <= 25 * seconds(lambda: read(few), 5)


def test_the_first_thousand_spots_are_listed_and_the_rest_is_counted() -> None:
    """All spots are counted; the first ones are listed, in the order of the response."""
    wrong = {**CANDIDATE, "id": 5}
    reply = read(page_of([wrong] * 1_200))
    assert [each.path for each in reply.drift] == [f"data.results[{index}].id" for index in range(1_000)]
    assert reply.more_drift == 200
    assert {each.id for each in reply.data.results} == {5}, "what is only counted is kept as well"


def test_long_keys_make_no_long_paths() -> None:
    """Long keys are cut in paths."""
    value = {"x" * 50_000: [{"id": 5, "remote_id": None, "name": "x"}] * 3}
    reading = Reading()
    read_leniently(value, dict[str, list[ats.CandidateTag]], reading)
    assert [each.path for each in reading.drift] == [f"{'x' * LONGEST_STEP}[{index}].id" for index in range(3)]


@model
class Node(Model):
    """A model that nests itself."""

    id: str
    child: Node | None


def test_what_nests_too_deeply_is_kept_and_leaves_the_paths_right() -> None:
    """A part that is nested too deeply stays plain; later spots still have the right paths."""
    deep: Any = None
    for _ in range(sys.getrecursionlimit() * 2):
        deep = {"id": "x", "child": deep}
    reading = Reading()
    first, second = read_leniently([deep, {"id": 5, "child": None}], list[Node], reading)
    drift = reading.drift
    assert isinstance(first, Node)
    assert isinstance(second, Node)
    assert drift[0].path.startswith("[0].child.child")
    assert drift[0].got == "object"
    assert [each.path for each in drift[1:]] == ["[1].id"]


@pytest.mark.parametrize("index", [0, 125, 249])
def test_only_the_wrong_record_of_a_page_is_read_twice(index: int) -> None:
    """A page with one wrong field costs at most twice a clean one, whichever record it is in."""
    records: list[Any] = [{**CANDIDATE, "tags": [{"id": "1", "remote_id": "2", "name": "x"}] * 3}] * 250
    clean = page_of(records)
    wrong = page_of([*records[:index], {**CANDIDATE, "first_name": 5}, *records[index + 1 :]])
    read(wrong)
    ratios: list[float] = []
    for _ in range(5):
        expected = seconds(lambda: read(clean), 5)  # which makes the first wrong page after it read twice
        ratios.append(seconds(lambda: read(wrong), 5) / expected)
    assert min(ratios) <= 2
    reply = read(wrong)
    assert [each.path for each in reply.drift] == [f"data.results[{index}].first_name"]
    assert reply.data.results[index].first_name == 5
    assert all(isinstance(each, ats.Candidate) for each in reply.data.results)


def test_pages_that_drift_and_pages_that_do_not_in_turn() -> None:
    """Whichever way a page is read, the result is the same."""
    clean, wrong = page_of([CANDIDATE] * 3), page_of([CANDIDATE, {**CANDIDATE, "id": 5}, CANDIDATE])
    for _ in range(3):
        first, second = read(clean), read(wrong)
        assert (first.drift, len(second.drift)) == ([], 1)
        assert first.data.results[0] == second.data.results[0] == second.data.results[2]
        third = read(wrong)
        assert third.data == second.data
        assert third.drift == second.drift


def test_empty_objects_share_nothing_that_can_change() -> None:
    """Instances for objects without any known field share nothing mutable."""
    reply = read(page_of([{}, {}]))
    first, second = reply.data.results
    assert isinstance(first, ats.Candidate)
    assert first == second
    assert first.id is None
    one, two = read(b"{}", ats.CreateCandidate), read(b"{}", ats.CreateCandidate)
    one.warnings.append(object())
    assert two.warnings == []
    assert read(b"{}", ats.CreateCandidate).warnings == []
