"""`kombo-async sandbox`: every setting of `Sandbox` can be given on the command line."""

from __future__ import annotations

import inspect
import socket
from typing import Any

import pytest

pytest.importorskip("click")

from click.testing import CliRunner

from kombo_async._cli import sandbox as module
from kombo_async.sandbox import Sandbox


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Sandbox]:
    """The sandboxes that would have been served."""
    made: list[Sandbox] = []
    monkeypatch.setattr("kombo_async._cli.sandbox.anyio.run", lambda _, sandbox, port: made.append(sandbox))
    return made


def test_every_setting_has_its_option() -> None:
    """Every setting has an option, except virtual time."""
    settings = {*inspect.signature(Sandbox).parameters} - {"virtual_time"}
    assert settings == {each.name for each in module.command.params} - {"port"}


def test_every_scene_is_named_in_the_help() -> None:
    """Every scene is named in the help."""
    text = " ".join(CliRunner().invoke(module.command, ["--help"]).output.split()).replace("- ", "-")
    for name in Sandbox().scenes.names:
        assert name in text


def test_settings_reach_the_sandbox(made: list[Sandbox]) -> None:
    """Options for sizes, latencies, limits, the clock and scenes reach the sandbox."""
    options = (
        "--employees 3 --candidates 4 --jobs 5 --latency 2,30 --read-latency 0.5 "
        "--actions-at-once 7 --rate-limit 10,60 "
        "--strict --start 2030-01-02T03:04:05 --scene smaller-limit:actions=2 --scene webhooks-twice --host kombo"
    )
    result = CliRunner().invoke(module.command, options.split())
    assert result.exit_code == 0, result.output
    (sandbox,) = made
    assert (sandbox.environment.sizes.employees, sandbox.environment.sizes.jobs) == (3, 5)
    assert (sandbox.concurrency.limit, sandbox.rate_limit.limit, sandbox.strict) == (7, (10.0, 60.0), True)
    assert sandbox.clock.stamp().startswith("2030-01-02T03:04:0")
    assert [*sandbox.concurrency.limits.values()] == [2]
    assert (sandbox.webhooks.copies, sandbox.hosts) == (2, ("kombo",))
    assert sandbox.action_latency is not None


@pytest.mark.parametrize(
    "options",
    [
        "--port 99999",
        "--port -1",
        "--scene outage:integration=lever:none",
        "--scene outag",
        "--candidates -3",
        "--latency x",
        "--copy-lag nan",
        "--rate-limit 5",
        "--latency 3,2",
    ],
)
def test_settings_that_make_no_sense_are_told(made: list[Any], options: str) -> None:
    """Invalid settings are usage errors, without a traceback."""
    result = CliRunner().invoke(module.command, options.split())
    assert result.exit_code == 2, result.output
    assert made == []


def test_a_port_that_is_in_use_is_told() -> None:
    """A port in use is reported with what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(module.command, ["--port", str(port)])
    assert result.exit_code == 2
    assert f"port {port} is in use; choose another with --port" in result.output
