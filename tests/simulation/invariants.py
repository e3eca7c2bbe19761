"""What must hold after each history, whatever the adversary did."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator

from kombo_async.bulk import JournalError
from tests.simulation.fates import LONGEST_WORK
from tests.simulation.history import Ended, History
from tests.simulation.scenario import RowSpec
from tests.simulation.system import Application
from tests.simulation.worker import Told


def violations(history: History) -> list[str]:
    """What does not hold, in words; nothing where all is well."""
    return [
        *(f"the model does not know {each}" for each in history.kombo.unknown),
        *_doubles(history),
        *_sent_without_journal(history),
        *(each for told in history.told for each in _false(history, told)),
        *_one_proof_for_two(history),
        *_vanished(history),
        *_ends(history),
        *_undecided(history),
    ]


def thing(history: History, identity: str) -> str:
    """What must be made once: the caller's key if there is one, else the person and job."""
    key, _, rest = identity.partition("|")
    return key if history.scenario.keyed else rest


def identity(history: History, row: RowSpec) -> str:
    """How the model knows a row."""
    key = row.key if history.scenario.keyed else ""
    return f"{key}|p{row.person}/{row.job.removeprefix('remote:r')}"


def _ours(history: History, row: RowSpec) -> list[Application]:
    """What was made for *row* by us."""
    return [made for made in history.system.applications if made.row == identity(history, row)]


def _doubles(history: History) -> Iterator[str]:
    """Nobody is made twice by us."""
    made = defaultdict[str, list[str]](list)
    for application in history.system.applications:
        if application.row is not None:
            made[thing(history, application.row)].append(f"{application.id} at {application.created:.1f}")
    for row, applications in made.items():
        if len(applications) > 1:
            yield f"DOUBLE: {row} was made {len(applications)} times: {', '.join(applications)}"
    for row, candidate in history.system.partial:
        for application in history.system.applications:
            same = application.row is not None and thing(history, application.row) == thing(history, row)
            if same and application.candidate is not candidate:
                yield f"DOUBLE: the person of {row} was made twice: {candidate.id} and {application.candidate.id}"


def _sent_without_journal(history: History) -> Iterator[str]:
    """Once the journal is gone under a run, nothing leaves any more."""
    for at, what in history.mishaps:
        if history.scenario.journal != "sqlite" or what not in ("deleted", "replaced", "emptied"):
            continue
        alive = [e.run.name for e in history.ended if e.run.name != "last"]
        turn = next((t for t in history.scenario.turns if t.mishap == f"{what} while running"), None)
        if turn is None:
            continue
        names = {run.name for run in turn.runs} & set(alive)
        late = [each for each in history.kombo.arrived if each.process in names and each.at > at + 1]
        if late:
            yield f"SENT: {late[0].row} was sent at {late[0].at:.1f}, after the journal was {what} at {at:.1f}"


def _false(history: History, told: Told) -> Iterator[str]:
    """Nothing is called done, refused, unsent, changed or duplicate that was not."""
    outcome, row = told.outcome, told.spec
    name = f"{told.run} {identity(history, row)}"
    made = _ours(history, row)
    match outcome.result:
        case "done" | "changed":
            ids = dict(outcome.ids)
            application_id = ids.get("application_id") if row.as_candidate else ids.get("id")
            made_ids = {each.id for each in made} | (
                {each.candidate.id for each in made} if row.as_candidate else set()
            )
            if not ids.get("id"):
                yield f"FALSE: {name} is {outcome.result} without an ID"
            elif application_id not in made_ids and ids["id"] not in made_ids:
                there = {each.id: each for each in history.system.applications}.get(application_id or "")
                whose = (
                    "does not exist"
                    if there is None
                    else "was made by somebody else"
                    if there.row is None
                    else f"is that of {there.row}"
                )
                yield f"FALSE: {name} is {outcome.result} with {ids}, which {whose} (ours: {sorted(made_ids)})"
        case "refused":
            if made:
                yield f"FALSE: {name} is refused, but {made[0].id} was made ({outcome.message})"
        case "unsent":
            sent = [
                each.attempt
                for each in history.kombo.arrived
                if each.row == identity(history, row) and each.at <= told.at
            ]
            if any(each.created and each.attempt in sent for each in made):
                yield f"FALSE: {name} is unsent, but {made[0].id} was made ({outcome.message})"
        case "duplicate":
            run = next(each.run for each in history.ended if each.run.name == told.run)
            same = [
                r for r in run.rows if thing(history, identity(history, r)) == thing(history, identity(history, row))
            ]
            if len(same) < 2:
                yield f"FALSE: {name} is a duplicate, but there is no other row like it"
        case "held":
            if told.run == "last":
                yield f"FALSE: {name} is held, but no other run is alive"
        case _:
            pass


