"""Pages record by record: only a record that does not fit its type is read leniently, not the whole page."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, get_args, get_origin

import attrs
import msgspec

from kombo_async._codec.drift import Reading, read_leniently
from kombo_async._codec.plain import plain_json
from kombo_async._codec.variants import choose_variant
from kombo_async.model import UNSET
from kombo_async.response import ActionWarning

PATIENCE = 20
"""If more records than this do not fit, and most do not, reading record by record only costs time."""


@attrs.frozen
class _RawPage:
    results: list[msgspec.Raw]
    next: str | None


@attrs.frozen(kw_only=True)
class _RawEnvelope:
    status: Literal["success"]
    data: _RawPage
    warnings: list[ActionWarning] = attrs.field(factory=list[ActionWarning])


@cache
def _raw_decoder() -> msgspec.json.Decoder[_RawEnvelope]:
    return msgspec.json.Decoder(_RawEnvelope)


@cache
def _record_decoder(record: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(record, dec_hook=choose_variant)


def read_page(page: Any, body: bytes, reading: Reading) -> tuple[Any, list[ActionWarning]] | None:
    """The *page* (`Page[Candidate]`) and the warnings in *body*; None if that is not a page, or most do not fit."""
    try:
        envelope = _raw_decoder().decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    (record,) = get_args(page)
    decode = _record_decoder(record).decode
    results: list[Any] = []
    wrong = 0
    for index, raw in enumerate(envelope.data.results):
        try:
            results.append(decode(raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            wrong += 1
        else:
            continue
        plain = plain_json(bytes(raw))
        if plain is UNSET or (wrong > PATIENCE and wrong > index // 2):
            return None
        reading.path[:] = ["data", "results", index]
        results.append(read_leniently(plain, record, reading))
    build: Any = get_origin(page)
    return build(results=results, next=envelope.data.next), envelope.warnings
