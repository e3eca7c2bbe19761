"""The pytest plugin, imports, rules and routes."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from kombo_async import AsyncKomboClient
from kombo_async._generated.operations import REQUESTS
from kombo_async.sandbox import GREENHOUSE, Sandbox
from kombo_async.sandbox._api import routes
from kombo_async.sandbox._api.validation import RULES
from tests.sandbox.constraints import demands

pytestmark = pytest.mark.anyio


async def test_the_fixtures(kombo: AsyncKomboClient, kombo_sandbox: Sandbox) -> None:
    """The fixtures belong together, and need no sockets."""
    (await kombo.ats.get_jobs()).unwrap()
    assert [call.operation for call in kombo_sandbox.requests()] == ["GetAtsJobs"]


@pytest.mark.kombo(candidates=2)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_marker_has_settings(kombo: AsyncKomboClient) -> None:
    """The marker changes settings for one test."""
    assert len((await kombo.ats.get_candidates()).unwrap().results) == 2


def test_a_sandbox_starts_at_once() -> None:
    """A sandbox starts in under 5 ms, so each test can have its own."""
    Sandbox()
    took: list[float] = []
    for _ in range(20):
        started = time.process_time()  # how busy the machine is with other things does not count
        Sandbox().client(GREENHOUSE)
        took.append(time.process_time() - started)
    assert min(took) < 0.005


def test_the_plugin_costs_a_test_run_nothing() -> None:
    """pytest imports it in every run: it loads neither the sandbox nor httpx."""
    code = (
        "import sys, kombo_async.sandbox.fixtures as f\n"
        "heavy = ('starlette', 'uvicorn', 'httpx', 'attrs', 'kombo_async.sandbox._sandbox')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_sandbox_loads_only_what_its_test_uses() -> None:
    """Classes take most of the time of a short test file: no scene loads those of every operation or event."""
    code = (
        "import sys\nfrom kombo_async.sandbox import Sandbox\n"
        "for scene in Sandbox().scenes.names: Sandbox(scene=scene)\n"
        "print([name for name in ('kombo_async._generated.events', 'kombo_async.hris', 'starlette', 'uvicorn')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_extra_is_named(missing: str) -> None:
    """A missing extra is named with what to install; other missing modules are reported as usual."""
    code = f"import sys\nsys.modules[{missing!r}] = None\nfrom kombo_async.sandbox import Sandbox"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f'{missing} is not installed: pip install "kombo_async[sandbox]"' in done.stderr


def test_rules_are_those_of_the_document() -> None:
    """Every demand on a value in a request has its rule, and no rule is without one."""
    ours = {"CreateInterview", "UpdateInterview"}  # their times are plain texts in the document
    assert {spot for spot in RULES if spot.partition(".")[0] not in ours} == set(demands())


def test_every_operation_has_its_route() -> None:
    """Every operation's route is found by method and path."""
    for request in (REQUESTS[id] for id in REQUESTS):
        operation = request.operation
        parameters = {name: f"{name} / ?" for name in operation.path_parts[1::2]}
        path = operation.path
        for name in parameters:
            path = path.replace(f"{{{name}}}", f"{name}%20%2F%20%3F")
        found = routes.find(operation.method, path)
        assert found.request is request, operation.id
        assert found.parameters == parameters
