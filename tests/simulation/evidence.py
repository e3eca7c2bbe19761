"""What really happened to a row, whatever the runs say."""

from __future__ import annotations

from math import inf

from kombo_async.bulk import JournalError
from tests.simulation.history import Ended, History
from tests.simulation.specs import RowSpec
from tests.simulation.system import Application

SYNC_MARGIN = 22 * 60.0
"""How long after a request a sync must have begun to tell whether it was done."""


def thing(history: History, identity: str) -> str:
    """What must be made once: the caller's key if there is one, else the person and job; in each integration."""
    key, _, rest = identity.partition("|")
    return f"{key}@{rest.partition('@')[2]}" if history.scenario.keyed else rest


def identity(history: History, row: RowSpec) -> str:
    """How the model knows a row."""
    return history.scenario.identity(row)


def ours(history: History, row: RowSpec) -> list[Application]:
    """What was made for *row* by us."""
    return [made for made in history.applications if made.row == identity(history, row)]


def as_good_as_ours(history: History, row: RowSpec) -> list[Application]:
    """What was made for the person and job of *row* by us: nothing tells apart what two keys of one person made."""
    rest = identity(history, row).partition("|")[2]
    return [made for made in history.applications if made.row and made.row.partition("|")[2] == rest]


def passes_for_ours(history: History, row: RowSpec, application_id: str | None) -> bool:
    """Whether somebody else's record says that it was made while ours may have been: nothing tells it from ours."""
    made = next((each for each in history.applications if each.id == application_id and each.row is None), None)
    if made is None or made.candidate.first_name.casefold() != row.first_name.casefold():
        return False
    says = made.created + history.scenario.habits.clock
    return any(at <= says <= at + SYNC_MARGIN for at in attempts(history, row))


def attempts(history: History, row: RowSpec) -> list[float]:
    """When the attempts for the row began that may have been done, by what their processes said of them."""
    this = identity(history, row)
    silent = {each.run.name for each in history.ended if each.killed or isinstance(each.error, JournalError)}
    ended = {each.run.name: each.at for each in history.ended}
    refused = [
        each
        for each in history.kombo.arrived
        if not each.may_work
        and each.process not in silent
        and each.at + (each.answered or 0) <= ended.get(each.process, inf)
    ]
    not_done = {(each.process, each.row, each.began) for each in refused}
    return [each[2] for each in history.kombo.begun if each[1] == this and each not in not_done]


def last_of(history: History) -> Ended:
    """The last run."""
    return next(each for each in history.ended if each.run.name == "last")
