"""The page on moving from the official client is true: its tables, and what it says of that client's behaviour."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kombo_async import AsyncKomboClient
from tests.migration import tables


@pytest.fixture(scope="module")
def official_python() -> Path:
    """An environment with the official client."""
    try:
        return tables.official_python()
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"the official client cannot be installed here: {type(error).__name__}")


@pytest.fixture(scope="module")
def theirs(official_python: Path) -> dict[str, Any]:
    """What it has."""
    return tables.official()


def test_tables_are_current(theirs: dict[str, Any]) -> None:
    """Every operation, option, error and model is in a table, with ours."""
    for page, text in tables.pages(theirs).items():
        assert page.read_text() == text, "python -m tests.migration.tables"


def test_every_model_is_found(theirs: dict[str, Any]) -> None:
    """No model of theirs is without one of ours."""
    assert tables.models_table(theirs)[1] == []


def test_methods_are_there(theirs: dict[str, Any]) -> None:
    """What the table of operations names can be called."""
    kombo = AsyncKomboClient("key")
    for each in theirs["operations"]:
        namespace, method = tables.method_of(each["operation_id"])
        assert callable(getattr(getattr(kombo, namespace), method))


def test_readme_counts_theirs(theirs: dict[str, Any]) -> None:
    """The README says how many operations the official client has."""
    assert f"| operations | {len(theirs['operations'])} " in (tables.DOCS.parent / "README.md").read_text()


def test_it_behaves_as_the_pages_say(official_python: Path) -> None:
    """What is said of its retries, timeouts, defaults and types was seen."""
    script = Path(__file__).with_name("behaviour.py")
    run = subprocess.run([official_python, "-I", script], check=True, capture_output=True, text=True)
    seen = json.loads(run.stdout)
    assert seen.pop("requests of a failing POST with retries") > 1
    assert seen == {
        "requests of a failing POST": 1,
        "seconds to wait for bytes": 5.0,
        "query of get_jobs()": "page_size=100&include_deleted=false&ignore_unsupported_filters=false",
        "next of the last page": None,
        "a null that was not promised": "ResponseValidationError",
    }
