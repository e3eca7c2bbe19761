"""The tables of `docs/migration.md` and `docs/migration-models.md`: `python -m tests.migration.tables` writes them.

Theirs are read from the installed package, in an environment of its own; only names are kept.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from collections import defaultdict
from pathlib import Path
from typing import Any

from kombo_async import webhooks
from kombo_async.operations import REQUESTS
from tests.migration import ours

VERSION = "1.4.0"
DOCS = Path(__file__).parents[2] / "docs"
OPTIONS = {
    "api_key": "`api_key`, or `KOMBO_API_KEY`; a function may be async",
    "integration_id": "`integration_id`, or `KOMBO_INTEGRATION_ID`; `for_integration(...)` gives a view of another",
    "server": '`region="eu"`, `"us"`, `"ca"`',
    "url_params": "not needed: no address has parameters",
    "server_url": "`base_url`, or `KOMBO_BASE_URL`",
    "client": "there is no synchronous client: [from synchronous code](synchronous-code.md)",
    "async_client": "`http_client`, or `transport`",
    "retry_config": "`retry=RetryPolicy(...)`",
    "timeout_ms": "`timeout`, in seconds; `deadline` for a whole call",
    "debug_logger": "the logger `kombo_async`: [logging](logging.md)",
}
CALL_OPTIONS = {
    "retries": '`options={"retry": RetryPolicy(...)}`',
    "server_url": "a client of its own; one client has one address",
    "timeout_ms": '`options={"timeout": seconds}`',
    "http_headers": '`options={"headers": {...}}`',
}
ERRORS = {
    "SDKError": "`KomboError`",
    "KomboAtsError": "a `Failure`, by meaning: `BadRequest`, `NotFound`, `SyncPending`, ...",
    "KomboHrisError": "the same",
    "KomboGeneralError": "the same",
    "SDKDefaultError": "`ServerError` or `UnexpectedResponse`",
    "ResponseValidationError": "no error: a `Success` with `drift`",
    "NoResponseError": "`ConnectionFailed` or `TimedOut`",
}
WRAPPERS = ("Globals", "Request", "RequestBody", "Response", "PositiveResponse", "Security")
"""How names end of models that stand for a whole call or envelope; ours are `ats.CreateApplication` and `Success`."""


OTHERS = {
    "Warning": "`kombo_async.ActionWarning`",
    "ErrorError": "`kombo_async.ErrorDetail`",
    "Union": "the union of its kinds, such as `ats.GreenhouseId`",
    "PositiveResponseData": "`dict[str, JSON]`: it has no documented fields",
}
"""What is ours for models that are alike in many operations, by how their names end."""


def official_python() -> Path:
    """The interpreter of an environment with the official client, which is made when it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "kombo_async-tests" / f"kombo-{VERSION}-{sys.version_info.major}.{sys.version_info.minor}"
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (home / "complete").exists():
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"kombo=={VERSION}"]
        subprocess.run(install, check=True, capture_output=True, timeout=300)
        (home / "complete").touch()
    return python


