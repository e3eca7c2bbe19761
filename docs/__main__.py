"""`python -m docs`: build the site into `docs/_build/html`; warnings are errors."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.cmd.build import main

HERE = Path(__file__).parent


def build(output: Path = HERE / "_build" / "html") -> int:
    """Build the site; returns 0 if there was nothing to complain about."""
    return main(["-q", "-W", "--keep-going", "-j", "2", "-b", "html", str(HERE), str(output)])


if __name__ == "__main__":
    sys.exit(build(*(Path(argument) for argument in sys.argv[1:2])))
