"""What a person is to do about a row that is not done."""

from __future__ import annotations

from kombo_async._cli.faults import CORRECT, CURES
from kombo_async._cli.tally import Reason, RowResult
from kombo_async._codec.codes import Meaning, meaning

_BY_RESULT = {
    "in_doubt": "Look in the connected system whether it is there. kombo-async resolve shows each row, and settles it.",
    "unsent": "Give the same command again: it sends what was not sent.",
    "held": "Wait until the other run has ended, and give the same command again.",
    "changed": "It was made before, with other details. Correct it in the connected system if they matter.",
    "duplicate": "Nothing: the first of them counts.",
    "done": "It was made. Read what Kombo says about it.",
}
_BY_CODE = {
    "ATS.JOB_CLOSED": "The job is closed: open it again, or choose another one.",
    "ATS.APPLICATION_ALREADY_EXISTS": "Nothing: the person has applied for this job before.",
    "INTEGRATION.SETUP_SYNC_PENDING": "Wait until the first sync has finished, and give the same command again.",
}
_BY_MEANING = {
    Meaning.INPUT: "Correct what the message names, and give the same command again with --retry-refused.",
    Meaning.REFUSED: "Settle it in the connected system, and give the same command again with --retry-refused.",
    Meaning.SET_UP: "Somebody must mend the integration or the API key; kombo-async check says what is wrong with it.",
    Meaning.UNSUPPORTED: "The connected system, or how it was connected, does not allow this.",
}


def advice(row: RowResult) -> str:
    """What to do about *row*."""
    if row.faults:
        return " ".join(dict.fromkeys(CURES.get(fault.kind, CORRECT) for fault in row.faults))
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
    """What a group of rows is called, such as `32 CVs are missing`."""
    if reason.group is not None:
        return reason.group.title
    rows = "1 row" if reason.count == 1 else f"{reason.count:,} rows"
    are = "is" if reason.count == 1 else "are"
    what = {
        "in_doubt": f"{rows} {are} in doubt: nobody can say yet whether they were made",
        "unsent": f"{rows} could not be sent",
        "held": f"{rows} {are} in the hands of another run",
        "changed": f"{rows} {'was' if reason.count == 1 else 'were'} made before, with other details",
        "duplicate": f"{rows} came before",
        "refused": f"{rows} {'was' if reason.count == 1 else 'were'} refused",
        "done": f"{rows} {are} done with a warning",
    }[reason.result]
    return what.replace("they were", "it was") if reason.count == 1 else what
