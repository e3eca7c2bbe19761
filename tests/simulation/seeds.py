"""One seed: its scenario played, and what does not hold."""

from __future__ import annotations

from collections import Counter

import attrs

from tests.simulation.history import play
from tests.simulation.invariants import violations
from tests.simulation.scenario import scenario
from tests.simulation.scheduler import Stuck
from tests.simulation.specs import Scenario


@attrs.frozen(kw_only=True)
class Played:
    """The result of a seed."""

    scenario: Scenario
    violations: list[str]
    trace: list[str]
    results: Counter[str]
    """The outcomes of its last run."""

    def described(self, *, trace: bool) -> str:
        """What failed and how to see it again, with the *trace* of it all."""
        lines = [f"seed {self.scenario.seed}: {self.violations[0] if self.violations else 'all is well'}"]
        lines += [f"  and {each}" for each in self.violations[1:]]
        if trace:
            plain = attrs.asdict(self.scenario, recurse=False)
            lines += [f"  {name} = {value}" for name, value in plain.items() if name not in ("seed", "turns")]
            lines += [f"  {run}" for turn in self.scenario.turns for run in (f"turn: wait {turn.wait}", *turn.runs)]
            lines += self.trace
        lines.append(f"replay it: python -m tests.simulation --replay {self.scenario.seed}")
        return "\n".join(lines)


def play_seed(seed: int) -> Played:
    """Play *seed*."""
    plan = scenario(seed)
    try:
        history = play(plan)
    except Stuck as error:
        return Played(scenario=plan, violations=[f"STUCK: {error}"], trace=error.trace, results=Counter())
    last = Counter(str(each.outcome.result) for each in history.told if each.run == "last")
    return Played(scenario=plan, violations=violations(history), trace=history.world.trace, results=last)
