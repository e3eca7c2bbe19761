"""A person who looks in the connected system and settles rows in doubt: what they say is true."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from kombo_async.bulk import resolve
from tests.simulation.fates import LONGEST_WORK
from tests.simulation.specs import RowSpec
from tests.simulation.system import Application

if TYPE_CHECKING:
    from tests.simulation.history import History


class ByHand:
    """Settles the rows in doubt of a journal, as far as what is there tells."""

    def __init__(self, history: History, chance: random.Random) -> None:
        self._history = history
        self._chance = chance

    async def settle(self, journal: Any, name: str) -> None:
        """Look at each row in doubt, and settle most."""
        async with resolve.open_doubts(journal) as doubts:
            for doubt in [each async for each in doubts]:
                row = self._row_of(doubt)
                if row is None or self._chance.random() < 0.2:
                    continue
                what = self._decision(row)
                self._history.world.say(name, f"settles {row}: {what or 'nothing'}")
                try:
                    await self._say(doubts, doubt, row, what)
                except ValueError:
                    if not self._history.scenario.keyed:  # what two keys of one person made, the first of them has
                        raise

    def _row_of(self, doubt: resolve.Doubt) -> RowSpec | None:
        """The row that is meant; None where its description does not say."""
        scenario = self._history.scenario
        for row in scenario.rows:
            about = f"<{row.email.strip()}>, job {row.job}"
            same_key = not scenario.keyed or row.key == doubt.key
            if doubt.about.lower().endswith(about.lower()) and row.integration == doubt.integration_id and same_key:
                return row
        return None

    def _decision(self, row: RowSpec) -> str:
        """`found`, `send again`, `give up`, or nothing yet."""
        history, identity = self._history, self._history.scenario.identity(row)
        if any(of == identity for of, _ in history.partial):
            return self._chance.choice(("give up", ""))
        if self._made(row):
            return self._chance.choice(("found", "found", "found", "give up"))
        arrived = [each.at for each in history.kombo.arrived if each.row == identity]
        if arrived and history.world.now < max(arrived) + LONGEST_WORK + 1:
            return ""  # it may be under way
        return self._chance.choice(("send again", "send again", "send again", "give up"))

    def _made(self, row: RowSpec) -> list[Application]:
        identity = self._history.scenario.identity(row)
        return [each for each in self._history.applications if each.row == identity]

    async def _say(self, doubts: resolve.Doubts, doubt: resolve.Doubt, row: RowSpec, what: str) -> None:
        if what == "found":
            await doubts.found(doubt, self._made(row)[0].id)
        elif what == "send again":
            await doubts.send_again(doubt)
        elif what == "give up":
            await doubts.give_up(doubt)
        if what in ("found", "give up"):
            self._history.by_hand[self._history.scenario.identity(row)] = (self._history.world.now, what)
