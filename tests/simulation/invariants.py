"""What must hold after each history, whatever the adversary did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.simulation import conduct
from tests.simulation.evidence import as_good_as_ours, identity, last_of, ours, passes_for_ours, thing
from tests.simulation.history import History
from tests.simulation.specs import RowSpec
from tests.simulation.undecided import undecided
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
        *conduct.ends(history),
        *undecided(history),
        *conduct.faults(history),
        *conduct.warnings(history),
        *conduct.settled(history),
        *conduct.gates(history),
        *conduct.looks(history),
    ]


def _doubles(history: History) -> Iterator[str]:
    """Nobody is made twice by us."""
    made = defaultdict[str, list[str]](list)
    for application in history.applications:
        if application.row is not None:
            made[thing(history, application.row)].append(f"{application.id} at {application.created:.1f}")
    for row, applications in made.items():
        if len(applications) > 1:
            yield f"DOUBLE: {row} was made {len(applications)} times: {', '.join(applications)}"
    for row, candidate in history.partial:
        for application in history.applications:
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
    made = ours(history, row)
    match outcome.result:
        case "done" | "changed":
            ids = dict(outcome.ids)
            application_id = ids.get("application_id") or ids.get("id")
            made = as_good_as_ours(history, row)
            made_ids = {each.id for each in made}
            if _was_candidate(history, row):
                made_ids |= {each.candidate.id for each in made}
            same_in_run = str(outcome.result) == "changed" and len(_same_rows(history, told)) > 1
            if not ids.get("id") and not same_in_run:
                yield f"FALSE: {name} is {outcome.result} without an ID"
            elif (
                ids.get("id")
                and application_id not in made_ids
                and ids["id"] not in made_ids
                and not passes_for_ours(history, row, application_id)
            ):
                whose = _whose(history, application_id)
                yield f"FALSE: {name} is {outcome.result} with {ids}, which {whose} (ours: {sorted(made_ids)})"
        case "refused" | "unsent":
            arrived = [a for a in history.kombo.arrived if a.row == identity(history, row) and a.at <= told.at]
            if outcome.result == "unsent":  # another run may be at it: this one only says that it was not
                arrived = [each for each in arrived if each.process == told.run]
            sent = [each.attempt for each in arrived]
            if outcome.entry.state == "given_up":
                sent = []  # it says that a person left it as it is
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


def _was_candidate(history: History, row: RowSpec) -> bool:
    """Whether some run had it as a candidate with an application, whose answer names the candidate."""
    this = thing(history, identity(history, row))
    rows = [each for ended in history.ended for each in ended.run.rows if each.as_candidate]
    return any(thing(history, identity(history, each)) == this for each in rows)


def _same_rows(history: History, told: Told) -> list[RowSpec]:
    """The rows of this run that are the same thing."""
    run = next(each.run for each in history.ended if each.run.name == told.run)
    this = thing(history, identity(history, told.spec))
    return [each for each in run.rows if thing(history, identity(history, each)) == this]


def _whose(history: History, application_id: str | None) -> str:
    found = next((each for each in history.applications if each.id == application_id), None)
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


def _vanished(history: History) -> Iterator[str]:
    """Each row of the last run has one outcome, unless the run ended with an error."""
    last = last_of(history)
    if last.error is not None:
        return
    told = Counter(each.index for each in history.told if each.run == "last")
    for index, row in enumerate(last.run.rows):
        if told[index] != 1:
            yield f"VANISHED: {identity(history, row)} has {told[index]} outcomes in the last run"
