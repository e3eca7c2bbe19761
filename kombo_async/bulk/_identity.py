"""What a row is: one thing to do, whatever its details."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
import msgspec

from kombo_async.attachments import FileData
from kombo_async.errors import InputFault, InvalidInput
from kombo_async.model import wire_time
from kombo_async.request import Request


@attrs.frozen(kw_only=True)
class Identity:
    """Who and what a request is for. Details such as a phone number are not part of it."""

    kind: str
    """What it creates, such as `application`; different operations may create the same."""
    parts: tuple[str, ...] = attrs.field(repr=False)
    """What distinguishes it within its kind and integration, such as the job and the person's e-mail address."""
    shows: tuple[str, ...] = attrs.field(default=(), repr=False)
    """What else a record must show to be proof of it, such as the names."""
    about: str = attrs.field(default="", repr=False)
    """A description for people. The journal keeps it while the row is in progress or in doubt."""


def digest(request: Request[Any], integration_id: str | None) -> str:
    """A digest of the request: its operation, integration and all fields, with files by their names.

    Raises `InvalidInput` for a request that cannot be stored, such as one with half a surrogate pair.
    """
    where = f"{request.operation.id} {integration_id} "
    return _hash(where.encode(), _encoded(request))


def subject_of(identity: Identity, integration_id: str | None) -> str:
    """A digest of a row's identity, whatever its details. Raises `InvalidInput` for invalid text."""
    return _hash(_encoded((identity.kind, integration_id, *identity.parts)))


def shows_of(identity: Identity) -> str:
    """A digest of what a record must show to be proof."""
    return _hash(_encoded(identity.shows))[:16] if identity.shows else ""


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value, enc_hook=_plain, order="deterministic")
    except UnicodeEncodeError:
        raise InvalidInput(
            InputFault("", "contains text that is not valid Unicode (half of a surrogate pair)")
        ) from None


def _hash(*parts: bytes) -> str:
    return hashlib.blake2b(b"".join(parts), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """Replace what JSON does not have: files by their names, subclasses of plain types by the types."""
    if isinstance(value, FileData):
        return value.name
    if isinstance(value, date):
        return wire_time(value)
    for plain in (str, int, float):
        if isinstance(value, plain):
            return plain(value)
    if isinstance(value, Decimal):
        return str(value)
    raise InvalidInput(InputFault("", f"the request contains a {type(value).__name__}, which JSON does not have"))
