"""Advice on what to do about a row that is not done."""

from __future__ import annotations

from kombo_async._cli.faults import CORRECT, CURES
from kombo_async._cli.tally import Reason, RowResult
from kombo_async._codec.codes import Meaning, meaning

_BY_RESULT = {
    "in_doubt": "Check whether it is in the connected system, then settle it with kombo-async resolve.",
    "unsent": "Run the same command again: it sends what was not sent.",
    "held": "Wait for the other run to finish, then run the same command again.",
    "changed": "It was created earlier with different details. If they matter, change it in the connected system.",
    "duplicate": "Nothing: only the first of them is sent.",
    "done": "It was created. Read Kombo's warning.",
}
_BY_CODE = {
    "ATS.JOB_CLOSED": "The job is closed: reopen it, or choose another one.",
    "ATS.APPLICATION_ALREADY_EXISTS": "Nothing: this person has already applied for this job.",
    "INTEGRATION.SETUP_SYNC_PENDING": "Wait for the first sync to finish, then run the same command again.",
}
_BY_MEANING = {
    Meaning.INPUT: "Correct what the message names, then run the same command again with --retry-refused.",
    Meaning.REFUSED: "Fix it in the connected system, then run the same command again with --retry-refused.",
    Meaning.SET_UP: "The integration or the API key needs fixing; kombo-async check says what is wrong.",
    Meaning.UNSUPPORTED: "The connected system, or the way it was connected, does not allow this.",
}


def advice(row: RowResult) -> str:
    """What to do about *row*."""
    if row.faults:
        return " ".join(dict.fromkeys(CURES.get(fault.kind, CORRECT) for fault in row.faults))
    if row.result == "unsent" and row.status_code is not None:
        why = meaning(row.status_code, row.code, from_kombo=True)
        if why in (Meaning.SET_UP, Meaning.UNSUPPORTED):
            return f"{_BY_MEANING[why]} Then run the same command again."
    if row.result != "refused":
        return "" if row.result == "done" and not row.warnings else _BY_RESULT.get(row.result, "")
    if row.code in _BY_CODE:
        return _BY_CODE[row.code]
    if row.status_code is None:
        return "Correct the row in the file."
    return _BY_MEANING.get(meaning(row.status_code, row.code, from_kombo=True), _BY_MEANING[Meaning.REFUSED])


def group_advice(reason: Reason) -> str:
    """What to do about all rows of a group."""
    return reason.group.cure if reason.group is not None else advice(reason.samples[0])


def title(reason: Reason) -> str:
    """The title of a group of rows, such as `32 CVs are missing`."""
    if reason.group is not None:
        return reason.group.title
    rows = "1 row" if reason.count == 1 else f"{reason.count:,} rows"
    are = "is" if reason.count == 1 else "are"
    what = {
        "in_doubt": f"{rows} {are} in doubt: it is not known yet whether they were created",
        "unsent": f"{rows} could not be sent",
        "held": f"{rows} {are} being handled by another run",
        "changed": f"{rows} {'was' if reason.count == 1 else 'were'} created earlier with different details",
        "duplicate": f"{rows} {are} {'a duplicate' if reason.count == 1 else 'duplicates'}",
        "refused": f"{rows} {'was' if reason.count == 1 else 'were'} refused",
        "done": f"{rows} {are} done with a warning",
    }[reason.result]
    return what.replace("they were", "it was") if reason.count == 1 else what
