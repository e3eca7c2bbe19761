"""Several machines share one integration, and with it the 30 actions at once that Kombo allows.

How much of that they use, and how rarely they are refused, is in tests/scale/test_adaptive.py, on virtual time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from kombo_async._chain.adaptive_limiter import DOCUMENTED_LIMIT
from tests.support.fault_server import FaultServer

PROCESSES = 4
ACTIONS = 200


@pytest.mark.timeout(120)
def test_four_processes_share_the_places(server: FaultServer, record_property: Callable[[str, object], None]) -> None:
    """Four processes make all their actions, each once, and find all places; what was refused they send again."""
    server.latency, server.actions_at_once = 0.4, DOCUMENTED_LIMIT
    command = [sys.executable, "-m", "tests.failures.uploader", server.url, str(ACTIONS)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    outcomes = [json.loads(process.communicate(timeout=100)[0]) for process in running]
    record_property("throughput", f"{server.use():.1%}")
    record_property("refused", f"{server.refused / server.asked.total():.2%}")
    assert outcomes == [{"Success": ACTIONS}] * PROCESSES
    assert server.performed.total() == PROCESSES * ACTIONS
    assert server.asked.total() == server.performed.total() + server.refused
    assert server.most_in_flight == DOCUMENTED_LIMIT
