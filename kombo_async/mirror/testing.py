"""The checks that a store of a mirror must pass, for your own `Store` as for ours.

::

    @pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
    async def test_my_store(check, tmp_path):
        await check(lambda: MyStore(tmp_path / "mirror"))

Each check gets a function that creates an unopened store. All stores from it share one place, which is empty at first:
what one writes, the others read, like stores in several processes. A broken promise raises an `AssertionError` that
names it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from kombo_async.mirror import _check_records, _check_syncs, _check_turns
from kombo_async.mirror._checks import MakeStore as MakeStore

Check: TypeAlias = Callable[[MakeStore], Awaitable[None]]

STORE_CHECKS: Sequence[Check] = (
    _check_records.keeps_records,
    _check_records.keeps_any_text,
    _check_records.keeps_integrations_apart,
    _check_syncs.keeps_watermarks,
    _check_syncs.keeps_rewinds,
    _check_turns.fences,
    _check_turns.removes,
    _check_turns.gives_turns_in_order,
    _check_turns.gives_each_turn_once,
    _check_turns.remembers_what_it_was_told,
    _check_turns.keeps_one_set_of_tables,
    _check_turns.keeps_one_set_of_columns,
    _check_syncs.finds_what_was_not_seen,
    _check_syncs.notes_what_is_stale,
    _check_records.logs_changes,
)
