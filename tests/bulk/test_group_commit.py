"""Many small writes share a commit: its error, too."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import anyio
import pytest

from kombo_async.bulk import JournalError
from kombo_async.bulk._group_commit import GroupCommit

pytestmark = pytest.mark.anyio


async def test_an_error_is_told_to_each_caller_with_its_own_way_alone() -> None:
    """A hundred callers of a commit that fails each raise its error; none shows the frames of the others."""
    lengths: list[int] = []

    async def commit(items: Sequence[int]) -> Sequence[int]:
        raise JournalError("the disk is full")

    commits = GroupCommit[int, int](commit)

    async def add(number: int) -> None:
        try:
            await commits.add(number)
        except JournalError as error:
            lengths.append(len(traceback.extract_tb(error.__traceback__)))

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(add, number)
    assert len(lengths) == 100
    assert max(lengths) <= min(lengths) + 1
