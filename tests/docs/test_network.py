"""The pages about failures and the network are true: the messages they quote exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from kombo_async._http import causes

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / name).read_text() for name in ("failures.md", "network.md")}


def test_a_wrong_setting_is_told(tmp_path: Path) -> None:
    """The program of the page prints what its comment says."""
    (block,) = (
        each for each in re.findall(r"```python\n(.*?)```", PAGES["network.md"], re.DOTALL) if "anyio.run" in each
    )
    (tmp_path / "block.py").write_text(block)
    run = subprocess.run([sys.executable, "block.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    (told,) = re.findall(r"anyio\.run\(main\)  # (.*), \.\.\.", block)
    assert run.stdout.startswith(told), run.stderr


def test_messages_are_said() -> None:
    """The table quotes the messages of real failures."""
    table = PAGES["failures.md"].partition("| message |")[2].partition("\n\n")[0]
    quoted = [part for row in table.splitlines()[2:] for part in row.split("|")[1].split(";")]
    source = Path(causes.__file__).read_text() + (Path(causes.__file__).parent / "transport.py").read_text()
    assert len(quoted) > 10
    for each in quoted:
        words = re.split(r"api\.kombo\.dev|407|: |\(or", each.strip())[0].strip()
        assert words in source, words
