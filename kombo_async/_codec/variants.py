"""Choosing the model of a union's member, which msgspec leaves to us."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from kombo_async.model import TaggedUnion


def choose_variant(union: type, value: Any) -> Any:
    """A `dec_hook` for unions of models; an unknown variant is drift, so it is refused here."""
    if isinstance(union, TaggedUnion) and isinstance(value, dict):
        variant: Any = union.variant(cast("dict[str, Any]", value))[1]
        if variant is not None:
            return msgspec.convert(value, variant, dec_hook=choose_variant)
    raise ValueError("no known variant")
