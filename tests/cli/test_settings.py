"""Settings and names that are wrong: one line in the words of the command line, and nothing sent."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell

GOOD = "first_name,last_name,email\nAda,Lovelace,ada@example.com\n"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KOMBO_API_KEY", "", "KOMBO_API_KEY: set it to the API key from Kombo's dashboard"),
        ("KOMBO_API_KEY", " secret-key\n", "KOMBO_API_KEY: must be non-empty ASCII without line breaks"),
        ("KOMBO_API_KEY", "secret-schlüssel", "KOMBO_API_KEY: must be non-empty ASCII"),
        ("KOMBO_INTEGRATION_ID", "", "no integration given: pass --integration TOOL:ID or set KOMBO_INTEGRATION_ID"),
        ("KOMBO_INTEGRATION_ID", "ü:1", "--integration (or KOMBO_INTEGRATION_ID): must be non-empty ASCII"),
        ("KOMBO_BASE_URL", "localhost:8420", "--base-url (or KOMBO_BASE_URL): pass an address such as"),
        ("KOMBO_BASE_URL", "http://kombo.example/v1", "http:// sends the API key unencrypted; use https://\x20"),
        ("KOMBO_BASE_URL", "http://me:secret-1@127.0.0.1/v1", "without user, query or fragment"),
    ],
)
@pytest.mark.parametrize("command", ["upload p.csv --set job_id=x", "export ats.jobs -o jobs.jsonl"])
def test_a_wrong_setting_is_named(shell: Shell, command: str, name: str, value: str, said: str) -> None:
    """A wrong setting is named by its variable or option, without showing a key; no file is left behind."""
    shell.write("p.csv", GOOD)
    result = shell.run(*command.split(), **{name: value})
    assert (result.exit_code, said in result.stderr) == (2, True), result.output
    assert "secret" not in result.output
    assert [path.name for path in shell.folder.iterdir()] == ["p.csv"]


def test_an_empty_integration_is_none(shell: Shell) -> None:
    """An empty variable counts as unset."""
    result = shell.run("check", "--integration", "")
    assert (result.exit_code, "No integration was checked" in result.stderr) == (0, True), result.output


def test_an_address_that_is_not_kombos_is_told(shell: Shell) -> None:
    """A base URL without its path is reported as such, not as a missing integration."""
    result = shell.run("check", KOMBO_BASE_URL=shell.environment["KOMBO_BASE_URL"].removesuffix("/v1"))
    assert (result.exit_code, "this is not the address of Kombo's API" in result.stdout) == (1, True), result.output


@pytest.mark.parametrize(
    ("environment", "cure"),
    [
        ({"KOMBO_API_KEY": "wrong"}, "The integration or the API key needs fixing"),
        ({"KOMBO_INTEGRATION_ID": "greenhouse:nope"}, "The integration or the API key needs fixing"),
    ],
)
def test_what_nobody_can_send_is_not_just_sent_again(shell: Shell, environment: dict[str, str], cure: str) -> None:
    """If the key or the integration is wrong, the advice is not just to run it again."""
    result = shell.run("upload", shell.write("p.csv", GOOD), "--set", f"job_id={shell.job_id}", **environment)
    assert (result.exit_code, f"{cure}; kombo-async check says what is wrong." in result.stdout) == (1, True)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("uplaod p.csv", "No such command 'uplaod'; did you mean upload?"),
        ("operations create", "there is no operation 'create'"),
        ("operations xyz", "there is no operation 'xyz'; kombo-async operations lists all"),
        ("resolve .", ".: is a folder; pass the journal in it"),
        ("sandbox --port 0 --api-key=", "must be non-empty ASCII without spaces"),
        ("upload p.csv --set a=1 --set a=2", "'a' is given twice"),
        ("upload p.csv --map email=- --map email=CV", "'email' is given twice"),
        ("upload p.csv --map email=candidat", "--map email=candidat: there is no field 'candidat'"),
        ("upload p.csv --set emial=x", "--set emial=...: there is no field 'emial'"),
    ],
)
def test_a_wrong_name_is_one_line(shell: Shell, command: str, said: str) -> None:
    """A wrong name is one line, with the nearest names."""
    shell.write("p.csv", GOOD)
    result = shell.run(*command.split())
    assert (result.exit_code, said in result.stderr) == (2, True), result.output
    assert result.stderr.count("\n") == 1


def test_no_command_shows_the_help(shell: Shell) -> None:
    """Without a command, the help is shown."""
    result = shell.run()
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "Usage: kombo-async [OPTIONS] COMMAND [ARGS]...")


def test_operations_of_a_namespace_are_listed(shell: Shell) -> None:
    """`kombo-async operations ats` is a shorter list."""
    names = [line.split()[0] for line in shell.run("operations", "ats").stdout.splitlines()]
    assert "ats.create_application" in names
    assert all(name.startswith("ats.") for name in names)
