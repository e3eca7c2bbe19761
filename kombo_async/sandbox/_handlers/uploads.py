"""Files in requests: as base64, as a `data:` URL, or as a URL on this machine to fetch."""

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote_to_bytes, urlsplit

import anyio
import attrs
import httpx

from kombo_async.model import UNSET, Model
from kombo_async.request import Request
from kombo_async.sandbox._api.hosts import is_loopback
from kombo_async.sandbox._state.files import StoredFile
from kombo_async.sandbox._state.refusals import InputInvalid

NOT_FETCHED = "The sandbox fetches files from this machine only: {name} is kept empty, with its address."
LARGEST_FILE = 100 * 1024 * 1024
FETCH_SECONDS = 10.0
"""Seconds of real time that a file may take."""

Fetched = Mapping[str, "StoredFile | str"]
"""The result for each URL: a file, or why it could not be fetched."""


def read_file(file: Any, path: str, warnings: list[str], fetched: Fetched) -> StoredFile:
    """The file in a model of a request, which is at *path* in the body. Raises `InputInvalid` if it has none."""
    content_type: str = file.content_type if getattr(file, "content_type", UNSET) is not UNSET else ""
    data: Any = getattr(file, "data", UNSET)
    url: Any = getattr(file, "data_url", UNSET)
    if data is not UNSET and url is not UNSET:
        raise InputInvalid(f"{path}: send data or data_url, not both")
    if data is not UNSET:
        if not content_type:
            raise InputInvalid(f"{path}.content_type: must come with data")
        return StoredFile(file.name, content_type, decode_base64(data, f"{path}.data"))
    if url is UNSET:
        raise InputInvalid(f"{path}: send the file as data or data_url")
    if url.startswith("data:"):
        head, _, body = url[5:].partition(",")
        kind, _, encoding = head.partition(";")
        content = decode_base64(body, f"{path}.data_url") if "base64" in encoding else unquote_to_bytes(body)
        return StoredFile(file.name, content_type or kind or _guess(file.name), content)
    found = fetched.get(url)
    if found is None:
        warnings.append(NOT_FETCHED.format(name=file.name))
        return StoredFile(file.name, content_type or _guess(file.name), b"", url)
    if isinstance(found, str):
        raise InputInvalid(f"{path}.data_url: could not be fetched: {found}")
    return StoredFile(file.name, content_type or found.content_type or _guess(file.name), found.data, url)


async def fetch_files(request: Request[Any]) -> Fetched:
    """Fetch the files that *request* gives as http URLs on this machine."""
    return {url: await _fetch(url) for url in set(_addresses(request))}


def _addresses(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            yield from _addresses(item)
    elif isinstance(value, Model | Request):
        for field in attrs.fields(cast("Any", value).__class__):
            inner: Any = getattr(cast("Any", value), field.name)
            if field.name == "data_url" and isinstance(inner, str):
                if _is_here(inner):
                    yield inner
            else:
                yield from _addresses(inner)


def _is_here(url: str) -> bool:
    try:
        parts = urlsplit(url)
        name = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and is_loopback(name)


async def _fetch(url: str) -> StoredFile | str:
    try:
        with anyio.fail_after(FETCH_SECONDS):
            async with (
                httpx.AsyncClient(trust_env=False) as client,
                client.stream("GET", url, headers={"accept-encoding": "identity"}) as response,
            ):
                if response.status_code != 200:
                    return f"the server responded with {response.status_code}"
                content = bytearray()
                async for chunk in response.aiter_raw():
                    content += chunk
                    if len(content) > LARGEST_FILE:
                        return f"it is larger than {LARGEST_FILE} bytes"
                kind = response.headers.get("content-type", "").partition(";")[0].strip()
                return StoredFile("", kind, bytes(content))
    except TimeoutError:
        return f"it did not arrive within {FETCH_SECONDS:g} seconds"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__


def decode_base64(text: str, path: str) -> bytes:
    """The bytes in *text*. Raises `InputInvalid` if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputInvalid(f"{path}: must be base64") from None


def _guess(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
