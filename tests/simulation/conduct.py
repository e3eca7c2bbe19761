"""How a run has to behave: when it may end with an error, whose fault is whose, when it has to stop sending."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kombo_async.bulk import JournalError
from kombo_async.bulk._gate import FAILURES, REST
from tests.simulation.history import History
from tests.simulation.kombo import Arrived
from tests.simulation.specs import Outage


def ends(history: History) -> Iterator[str]:
    """A run ends by itself, and with an error only where there is a reason."""
    reasons = bool(history.mishaps)
    if history.scenario.journal == "redis":
        reasons |= history.scenario.redis["policy"] != "noeviction" or history.scenario.redis["aof"] == "0"
    reasons |= history.scenario.full is not None
    for ended in history.ended:
        error = ended.error
        for each in ended.errors:
            yield f"ERROR: {ended.run.name}: {each}"
        if error is None or ended.killed:
            continue
        if type(error).__name__ == "CancelledError" and ended.run.stops_after is not None:
            continue
        paused = any(seconds > 0 for seconds in (*ended.run.plan.values(), *ended.run.steps.values()))
        stepped = history.scenario.journal == "redis" and history.scenario.redis_step is not None
        by_hand = ended.run.name.startswith("person")  # other runs may have the rows, or there is no journal yet
        if isinstance(error, JournalError) and (
            reasons or paused or stepped or by_hand or "Connection reset" in str(error)
        ):
            continue
        yield f"ERROR: {ended.run.name} ended with {type(error).__name__}: {error}"


def faults(history: History) -> Iterator[str]:
    """A row that cannot be sent is refused, and is not sent."""
    # Of a run that was killed, or whose rows others took, nobody knows how far it had come.
    killed = any(each.killed or isinstance(each.error, JournalError) for each in history.ended)
    stopped = any(
        seconds > 0 for each in history.ended for seconds in (*each.run.plan.values(), *each.run.steps.values())
    )
    for told in history.told:
        if told.outcome.result == "in_doubt" and (killed or stopped):
            continue
        if told.spec.flaw and told.outcome.result not in ("refused", "duplicate", "unsent", "held"):
            yield f"FAULT: {told.run} {told.spec} ({told.spec.flaw}) is {told.outcome.result}: {told.outcome.message}"
        if told.spec.flaw and told.run == "last" and told.outcome.result == "unsent":
            yield f"FAULT: {told.run} {told.spec} ({told.spec.flaw}) is unsent: {told.outcome.message}"


def warnings(history: History) -> Iterator[str]:
    """What Kombo warned of is told, in the run that heard it and in later ones."""
    for told in history.told:
        outcome = told.outcome
        by_answer = outcome.result == "done" and outcome.entry.proof == "answer"
        warned = outcome.ids.get("application_id", outcome.ids.get("id")) in history.kombo.warned
        if by_answer and warned and not told.spec.as_candidate and not getattr(outcome, "warnings", ()):
            yield f"WARNING: {told.run} {told.spec} is done without the warning that came with it"


def settled(history: History) -> Iterator[str]:
    """What a person has settled for good is never sent again."""
    if history.mishaps:  # the journal may have lost it
        return
    for row, (at, how) in history.by_hand.items():
        late = [each for each in history.kombo.arrived if each.row == row and each.at > at]
        if late:
            yield f"SENT: {row} was sent at {late[0].at:.1f}, after a person had settled it ({how}) at {at:.1f}"


def gates(history: History) -> Iterator[str]:
    """In an outage a run stops sending after a few failures, for a while; other integrations are not held up."""
    for outage in history.scenario.outages:
        if outage.kind != "errors":
            continue
        for ended in history.ended:
            if ended.run.name == "last":  # when nothing fails any more
                continue
            sent = [
                each
                for each in history.kombo.arrived
                if (each.process, each.integration) == (ended.run.name, outage.integration)
            ]
            if not any(seconds > 0 for seconds in (*ended.run.plan.values(), *ended.run.steps.values())):
                yield from _sent_in_vain(history, outage, sent)
    for told in history.told:
        shut = re.match(r"(\d+) requests in a row failed", told.outcome.message)
        if told.outcome.result == "unsent" and shut is not None:
            sent = [
                each
                for each in history.kombo.arrived
                if (each.process, each.integration) == (told.run, told.spec.integration) and each.at <= told.at
            ]
            if len(sent) < min(FAILURES, int(shut[1])):
                yield f"GATE: {told.run} {told.spec} is unsent ({told.outcome.message}), but only {len(sent)} were sent"


def _sent_in_vain(history: History, outage: Outage, sent: list[Arrived]) -> Iterator[str]:
    before = [each for each in sent if each.at < outage.start]
    heard = sorted(each.at + (each.answered or 0) for each in sent if outage.strikes(each.integration, each.at))
    if len(heard) < FAILURES:
        return
    shut = heard[FAILURES - 1]
    if any(each.answered is None or each.at + each.answered >= outage.start for each in before):
        return  # what is heard of these may open the gate
    end = min(outage.start + outage.seconds, shut + REST - 1)
    late = [each for each in sent if shut + 0.1 < each.began and each.at < end]
    if late:
        yield (
            f"GATE: {late[0].row} was sent at {late[0].at:.1f} by {late[0].process}, "
            f"though its integration was out and {FAILURES} failures were heard by {shut:.1f}"
        )


def looks(history: History) -> Iterator[str]:
    """A look fails for what Kombo or the network did, and for nothing in our own code."""
    for told in history.told:
        if re.search(r"looking for it failed: \w+$", told.outcome.message):
            yield f"ERROR: {told.run} {told.spec}: {told.outcome.message}"
