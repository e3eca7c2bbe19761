"""What the caller passes in (a source, `key=`, reconcilers, `synced_since=`, a path) never loses a row."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kombo_async import ats
from kombo_async.bulk import ApplicationReconciler, Look, Outcome, SqliteJournal, Verdict, read_journal
from tests.bulk.conftest import CREATE, Bench, by_name

pytestmark = pytest.mark.anyio


async def test_rows_before_an_error_of_the_source_are_sent(bench: Bench, tmp_path: Path) -> None:
    """If a generator raises, the rows before it are still sent, and doubts settled."""
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR", times=1)

    def rows() -> Iterator[ats.CreateApplication]:
        yield from bench.applications(3)
        raise LookupError("no more")

    outcomes: list[Outcome] = []
    async with bench.client() as kombo:
        run = kombo.bulk(rows(), journal=tmp_path / "j", resend_after=timedelta(0))

        async def take() -> None:
            async for outcome in run:
                outcomes.append(outcome)  # noqa: PERF401 - what comes before the error counts

        with pytest.raises(LookupError, match="no more"):
            await take()
    assert [each.result for each in outcomes] == ["done"] * 3
    assert len(bench.made) == 3
    assert not run.is_complete


SECRET = "ada@example.com"


@pytest.mark.parametrize("error", [KeyError(SECRET), ValueError(f"no key for {SECRET}"), RuntimeError(SECRET)])
async def test_the_text_of_an_error_of_key_is_told_to_nobody(bench: Bench, error: Exception) -> None:
    """The outcome names the exception's type and place, not its text, which may name a person."""

    def number_of(request: Any) -> str:
        raise error

    async with bench.client() as kombo:
        (outcome,) = [each async for each in kombo.bulk([bench.application("ada")], key=number_of)]
    assert outcome.result == "refused"
    assert type(error).__name__ in outcome.message
    assert "number_of" in outcome.message
    told: BaseException | None = outcome.error
    while told is not None:
        assert SECRET not in repr(told)
        told = told.__cause__ or told.__context__


async def test_the_text_of_an_error_of_a_reconciler_is_told_to_nobody(bench: Bench, tmp_path: Path) -> None:
    """The journal has the exception's type, not its text."""
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR")

    class Broken(ApplicationReconciler):
        async def look(self, look: Look) -> Verdict:
            raise KeyError(SECRET)

    async with bench.client() as kombo:
        run = kombo.bulk(
            [bench.application("ada")], journal=tmp_path / "j", reconcilers={ats.CreateApplication: Broken()}
        )
        (outcome,) = [each async for each in run]
    assert outcome.result == "in_doubt"
    assert "looking for it failed: KeyError" in outcome.message
    assert SECRET not in outcome.message


@pytest.mark.parametrize("rows", [1, 3])
async def test_synced_since_that_does_not_answer(timed_bench: Bench, rows: int) -> None:
    """A `synced_since` that hangs is waited for once, for a minute; its rows stay in doubt, and the run ends."""
    bench = timed_bench
    bench.sandbox.faults.add(CREATE, status=500, code="PLATFORM.UNKNOWN_ERROR")
    asked = 0

    async def never(*_: Any) -> bool:
        nonlocal asked
        asked += 1
        await bench.sandbox.clock.sleep(math.inf)
        return True

    began = bench.sandbox.clock.time()
    async with bench.client() as kombo:
        run = kombo.bulk(bench.applications(rows), synced_since=never, settle_wait=0, concurrency=1)
        outcomes = [each async for each in run]
    assert [each.result for each in outcomes] == ["in_doubt"] * rows
    assert all("synced_since: did not return within 60 seconds" in each.message for each in outcomes)
    assert asked == rows
    assert bench.sandbox.clock.time() - began < 90


def test_a_path_that_no_file_can_have(tmp_path: Path) -> None:
    """A lone surrogate in a journal's path is refused at once."""
    with pytest.raises(ValueError, match=r"^journal: the path holds characters"):
        SqliteJournal(tmp_path / "a\ud800b")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names of files are Unicode")
async def test_a_path_that_is_not_utf_8(bench: Bench, tmp_path: Path) -> None:
    """A journal's path may have any bytes."""
    path = tmp_path / os.fsdecode(b"b\xfccher")
    async with bench.client() as kombo:
        for _ in range(2):
            assert (await by_name(kombo.bulk([bench.application("ada")], journal=path)))["ada"].result == "done"
    assert [entry.state for _, entry in read_journal(path)] == ["done"]
    assert bench.asked == 1
