"""The page about requests and responses is true: its tables match the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from kombo_async import BadRequest
from kombo_async._codec.codes import Meaning, failure_class, meaning
from kombo_async._generated.error_codes import ErrorCode

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "requests-and-responses.md"
TEXT = PAGE.read_text()

MEANINGS = {
    Meaning.SYNC_PENDING: ("the first sync is still running", "not yet, try later"),
    Meaning.RATE_LIMIT: ("too many requests", "not now, try again in a moment"),
    Meaning.CONCURRENCY_LIMIT: ("too many actions at once", "not now, try again in a moment"),
    Meaning.REMOTE_RATE_LIMIT: ("the connected system's own limit", "not sure, check before repeating it"),
    Meaning.OUTAGE: ("it failed midway", "not sure, check before repeating it"),
    Meaning.SET_UP: ("a person must act first", "the connection needs attention"),
    Meaning.UNSUPPORTED: ("not supported by this tool or scope", "not possible with this system"),
    Meaning.INPUT: ("the request must change", "this input is not accepted"),
    Meaning.REFUSED: ("a domain-specific refusal", "no, with the reason"),
}


def table_of_codes() -> str:
    """The rows of the table: one for each code that Kombo documents."""
    known: tuple[str, ...] = next(get_args(each) for each in get_args(ErrorCode) if each is not str)
    rows: list[str] = []
    for code in known:
        found = meaning(400, code, from_kombo=True)
        what, answer = MEANINGS[found]
        again = "every call" if found.turned_away else "idempotent" if found.passing else "no"
        by_code = failure_class(400, code, from_kombo=True)
        of = "by status" if by_code is BadRequest else f"`{by_code.__name__}`"
        rows.append(f"| `{code}` | {of} | {what} | {again} | {'yes' if found.ambiguous else 'no'} | {answer} |\n")
    return "".join(rows)


def test_every_code_is_in_the_table() -> None:
    """Every code is in the table, with what the classifier says about it."""
    (rows,) = re.findall(r"<!-- codes -->\n(.*?)<!-- end of codes -->", TEXT, re.DOTALL)
    assert rows.strip() == table_of_codes().strip(), f"put this into the table:\n{table_of_codes()}"
