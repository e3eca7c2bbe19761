"""Where a shape occurs in the API, and what it becomes there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from codegen.read import Operation
from codegen.rules import pascal
from codegen.shapes import Const, Enum, Field, Object, Shape, Union, at, objects

Named: TypeAlias = Object | Union | Enum
"""The shapes that can have a class."""

REMOTE = "remote_fields"


@dataclass(frozen=True)
class Place:
    """Where a shape occurs: below an operation's input, its answer, or a webhook. As text, as names.toml writes it."""

    namespace: str
    root: str
    path: str = ""
    incoming: bool = False

    def __str__(self) -> str:
        if self.incoming:
            return f"{self.root}({self.path})"
        return self.root + (self.path if not self.path or self.path.startswith("[") else f".{self.path}")

    def field(self, name: str) -> Place:
        """Return the place of a property."""
        return replace(self, path=f"{self.path}.{name}".removeprefix("."))

    def variant(self, label: str) -> Place:
        """Return the place of one variant of a union."""
        return replace(self, path=f"{self.path}[{label}]")

    @property
    def names(self) -> list[str]:
        """The properties on the path here."""
        return re.sub(r"\[.*?\]", "", self.path).split(".")

    @property
    def last(self) -> str:
        """The property that this place is the value of."""
        return self.names[-1] or self.root

    @property
    def tool(self) -> str:
        """The connected system that fields below `remote_fields` are for."""
        return self.names[self.names.index(REMOTE) + 1] if REMOTE in self.names[:-1] else ""


@dataclass(frozen=True)
class Method:
    """An operation with its place in the client."""

    namespace: str
    module: str
    name: str
    operation: Operation

    @property
    def request(self) -> str:
        """The name of its request class."""
        return pascal(self.name)

    @property
    def answers(self) -> Place:
        """The place of its response."""
        return Place(self.namespace, self.name)

    def takes(self, parameter: Field) -> Place:
        """Return the place of a field of its request."""
        return Place(self.namespace, self.name, parameter.name, incoming=True)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of its request: path parameters, body, query."""
        operation = self.operation
        fields = (*operation.parameters, *(operation.body or ()), *operation.query)
        if len({each.name for each in fields}) < len(fields):
            raise SystemExit(f"{operation.id}: two parameters have the same name")
        return fields


@dataclass
class Model:
    """A class to write: a model, a union of models, or a named enum."""

    namespace: str
    module: str
    name: str
    place: Place
    shape: Named
    lazy: bool
    """Whether only requests use it; then its contents can be loaded lazily."""
    ident: object = field(repr=False)

    @property
    def qualified(self) -> str:
        """The name with its namespace."""
        return f"{self.namespace}.{self.name}"

    @property
    def home(self) -> str:
        """The module that defines it."""
        if self.namespace in ("shared", "webhooks"):
            return f"kombo_async._generated.{self.module}"
        return f"kombo_async.{self.namespace}.{self.module}"


def is_model_union(union: Union) -> bool:
    """Whether a union is one of models, which gets a name, rather than an alternative in a field."""
    return bool(union.tag) or len(objects(union)) == len(union.variants)


def variants(union: Union) -> Iterator[tuple[str, Shape]]:
    """Yield the variants with what distinguishes them: the tag, a field that only one has, or a number."""
    for number, each in enumerate(union.variants):
        tag = at(each, union.tag) if union.tag else None
        if isinstance(tag, Const):
            yield (str(tag.value).lower() if isinstance(tag.value, bool) else tag.value), each
        elif isinstance(each, Object) and is_model_union(union):
            others = [other for other in objects(union) if other is not each]
            own = (f.name for f in each.fields if f.required and not any(other.get(f.name) for other in others))
            yield next(own, str(number)), each
        else:
            yield str(number), each
