"""The changelog is in order, and knows this version."""

from __future__ import annotations

import re

from kombo_async import __version__
from tests.docs.pages import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def test_this_version_has_its_heading() -> None:
    """With a date; what comes after it is under "Unreleased"."""
    versions = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d{2}-\d{2})?$", CHANGELOG, re.MULTILINE)
    assert next(each for each in versions if each != "Unreleased") == __version__


def test_sections_are_known() -> None:
    """They are those of Keep a Changelog."""
    assert {*re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)} <= {*SECTIONS}
