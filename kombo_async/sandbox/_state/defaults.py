"""The defaults of a sandbox. These names are stable: examples and notebooks may rely on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kombo_async.sandbox._state.environment import Environment
from kombo_async.sandbox._state.ids import make_id

if TYPE_CHECKING:
    pass

API_KEY = "sandbox-key"
BASE_URL = "http://sandbox.localhost/v1"
"""The base URL for in-process clients; nothing listens there."""

GREENHOUSE = "greenhouse:HWUTwvyx2wLoSUHphiWVrp28"


def default_id(tool: str) -> str:
    """The ID of the initial integration of *tool*."""
    return GREENHOUSE if tool == "greenhouse" else f"{tool}:{make_id('integration', tool)}"


_DEFAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("greenhouse", {"organization": "Acme GmbH"}),
    ("lever", {"organization": "Blue Harbor Ltd"}),
    ("avionte", {"organization": "Kestrel Staffing"}),
    ("workday", {"organization": "Acme GmbH"}),
    ("personio", {"organization": "Nordlicht GmbH"}),
    ("datev", {"organization": "Datenwerk AG"}),
    ("silae", {"organization": "Atelier Marceau"}),
    ("docebo", {"organization": "Acme GmbH"}),
    ("icims", {"organization": "Kestrel Labs", "category": "ASSESSMENT"}),
    # and some with the usual problems:
    ("teamtailor", {"organization": "Ostwind Energie", "sync_pending": 60.0}),
    ("recruitee", {"organization": "Polder BV", "calls": 3, "sync_status": 503}),
    ("smartrecruiters", {"organization": "Acme Robotics", "active": False}),
    ("ashby", {"organization": "Kestrel Labs", "qa_passed": False}),
    ("bamboohr", {"organization": "Lakeside Inc", "setup_complete": False}),
)


def add_defaults(environment: Environment) -> None:
    """Add the initial integrations."""
    for tool, settings in _DEFAULTS:
        environment.add_integration(default_id(tool), origin_id=f"customer-{tool}", **settings)
