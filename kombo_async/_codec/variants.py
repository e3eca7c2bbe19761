"""Types that msgspec leaves to us: unions of models, and freezegun's `datetime`."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from kombo_async.model import TIMES, TaggedUnion


def choose_variant(union: type, value: Any) -> Any:
    """A `dec_hook` for unions of models; an unknown variant is drift, so it is refused here."""
    for time in TIMES:
        if issubclass(union, time):
            return msgspec.convert(value, time)
    if isinstance(union, TaggedUnion) and isinstance(value, dict):
        variant: Any = union.variant(cast("dict[str, Any]", value))[1]
        if variant is not None:
            return msgspec.convert(value, variant, dec_hook=choose_variant)
    raise ValueError("no known variant")
