"""The models that an integration was notified of, as text for stores."""

from __future__ import annotations

import json


def merged_models(text: str, models: frozenset[str] | None) -> str:
    """The models in *text* plus others; `null` stands for any."""
    known = told_models(text)
    return "null" if known is None or models is None else json.dumps(sorted(known | models))


def told_models(text: str) -> frozenset[str] | None:
    """The models in a text from `merged_models`; None for any."""
    models: list[str] | None = json.loads(text)
    return None if models is None else frozenset(models)