def _one_proof_for_two(history: History) -> Iterator[str]:
    """No record proves two things done."""
    proofs = defaultdict[str, set[str]](set)
    for told in history.told:
        if told.outcome.result == "done" and told.outcome.ids.get("id"):
            ids = told.outcome.ids
            proof = ids.get("application_id") if told.spec.as_candidate else ids["id"]  # one candidate may apply twice
            if proof:
                proofs[proof].add(thing(history, identity(history, told.spec)))
    for proof, things in proofs.items():
        if len(things) > 1:
            yield f"FALSE: {proof} is the proof of {sorted(things)}"


def _last(history: History) -> Ended:
    return next(each for each in history.ended if each.run.name == "last")


def _vanished(history: History) -> Iterator[str]:
    """Each row of the last run has one outcome, unless the run ended with an error."""
    last = _last(history)
    if last.error is not None:
        return
    told = Counter(each.index for each in history.told if each.run == "last")
    for index, row in enumerate(last.run.rows):
        if told[index] != 1:
            yield f"VANISHED: {identity(history, row)} has {told[index]} outcomes in the last run"


def _ends(history: History) -> Iterator[str]:
    """A run ends by itself, and with an error only where there is a reason."""
    reasons = bool(history.mishaps)
    if history.scenario.journal == "redis":
        reasons |= history.scenario.redis["policy"] != "noeviction" or history.scenario.redis["aof"] == "0"
    for ended in history.ended:
        error = ended.error
        if ended.process.loop.errors:
            yield f"ERROR: {ended.run.name}: {ended.process.loop.errors[0]}"
        if error is None or ended.killed:
            continue
        if type(error).__name__ == "CancelledError" and ended.run.stops_after is not None:
            continue
        if isinstance(error, JournalError):
            paused = any(seconds > 0 for seconds in ended.run.plan.values())
            shared = history.scenario.journal == "redis" and ended.run.name != "last"
            if reasons or (paused or shared):
                continue
        yield f"ERROR: {ended.run.name} ended with {type(error).__name__}: {error}"


def _undecided(history: History) -> Iterator[str]:
    """What is in doubt in the last run could not be decided from what was to be seen."""
    last = _last(history)
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
        for each in history.system.applications
        if each.candidate.email and _plain(each.candidate.email) == _plain(row.email) and each.row is None
    ]
    arrived = [each for each in history.kombo.arrived if thing(history, each.row) == this]
    rows = [r for turn in scenario.turns for run in turn.runs for r in run.rows if r.person == row.person]
    edited = len({(r.email, r.first_name, r.job, r.as_candidate, r.key if scenario.keyed else "") for r in rows}) > 1
    unusual = same_person or edited or not arrived or not scenario.sends_date or row.email != row.email.strip()
    if unusual or any(identity(history, row).endswith(r) for r, _ in history.system.partial) or scenario.habits.renames:
        return ""
    if any(row_ == identity(history, row) for row_, _ in history.system.partial):
        return ""
    made = _ours(history, row)
    if made:
        shot = history.shown_at_last.get(made[0].id)
        if shot is None or made[0].deleted is not None or made[0].candidate.deleted is not None:
            return ""
        first = min(each.at for each in arrived)
        plain = scenario.habits.created == "ms" and _plain(made[0].candidate.email) == _plain(row.email)
        named = made[0].candidate.first_name == row.first_name
        answered = first >= 0
        return f"{made[0].id} was to be seen" if plain and named and answered else ""
    latest = max(each.at for each in arrived)
    if scenario.resend_after is not None and history.last_began > latest + scenario.resend_after + LONGEST_WORK:
        return "resend_after is over, and nothing is there"
    return ""


def _plain(email: str) -> str:
    """An address without what systems change about it."""
    email = "".join(c for c in unicodedata.normalize("NFKC", email.strip()) if unicodedata.category(c) != "Cf")
    local, _, domain = email.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}".casefold()
