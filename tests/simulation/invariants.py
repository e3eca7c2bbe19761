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

SYNC_MARGIN = 22 * 60.0
"""How long after a request a sync must have begun to tell whether it was done."""

EXACT = 1.2
"""Seconds to which a run knows the server's time from its first answer on."""


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
        *_faults(history),
        *_warnings(history),
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


def _as_good_as_ours(history: History, row: RowSpec) -> list[Application]:
    """What was made for the person and job of *row* by us: nothing tells apart what two keys of one person made."""
    rest = identity(history, row).partition("|")[2]
    return [made for made in history.system.applications if made.row and made.row.partition("|")[2] == rest]


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
            application_id = ids.get("application_id") or ids.get("id")
            made = _as_good_as_ours(history, row)
            made_ids = {each.id for each in made} | (
                {each.candidate.id for each in made} if row.as_candidate else set()
            )
            same_in_run = str(outcome.result) == "changed" and len(_same_rows(history, told)) > 1
            if not ids.get("id") and not same_in_run:
                yield f"FALSE: {name} is {outcome.result} without an ID"
            elif ids.get("id") and application_id not in made_ids and ids["id"] not in made_ids:
                whose = _whose(history, application_id)
                yield f"FALSE: {name} is {outcome.result} with {ids}, which {whose} (ours: {sorted(made_ids)})"
        case "refused" | "unsent":
            arrived = [a for a in history.kombo.arrived if a.row == identity(history, row) and a.at <= told.at]
            if outcome.result == "unsent":  # another run may be at it: this one only says that it was not
                arrived = [each for each in arrived if each.process == told.run]
            sent = [each.attempt for each in arrived]
            there = next((each for each in made if each.attempt in sent), None)
            if there is not None:
                yield f"FALSE: {name} is {outcome.result}, but {there.id} was made ({outcome.message})"
        case "duplicate":
            if len(_same_rows(history, told)) < 2:
                yield f"FALSE: {name} is a duplicate, but there is no other row like it"
        case "held":
            step = history.scenario.redis_step
            if told.run == "last" and (step is None or step[1] > 0):  # else Redis takes the dead for alive
                yield f"FALSE: {name} is held, but no other run is alive"
        case _:
            pass


def _same_rows(history: History, told: Told) -> list[RowSpec]:
    """The rows of this run that are the same thing."""
    run = next(each.run for each in history.ended if each.run.name == told.run)
    this = thing(history, identity(history, told.spec))
    return [each for each in run.rows if thing(history, identity(history, each)) == this]


def _whose(history: History, application_id: str | None) -> str:
    found = next((each for each in history.system.applications if each.id == application_id), None)
    if found is None:
        return "does not exist"
    return "was made by somebody else" if found.row is None else f"is that of {found.row}"


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
        for each in ended.errors:
            yield f"ERROR: {ended.run.name}: {each}"
        if error is None or ended.killed:
            continue
        if type(error).__name__ == "CancelledError" and ended.run.stops_after is not None:
            continue
        paused = any(seconds > 0 for seconds in (*ended.run.plan.values(), *ended.run.steps.values()))
        stepped = history.scenario.journal == "redis" and history.scenario.redis_step is not None
        if isinstance(error, JournalError) and (reasons or paused or stepped or "Connection reset" in str(error)):
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
        later = made[0].created >= first + EXACT
        return f"{made[0].id} was to be seen" if plain and named and later else ""
    latest = max(each.at for each in arrived)
    if scenario.resend_after is not None and history.last_began > latest + scenario.resend_after + LONGEST_WORK:
        return "resend_after is over, and nothing is there"
    if scenario.synced_since and any(began > latest + SYNC_MARGIN for began, _ in history.synced_at_last):
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


def _faults(history: History) -> Iterator[str]:
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


def _warnings(history: History) -> Iterator[str]:
    """What Kombo warned of is told, in the run that heard it and in later ones."""
    for told in history.told:
        outcome = told.outcome
        by_answer = outcome.result == "done" and not getattr(outcome, "found", ())
        warned = outcome.ids.get("application_id", outcome.ids.get("id")) in history.kombo.warned
        if by_answer and warned and not told.spec.as_candidate and not getattr(outcome, "warnings", ()):
            yield f"WARNING: {told.run} {told.spec} is done without the warning that came with it"
