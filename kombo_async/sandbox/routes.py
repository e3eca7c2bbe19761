"""From a method and a path to an operation, by a tree of path segments."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import unquote

import attrs

from kombo_async.operations import REQUESTS
from kombo_async.request import Operation, Request


@attrs.define
class _Node:
    literal: dict[str, _Node] = attrs.field(factory=dict[str, "_Node"])
    parameter: _Node | None = None
    methods: dict[str, type[Request[Any]]] = attrs.field(factory=dict[str, type[Request[Any]]])


@attrs.frozen
class Route:
    """What a method and a path lead to."""

    request: type[Request[Any]] | None
    """None where nothing has this path, or not with this method."""
    parameters: dict[str, str]
    allowed: tuple[str, ...] = ()
    """The methods that the path has, where it is not this one."""

    @property
    def operation(self) -> Operation | None:
        """The operation, where there is one."""
        return None if self.request is None else self.request.operation


@cache
def _tree() -> _Node:
    root = _Node()
    for request in REQUESTS.values():
        node = root
        for segment in request.operation.path.strip("/").split("/"):
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        node.methods[request.operation.method] = request
    return root


def find(method: str, raw_path: str) -> Route:
    """The route of *raw_path*, the path below the base URL with its percent signs still in it."""
    node: _Node | None = _tree()
    values: list[str] = []
    for segment in raw_path.strip("/").split("/"):
        if node is None:
            break
        step = node.literal.get(segment)
        if step is None and segment and node.parameter is not None:
            step = node.parameter
            values.append(unquote(segment))
        node = step
    if node is None or not node.methods:
        return Route(None, {})
    request = node.methods.get(method)
    if request is None:
        return Route(None, {}, tuple(sorted(node.methods)))
    return Route(request, dict(zip(request.operation.path_parts[1::2], values, strict=True)))
