"""Several machines share one integration, and with it the 30 actions at once that Kombo allows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from kombo_async._chain.adaptive_limiter import DOCUMENTED_LIMIT
from tests.support.fault_server import FaultServer

PROCESSES = 4
ACTIONS = 500
SECONDS = 0.4
"""How long an action takes."""


@pytest.mark.timeout(120)
def test_four_processes_share_the_places(server: FaultServer, record_property: Callable[[str, object], None]) -> None:
    """Four processes with 500 actions each all succeed, use most of what 30 places allow, and are hardly refused."""
    server.latency, server.actions_at_once = SECONDS, DOCUMENTED_LIMIT
    command = [sys.executable, "-m", "tests.failures.uploader", server.url, str(ACTIONS)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    outcomes = [json.loads(process.communicate(timeout=100)[0]) for process in running]
    assert outcomes == [{"Success": ACTIONS}] * PROCESSES

    took = server.last_action - server.first_action
    throughput = server.held / took / DOCUMENTED_LIMIT  # of the time of 30 places, the part in which they were used
    refused = server.refused / server.asked.total()
    record_property("throughput", f"{throughput:.1%}")
    record_property("refused", f"{refused:.2%}")
    print(f"throughput {throughput:.1%} of what 30 places allow, refused {refused:.2%}")  # noqa: T201
    assert server.most_in_flight == DOCUMENTED_LIMIT
    assert throughput >= 0.8
    assert refused < 0.15
