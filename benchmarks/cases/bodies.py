"""What the server answers: one create, one attachment, and pages of 250 records, made up from the models' own types.

`python bodies.py FOLDER` writes them as files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args, get_origin

from kombo_async import ats, hris
from kombo_async._codec.structure import field_types, is_dict, is_list, is_literal, is_model, is_union, members
from kombo_async.model import TaggedUnion
from kombo_async.request import Request, data_type

PAGE = 250

MODELS: Mapping[str, type] = {
    "candidates": ats.Candidate,
    "applications": ats.Application,
    "jobs": ats.Job,
    "employees": hris.Employee,
}

WORDS = "Alma Berlin Ines Kreuzberg manager Porto sales engineer Lisboa Jonas remote office Wien team lead Mara".split()


def value(kind: Any, random: Random) -> Any:
    """Any value of the type *kind*, as JSON has it: three of four fields that may be null are not."""
    if is_union(kind):
        return _one_of(kind, random)
    if isinstance(kind, TaggedUnion):
        return value(random.choice(list(kind.variants.values())), random)
    if is_literal(kind):
        return random.choice(get_args(kind))
    if is_list(kind):
        return [value(get_args(kind)[0], random) for _ in range(random.randint(0, 3))]
    if is_dict(kind):
        return {random.choice(WORDS): random.choice(WORDS) for _ in range(2)}
    if is_model(kind):
        names: Mapping[str, str] = getattr(get_origin(kind) or kind, "__wire_names__", {})
        return {names.get(field.name, field.name): value(hint, random) for field, hint in field_types(kind)}
    plain: dict[Any, Any] = {
        str: " ".join(random.choices(WORDS, k=random.randint(1, 3))),
        int: random.randint(0, 90_000),
        float: random.randint(0, 1_000) / 8,
        bool: random.random() < 0.5,
        datetime: f"2026-{random.randint(1, 9):02}-11T08:30:0{random.randint(0, 9)}.{random.randint(100, 999)}Z",
        date: f"2024-{random.randint(1, 9):02}-11",
    }
    return plain.get(kind)


def _one_of(union: Any, random: Random) -> Any:
    choices = members(union)
    if type(None) in choices and random.random() < 0.25:
        return None
    literal = next((member for member in choices if get_origin(member) is Literal), None)
    return value(literal or next(member for member in choices if member is not type(None)), random)


def page(name: str) -> bytes:
    """A page of 250 of the records called *name*."""
    random = Random(name)
    results = [value(MODELS[name], random) for _ in range(PAGE)]
    return json.dumps({"status": "success", "data": {"results": results, "next": "NEXT"}}).encode()


def action(request: type[Request[Any]]) -> bytes:
    """The answer to an action."""
    data = value(data_type(request), Random(request.__name__))
    return json.dumps({"status": "success", "data": data, "warnings": []}).encode()


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1])
    (folder / "create.json").write_bytes(action(ats.CreateCandidate))
    (folder / "attachment.json").write_bytes(action(ats.AddCandidateAttachment))
    for name in MODELS:
        (folder / f"{name}.json").write_bytes(page(name))


if __name__ == "__main__":
    main()
