"""The page about requests and answers is true: its code is typed and runs, its tables say what the code does."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from kombo_async import AsyncKomboClient
from kombo_async._codec.codes import Meaning, meaning
from kombo_async._generated.error_codes import ErrorCode

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "requests-and-responses.md"
TEXT = PAGE.read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)

MEANINGS = {
    Meaning.SYNC_PENDING: ("the first sync is still running", "not yet; later"),
    Meaning.RATE_LIMIT: ("too many requests", "not now; in a moment"),
    Meaning.CONCURRENCY_LIMIT: ("too many actions at once", "not now; in a moment"),
    Meaning.REMOTE_RATE_LIMIT: ("the connected system's own limit", "not sure; look before you repeat it"),
    Meaning.OUTAGE: ("it failed in the middle", "not sure; look before you repeat it"),
    Meaning.SET_UP: ("a person must act first", "the connection needs attention"),
    Meaning.UNSUPPORTED: ("this tool or scope cannot do that", "not possible with this system"),
    Meaning.INPUT: ("the request must change", "this input is not accepted"),
    Meaning.REFUSED: ("a refusal of the domain", "no, and why"),
}


def table_of_codes() -> str:
    """The rows of the table: one for each code that Kombo documents."""
    known: tuple[str, ...] = next(get_args(each) for each in get_args(ErrorCode) if each is not str)
    rows: list[str] = []
    for code in known:
        found = meaning(400, code, from_kombo=True)
        what, answer = MEANINGS[found]
        again = "every call" if found.turned_away else "idempotent" if found.passing else "no"
        rows.append(f"| `{code}` | {what} | {again} | {'yes' if found.ambiguous else 'no'} | {answer} |\n")
    return "".join(rows)


def test_every_code_is_in_the_table() -> None:
    """With what the code that decides says of it."""
    (rows,) = re.findall(r"<!-- codes -->\n(.*?)<!-- end of codes -->", TEXT, re.DOTALL)
    assert rows.strip() == table_of_codes().strip(), f"put this into the table:\n{table_of_codes()}"


def test_code_is_typed(tmp_path: Path) -> None:
    """A reader can paste each block into a strictly typed project."""
    names: list[str] = []
    for number, block in enumerate(BLOCKS):
        names.append(f"block_{number}.py")
        (tmp_path / names[-1]).write_text(block)
    check = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), *names]
    run = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.anyio
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: re.findall(r"async def (\w+)", block)[0])
async def test_code_runs(block: str, kombo: AsyncKomboClient) -> None:
    """Each function of each block runs against the sandbox."""
    names: dict[str, Any] = {"__name__": "docs"}
    exec(compile(block, PAGE.name, "exec"), names)
    functions = [each for each in names.values() if inspect.iscoroutinefunction(each)]
    assert functions
    for function in functions:
        await function(kombo)
