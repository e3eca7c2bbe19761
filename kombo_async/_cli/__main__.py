"""`kombo-async`, and `python -m kombo_async`: the commands, each loaded on demand.

Exit codes: 0 all is well, 1 something was refused or failed, 2 usage error (nothing was sent), 3 something is in doubt;
130 and 143 after Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.util import find_spec

_COMMANDS = {
    "demo": "Upload 500 candidates with CVs to an embedded sandbox, and check that each arrived once.",
    "check": "Check that the API key and the integration work.",
    "upload": "Upload a file row by row: candidates with CVs, or any operation.",
    "resolve": "Show what an upload left in doubt, and settle it.",
    "export": "Export an integration's records to JSON Lines or CSV.",
    "operations": "List the operations, or the fields of one.",
    "sandbox": "Run a sandbox: a local Kombo to develop and test against.",
}

try:
    import click

    from kombo_async._cli.console import run
    from kombo_async._version import __version__
except ModuleNotFoundError:
    if find_spec("click") is not None:
        raise
    sys.exit('kombo-async needs its command line extra: pip install "kombo_async[cli]"')
except KeyboardInterrupt:  # somebody is quick
    sys.exit(130)


class _Commands(click.Group):
    """The commands by name. Only the module of the command that runs is loaded."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in _COMMANDS if find_spec(f"kombo_async._cli.{name}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        names = self.list_commands(ctx)
        if cmd_name not in names:
            near = get_close_matches(cmd_name, names, n=1)
            if near:
                ctx.fail(f"No such command {cmd_name!r}; did you mean {near[0]}?")
            return None
        command: click.Command = import_module(f"kombo_async._cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name]) for name in self.list_commands(ctx)])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kombo-async")
def group() -> None:
    """Work with the Kombo Unified API from a terminal."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command in *arguments* (default: `sys.argv`), and exit with its code."""
    sys.exit(run(partial(_invoke, sys.argv[1:] if arguments is None else arguments)))


def _invoke(arguments: list[str]) -> object:
    if "_KOMBO_ASYNC_COMPLETE" in os.environ:  # shell completion
        return group.main(arguments, prog_name="kombo-async")
    with group.make_context("kombo-async", arguments) as context:  # not main(): it hides a broken pipe
        return group.invoke(context)


if __name__ == "__main__":
    main()
