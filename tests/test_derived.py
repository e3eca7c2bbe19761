"""The document that tests derive from the generated classes agrees with Kombo's own."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from kombo_async.operations import REQUESTS
from kombo_async.webhooks import EVENTS
from tests.conftest import needs_openapi
from tests.sandbox.constraints import demands
from tests.support.demands import DEMANDS
from tests.support.derived import derived
from tests.support.schemas import document, example, resolve

pytestmark = needs_openapi


def of(source: Any, operation_id: str) -> Any:
    operation = REQUESTS[operation_id].operation
    return source["paths"][operation.path][operation.method.lower()]


def answer(operation: Any) -> Any:
    return operation["responses"]["200"]["content"]["application/json"]["schema"]


def body(operation: Any) -> Any:
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("schema") or content.get("application/x-ndjson", {}).get(
        "x-kombo-ndjson-item"
    )


def faults(schema: Any, source: Any, value: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator({**schema, "components": source["components"]})
    return [f"{error.json_path}: {error.message[:100]}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("operation_id", sorted(REQUESTS))
def test_operations_agree(operation_id: str) -> None:
    """The same parameters, required fields and bodies; full examples are valid."""
    real, ours = of(document(), operation_id), of(derived(), operation_id)
    found, expected = (
        {(each["name"], each["in"], bool(each.get("required"))) for each in source.get("parameters", ())}
        for source in (ours, real)
    )
    assert expected <= found
    assert found - expected <= {("cursor", "query", False)}  # which two paged lists forget
    assert faults(answer(ours), derived(), example(answer(real))[0]) == []
    if body(real) is None:
        assert body(ours) is None
        return
    assert {*resolve(body(real)).get("required", ())} == {*resolve(body(ours)).get("required", ())}
    assert {*resolve(body(real)).get("properties", ())} == {*resolve(body(ours)).get("properties", ())}
    assert faults(body(ours), derived(), example(body(real))[0]) == []


@pytest.mark.parametrize("type", sorted(EVENTS))
def test_events_agree(type: str) -> None:
    """A full event from Kombo's document is valid in ours."""
    ours, real = (
        source["webhooks"][type]["post"]["requestBody"]["content"]["application/json"]["schema"]
        for source in (derived(), document())
    )
    assert faults(ours, derived(), example(real)[0]) == []


def test_demands_agree() -> None:
    """The limits on values beyond their types are listed, and nothing else is."""
    assert {*DEMANDS} == {*demands()}
