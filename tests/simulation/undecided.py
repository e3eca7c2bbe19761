"""What is in doubt in the last run could not be decided from what was to be seen."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from kombo_async._chain.server_clock import DRIFT
from tests.simulation.evidence import SYNC_MARGIN, identity, last_of, ours, thing
from tests.simulation.fates import LONGEST_WORK
from tests.simulation.history import History
from tests.simulation.worker import Told

EXACT = 1.2
"""Seconds to which a run knows the server's time at its first answer; its clock may part from that by `DRIFT`."""


def undecided(history: History) -> Iterator[str]:
    """What is in doubt in the last run could not be decided from what was to be seen."""
    last = last_of(history)
    if last.error is not None or history.mishaps:
        return
    for told in history.told:
        if told.run == "last" and told.outcome.result == "in_doubt":
            why = _decidable(history, told)
            if why:
                yield f"UNDECIDED: {identity(history, told.spec)} is in doubt ({told.outcome.message}), but {why}"
        if told.run == "last" and told.outcome.result == "unsent":
            yield f"UNDECIDED: {identity(history, told.spec)} is unsent, though nothing fails ({told.outcome.message})"


def _decidable(history: History, told: Told) -> str:
    """Why a row in doubt was decidable, empty where it was not. Only where everything is plain."""
    scenario, row = history.scenario, told.spec
    this = thing(history, identity(history, row))
    same_person = [
        each
        for each in history.applications
        if each.candidate.email and _tagless(each.candidate.email) == _tagless(row.email) and each.row is None
    ]
    arrived = [each for each in history.kombo.arrived if thing(history, each.row) == this]
    rows = [r for turn in scenario.turns for run in turn.runs for r in run.rows if r.person == row.person]
    edited = (
        len(
            {(r.email, r.first_name, r.last_name, r.job, r.as_candidate, r.key if scenario.keyed else "") for r in rows}
        )
        > 1
    )
    unusual = same_person or edited or not arrived or not scenario.sends_date or row.email != row.email.strip()
    if unusual or any(identity(history, row).endswith(r) for r, _ in history.partial) or scenario.habits.renames:
        return ""
    if any(row_ == identity(history, row) for row_, _ in history.partial):
        return ""
    made = ours(history, row)
    if made:
        shot = history.shown_at_last.get(made[0].id)
        if shot is None or made[0].deleted is not None or made[0].candidate.deleted is not None:
            return ""
        first = max((each.at for each in arrived if each.attempt == made[0].attempt), default=None)
        plain = scenario.habits.created == "ms" and _plain(made[0].candidate.email) == _plain(row.email)
        named = made[0].candidate.first_name == row.first_name
        says = made[0].created + scenario.habits.clock
        fits = first is not None and first + EXACT + DRIFT * first <= says <= first + LONGEST_WORK
        return f"{made[0].id} was to be seen" if plain and named and fits else ""
    begun = [at for _, of, at in history.kombo.begun if thing(history, of) == this]
    latest = max(each.at for each in arrived)
    latest = max([latest, *(at for at in begun if at < history.last_began)])
    if scenario.resend_after is not None and history.last_began > latest + scenario.resend_after + LONGEST_WORK:
        return "resend_after is over, and nothing is there"
    synced = history.synced_at_last[row.integration]
    if scenario.synced_since and any(began > latest + SYNC_MARGIN for began, _ in synced):
        return "a full sync has come since, and nothing is there"
    return ""


def _tagless(email: str) -> str:
    """A plain address without its tag, which some systems drop."""
    local, _, domain = _plain(email).rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _plain(email: str) -> str:
    """An address without what systems change about it."""
    email = "".join(c for c in unicodedata.normalize("NFKC", email.strip()) if unicodedata.category(c) != "Cf")
    local, _, domain = email.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}".casefold()
