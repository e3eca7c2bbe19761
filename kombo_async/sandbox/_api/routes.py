"""Find the operation for a method and path, in a tree of path segments.

Request classes load when a path first needs them. Kombo's operationIds begin with the method and the path, so
`POST /ats/candidates` only has to look at those that begin with `PostAtsCandidates`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import attrs

from kombo_async._generated.operations import REQUESTS
from kombo_async.request import Operation, Request

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@attrs.define
class _Node:
    literal: dict[str, _Node] = attrs.field(factory=dict[str, "_Node"])
    parameter: _Node | None = None
    methods: dict[str, type[Request[Any]]] = attrs.field(factory=dict[str, type[Request[Any]]])


@attrs.frozen
class Route:
    """The result of routing a method and path."""

    request: type[Request[Any]] | None
    """None if the path does not exist, or not with this method."""
    parameters: dict[str, str]
    allowed: tuple[str, ...] = ()
    """The methods that the path has, if not this one."""

    @property
    def operation(self) -> Operation | None:
        """The operation, if there is one."""
        return None if self.request is None else self.request.operation


_root = _Node()
_loaded: set[tuple[str, str]] = set()


def find(method: str, raw_path: str) -> Route:
    """The route of *raw_path*, the path below the base URL with its percent signs still in it."""
    segments = raw_path.strip("/").split("/")
    found = _walk(method, segments)
    if found is not None:
        return found
    others = tuple(other for other in METHODS if other != method and _walk(other, segments) is not None)
    return Route(None, {}, others)


def _walk(method: str, segments: list[str]) -> Route | None:
    _load(method, segments)
    node = _root
    values: list[str] = []
    for segment in segments:
        step = node.literal.get(segment)
        if step is None and segment and node.parameter is not None:
            step = node.parameter
            values.append(unquote(segment))
        if step is None:
            return None
        node = step
    request = node.methods.get(method)
    if request is None:
        return None
    return Route(request, dict(zip(request.operation.path_parts[1::2], values, strict=True)))


def _load(method: str, segments: list[str]) -> None:
    """Add the operations that may have this method and path to the tree."""
    start = (method, "/".join(segments[:2]))
    if start in _loaded or len(_loaded) > 10_000:
        return
    _loaded.add(start)
    narrow, wide = (method + "".join(segments[:count]).replace("-", "") for count in (2, 1))
    for prefix in (narrow, wide):
        matching = [id for id in REQUESTS if id.upper().startswith(prefix.upper())]
        if matching:
            for id in matching:
                _insert(REQUESTS[id])
            return


def _insert(request: type[Request[Any]]) -> None:
    node = _root
    for segment in request.operation.path.strip("/").split("/"):
        if segment.startswith("{"):
            if node.parameter is None:
                node.parameter = _Node()
            node = node.parameter
        else:
            node = node.literal.setdefault(segment, _Node())
    node.methods[request.operation.method] = request
