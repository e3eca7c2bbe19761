"""`kombo-async`, and `python -m kombo_async._cli`: the commands, each loaded when it is called.

Exit codes: 0 all is well, 1 something was refused or failed, 2 wrong use, 3 something is in doubt.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

_COMMANDS = {
    "demo": "Upload 500 candidates with CVs to an embedded sandbox, and check that each arrived once.",
    "check": "Say whether the API key and the integration work.",
    "upload": "Send a CSV or JSONL file row by row: candidates with CVs, or any operation.",
    "export": "Write what an integration holds to JSONL or CSV.",
    "sandbox": "Serve a sandbox: Kombo on this machine, to develop and test against.",
}

try:
    import click
except ModuleNotFoundError:
    if find_spec("click") is not None:
        raise
    sys.exit('kombo-async needs its command line extra: pip install "kombo_async[cli]"')

from kombo_async._version import __version__


class _Commands(click.Group):
    """The commands, by name; a command's module loads only when it is the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"kombo_async._cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_Commands)
@click.version_option(__version__, prog_name="kombo-async")
def main() -> None:
    """Work with the Kombo Unified API from a terminal."""


if __name__ == "__main__":
    main()
