"""CONTRIBUTING.md is true: paths exist, modules can be run, generated files are marked."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from codegen.text import HEADER

ROOT = Path(__file__).parents[1]
if not (ROOT / ".git").exists():
    pytest.skip("needs a clone: an archive of the sources lacks some of these files", allow_module_level=True)

TEXTS = {name: (ROOT / name).read_text("utf-8") for name in ("CONTRIBUTING.md", "SECURITY.md")}


@pytest.mark.parametrize("name", TEXTS)
def test_paths_exist(name: str) -> None:
    """Each file and folder that is named exists, except built ones and `../shared`."""
    quoted = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:md|toml|py))`", TEXTS[name])
    commands = re.findall(r"(?:tests|codegen|benchmarks)/[\w./-]+", TEXTS[name])
    named = [path for path in (*quoted, *commands) if not path.startswith("..")]
    assert not [path for path in named if not (ROOT / path).exists() and not _is_built(path)]
    assert quoted or name == "SECURITY.md"


def _is_built(path: str) -> bool:
    return subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False).returncode == 0


def test_modules_can_be_run() -> None:
    """`python -m` names modules that exist."""
    modules = set(re.findall(r"python -m ([\w.]+)", TEXTS["CONTRIBUTING.md"]))
    assert {"codegen", "benchmarks", "tests.support.instructions"} <= modules
    assert [name for name in modules - {"venv", "build", "pytest"} if find_spec(name) is None] == []


def test_generated_files_are_marked() -> None:
    """Reviews collapse what the generator wrote, and nothing else of the package."""
    files = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "kombo_async").rglob("*.py"))]
    command = ["git", "check-attr", "linguist-generated", "--", *files]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    marked = {line.split(": ")[0] for line in lines if line.endswith(": set")}
    assert marked == {name for name in files if (ROOT / name).read_text("utf-8").startswith(HEADER)}


def test_hooks_and_workflow() -> None:
    """The files for pre-commit and hosted CI are valid, and use only the project's own tools."""
    yaml: Any = pytest.importorskip("yaml")
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [each["repo"] for each in hooks["repos"]] == ["local"]
    assert all(hook["language"] == "system" for each in hooks["repos"] for hook in each["hooks"])
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tested = [f"Programming Language :: Python :: {each}" for each in job["strategy"]["matrix"]["python"]]
    assert set(tested) <= set(project["classifiers"])
    for form in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        assert yaml.safe_load(form.read_text()), form.name
