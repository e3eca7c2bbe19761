"""Hypothesis strategies for what the OpenAPI document calls valid."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import attrs
from hypothesis import strategies as st

from tests.support.schemas import EXAMPLES, Facts, Schema, resolve, types, variants

WORDS = st.text(max_size=12)
IDS = st.text(min_size=1, max_size=12).filter(lambda text: text not in (".", ".."))
"""What may stand in a path: any text but that which means another place."""
FILTERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=","), min_size=1, max_size=8)
"""What may stand in a list of a query: any text without a comma."""
NUMBERS = st.integers(-(10**9), 10**9) | st.floats(-1e12, 1e12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
"""Any JSON."""


def _in_kombos_form(milliseconds: int) -> str:
    moment = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


TIMES = st.integers(0, 60 * 365 * 86_400_000).map(_in_kombos_form)
DATES = st.dates(date(1900, 1, 1), date(2100, 1, 1)).map(date.isoformat)
FORMATS: Mapping[str, st.SearchStrategy[str]] = {
    "date-time": TIMES,
    "date": DATES,
    "uri": FILTERS.map(lambda text: f"https://example.com/{text}"),
    "email": st.sampled_from(["frank@example.com", "f.doe+1@sub.example.co"]),
}


@attrs.frozen
class _Key:
    """A schema as a key of the cache: the document is read once, so its parts stay where they are."""

    schema: Schema = attrs.field(eq=id)


def values(schema: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of *schema*: required fields always, the others now and then."""
    return _values(_Key(schema), depth)


@cache
def _values(key: _Key, depth: int) -> st.SearchStrategy[Any]:
    schema = key.schema
    if "$ref" in schema:
        # recursive shapes end here
        return st.deferred(lambda: values(resolve(schema), depth + 1))
    chosen = variants(schema)
    if chosen is not None:
        return st.one_of([values(each, depth) for each in chosen])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if not types(schema):
        return ANYTHING
    return st.one_of([_of_type(kind, schema, depth) for kind in types(schema)])


def _of_type(kind: str, schema: Schema, depth: int) -> st.SearchStrategy[Any]:
    match kind:
        case "object":
            return _objects(schema, depth)
        case "array":
            items = schema.get("items", {})
            least = schema.get("minItems", 0)
            return st.lists(values(items, depth), min_size=least, max_size=max(least, 2 if depth < 3 else 0))
        case "string":
            return _strings(schema)
        case "integer":
            return st.integers(*_bounds(schema, 2**31))
        case "number":
            least, most = _bounds(schema, 10**9)
            return st.integers(least, most) | st.floats(least, most)
        case "boolean":
            return st.booleans()
    return st.none()


def _bounds(schema: Schema, widest: int) -> tuple[int, int]:
    least = schema.get("minimum", schema.get("exclusiveMinimum", -widest - 1) + 1)
    return least, schema.get("maximum", widest)


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("pattern") in EXAMPLES:
        return st.sampled_from(EXAMPLES[schema["pattern"]])
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    least = schema.get("minLength", 0)
    return st.text(min_size=least, max_size=min(schema.get("maxLength", 12), max(least, 12)))


def _objects(schema: Schema, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    if "properties" not in schema:
        extra = schema.get("additionalProperties", True)
        return st.dictionaries(WORDS, values(extra, depth + 1) if isinstance(extra, Mapping) else ANYTHING, max_size=2)
    required = set(schema.get("required", ()))
    parts = {name: values(part, depth) for name, part in schema["properties"].items()}
    optional = [name for name in parts if name not in required]
    always = st.fixed_dictionaries({name: parts[name] for name in parts if name in required})
    if not optional:
        return always
    some = st.lists(st.sampled_from(optional), unique=True, max_size=4 if depth < 3 else 0).flatmap(
        lambda names: st.fixed_dictionaries({name: parts[name] for name in names})
    )
    return st.builds(lambda one, other: {**one, **other}, always, some)


def requests(facts: Facts) -> st.SearchStrategy[dict[str, Any]]:
    """Plain data for the request class of an operation: its parameters and the fields of its body."""
    ids = {each["name"]: IDS for each in facts.parameters["path"]}
    query = {each["name"]: each for each in facts.parameters["query"]}
    needed, optional = (
        {name: _query_values(each["schema"]) for name, each in query.items() if each.get("required", False) is required}
        for required in (True, False)
    )
    parts = [st.fixed_dictionaries({**ids, **needed}, optional=optional)]
    if facts.ndjson and facts.body is not None:
        parts.append(st.fixed_dictionaries({"items": st.lists(values(facts.body), max_size=3)}))
    elif facts.body is not None and resolve(facts.body).get("properties"):
        parts.append(values(facts.body))
    return st.tuples(*parts).map(lambda each: {name: value for part in each for name, value in part.items()})


def _query_values(schema: Schema) -> st.SearchStrategy[Any]:
    schema = resolve(schema)
    if types(schema) == ["array"]:
        items = schema["items"]
        return st.lists(values(items) if "enum" in items else FILTERS, min_size=1, max_size=3)
    return values(schema)
