"""Files that came in: kept byte for byte, and read back under an address of their own."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote_to_bytes

import attrs

from kombo_async.model import UNSET
from kombo_async.sandbox._state.refusals import InputInvalid

NOT_FETCHED = "The sandbox does not fetch files from other machines: {name} is kept empty, with its address."


@attrs.frozen
class StoredFile:
    """A file as it came."""

    name: str
    content_type: str
    data: bytes = attrs.field(repr=False)
    url: str | None = None
    """The address it was to be fetched from, where it came as one."""


def read_file(file: Any, path: str, warnings: list[str]) -> StoredFile:
    """The file in a model of a request, which is at *path* in the body. Raises `InputInvalid` if it has none."""
    content_type: str = file.content_type if getattr(file, "content_type", UNSET) is not UNSET else ""
    data: Any = getattr(file, "data", UNSET)
    url: Any = getattr(file, "data_url", UNSET)
    if data is not UNSET and url is not UNSET:
        raise InputInvalid(f"{path}: send data or data_url, not both")
    if data is not UNSET:
        return StoredFile(file.name, content_type or _guess(file.name), decode_base64(data, f"{path}.data"))
    if url is UNSET:
        raise InputInvalid(f"{path}: send the file as data or data_url")
    if url.startswith("data:"):
        head, _, body = url[5:].partition(",")
        kind, _, encoding = head.partition(";")
        content = decode_base64(body, f"{path}.data_url") if "base64" in encoding else unquote_to_bytes(body)
        return StoredFile(file.name, content_type or kind or _guess(file.name), content)
    warnings.append(NOT_FETCHED.format(name=file.name))
    return StoredFile(file.name, content_type or _guess(file.name), b"", url)


def decode_base64(text: str, path: str) -> bytes:
    """The bytes in *text*. Raises `InputInvalid` if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputInvalid(f"{path}: must be base64") from None


def _guess(name: str) -> str:
    import mimetypes

    return mimetypes.guess_type(name)[0] or "application/octet-stream"