def official() -> dict[str, Any]:
    """What the official client has."""
    script = Path(__file__).with_name("official.py")
    run = subprocess.run([official_python(), "-I", script], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(run.stdout)
    assert found["version"] == VERSION
    return found


def operations_table(theirs: dict[str, Any]) -> str:
    """Each of their methods, with ours and with the parameters whose names differ."""
    rows: list[str] = []
    for each in sorted(theirs["operations"], key=lambda each: (each["namespace"], each["method"])):
        cls = REQUESTS[each["operation_id"]]
        namespace, method = method_of(each["operation_id"])
        known = {field.name for field in ours.fields(cls)}
        other = [name for name in each["parameters"] if name not in known]
        note = ", ".join(f"`{name}`: {_renamed(name, known, each['parameters'])}" for name in other)
        rows.append(
            f"| `{each['namespace']}.{each['method']}` | `{namespace}.{method}` | `{cls.__name__}` | {note} |\n"
        )
    return "| `kombo` | method | request | parameters that differ |\n| --- | --- | --- | --- |\n" + "".join(rows)


def _renamed(name: str, known: set[str], theirs: list[str]) -> str:
    likely = [each for each in known - {*theirs} if each.startswith(name) or name.startswith(each)]
    return f"`{likely[0]}`" if likely else "not needed"


def method_of(operation_id: str) -> tuple[str, str]:
    """The namespace and the name of our method for an operation."""
    cls = REQUESTS[operation_id]
    return cls.__module__.split(".")[1], re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


def new_operations(theirs: dict[str, Any]) -> str:
    """What we have beside theirs, by namespace."""
    known = {each["operation_id"] for each in theirs["operations"]}
    by_namespace: dict[str, list[str]] = defaultdict(list)
    for operation_id in REQUESTS:
        if operation_id not in known:
            namespace, method = method_of(operation_id)
            by_namespace[namespace].append(method)
    return "".join(
        f"- `{namespace}` ({len(methods)}): {', '.join(f'`{method}`' for method in sorted(methods))}\n"
        for namespace, methods in sorted(by_namespace.items())
    )


def names_table(title: str, theirs: list[str], ours: dict[str, str]) -> str:
    """A table of options or errors; each of theirs must be there."""
    return f"| `kombo` | {title} |\n| --- | --- |\n" + "".join(f"| `{name}` | {ours[name]} |\n" for name in theirs)


def model_pairs(theirs: dict[str, Any]) -> dict[str, set[str]]:
    """Each of their models that stands in a request, an answer or an event, with ours."""
    pairs: dict[str, set[str]] = defaultdict(set)
    places = [(each["models"], ours.models_of(each["operation_id"])) for each in theirs["operations"]]
    places += [
        (models, ours.models_of_event(kind)) for kind, models in theirs["events"].items() if kind in webhooks.EVENTS
    ]
    for their_models, our_models in places:
        for path, models in their_models.items():
            for name, found in ours.closest(models, our_models.get(path, {})).items():
                pairs[name].add(found)
    return pairs


def models_table(theirs: dict[str, Any]) -> tuple[str, list[str]]:
    """All their models with ours, and those that have none."""
    pairs, missing, rows = model_pairs(theirs), [], []
    for name in theirs["models"]:
        if name in pairs:
            rows.append(f"| `{name}` | {', '.join(f'`{each}`' for each in sorted(pairs[name]))} |\n")
        elif not name.endswith(WRAPPERS):
            rest = next((what for end, what in OTHERS.items() if name.endswith(end)), "")
            rows.append(f"| `{name}` | {rest} |\n")
            if not rest:
                missing.append(name)
    return "| `kombo.models` | `kombo_async` |\n| --- | --- |\n" + "".join(rows), missing


def between(text: str, name: str, table: str) -> str:
    """*text* with *table* in the place of that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    head, _, rest = text.partition(begin)
    assert rest, f"there is no place {begin.strip()}"
    return head + begin + "\n" + table + "\n" + end + rest.partition(end)[2]


def pages(theirs: dict[str, Any]) -> dict[Path, str]:
    """Both pages as they should be."""
    page = (DOCS / "migration.md").read_text()
    page = between(page, "operations", operations_table(theirs))
    page = between(page, "new operations", new_operations(theirs))
    page = between(page, "client options", names_table("client", theirs["client_options"], OPTIONS))
    page = between(page, "call options", names_table("each call", theirs["call_options"], CALL_OPTIONS))
    page = between(page, "errors", names_table("failure", theirs["errors"], ERRORS))
    models = (DOCS / "migration-models.md").read_text()
    return {
        DOCS / "migration.md": page,
        DOCS / "migration-models.md": between(models, "models", models_table(theirs)[0]),
    }


if __name__ == "__main__":
    for target, text in pages(official()).items():
        target.write_text(text)
