"""What the tests themselves rely on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_settings_from_outside_reach_no_test() -> None:
    """Every `KOMBO_*` variable is cleared before the first test, whatever its name, so that no process inherits it."""
    code = "import os, tests.conftest; print([name for name in os.environ if name.startswith('KOMBO_')])"
    environment = {**os.environ, "KOMBO_API_KEY": "key", "KOMBO_TRANSPORT": "none", "KOMBO_OF_TOMORROW": "1"}
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert result.stdout.strip() == "[]"
