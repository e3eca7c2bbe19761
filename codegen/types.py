"""Shapes as Python annotations."""

from __future__ import annotations

import textwrap
from typing import Literal

from codegen.definitions import Model, Place, variants
from codegen.names import Names
from codegen.shapes import Array, Const, Enum, Field, Map, Null, Object, Ref, Scalar, Shape, Union
from codegen.text import Imports

PLAIN = {"str": "str", "int": "int", "bool": "bool"}


class Types:
    """Writes the annotations of one module and notes what they need to be imported.

    A model of another module is imported in answers, since the decoder needs it at once. In requests (`lazy`) it is
    named through its namespace, which loads it when the annotation is resolved, since most requests use few models.
    """

    def __init__(
        self, names: Names, imports: Imports, namespace: str, home: str, dates: Literal["", "dt."] = ""
    ) -> None:
        self.names, self.imports, self.namespace, self.home, self.dates = names, imports, namespace, home, dates

    def field(self, field: Field, place: Place, *, lazy: bool, required: bool) -> str:
        """Write the annotation of a field, with its default."""
        parts = self._parts(field.shape, place, lazy)
        if required:
            return " | ".join(parts)
        self.imports.add("kombo_async.model", "UNSET", "Unset")
        nullable = ["None"] if "None" in parts else []
        return " | ".join([*(part for part in parts if part != "None"), "Unset", *nullable]) + " = UNSET"

    def text(self, shape: Shape, place: Place, *, lazy: bool = False) -> str:
        """Write the annotation of a shape."""
        return " | ".join(self._parts(shape, place, lazy))

    def reference(self, model: Model, *, lazy: bool) -> str:
        """Write the name of a class so that it can be found from this module."""
        if model.home == self.home:
            return model.name
        if lazy:
            self.imports.add("kombo_async", self.namespace)
            return f"{self.namespace}.{model.name}"
        self.imports.add(model.home, model.name)
        return model.name

    def enum(self, enum: Enum) -> str:
        """Write an open enum."""
        self.imports.add("typing", "Literal")
        return f"Literal[{', '.join(map(_quoted, enum.values))}] | str"

    def packed(self, enum: Enum) -> str:
        """Write a very long enum, with as many values in a line as fit."""
        self.imports.add("typing", "Literal")
        lines = textwrap.fill(", ".join(map(_quoted, enum.values)), 114, break_long_words=False, break_on_hyphens=False)
        return f"Literal[\n{textwrap.indent(lines, '    ')},\n] | str"

    def _parts(self, shape: Shape, place: Place, lazy: bool) -> list[str]:
        if model := self.names.find(self.namespace, place, shape):
            return [self.reference(model, lazy=lazy)]
        match shape:
            case Null(of=inner):
                return [*self._parts(inner, place, lazy), "None"]
            case Union(variants=shapes):
                return self._union(shapes, shape, place, lazy)
            case Array(item=item):
                if place.incoming:
                    self.imports.add("collections.abc", "Sequence")
                return [f"{'Sequence' if place.incoming else 'list'}[{self.text(item, place, lazy=lazy)}]"]
            case Map(value=value):
                return [f"dict[str, {self.text(value, place, lazy=lazy)}]"]
            case Enum():
                return self.enum(shape).rsplit(" | ", 1)
            case Const(value=value):
                self.imports.add("typing", "Literal")
                return [f"Literal[{_quoted(value)}]"]
            case Scalar(kind=kind):
                return self._scalar(kind, incoming=place.incoming)
            case Object() | Ref():
                raise AssertionError(f"{place} has no class")

    def _scalar(self, kind: str, *, incoming: bool) -> list[str]:
        match kind:
            case "number":
                return ["int", "float"]
            case "any":
                self.imports.add("kombo_async.model", "JSON")
                return ["JSON"]
            case "datetime" | "date":
                kinds = [kind] if not incoming else ["datetime", "date"] if kind == "datetime" else ["date"]
                if self.dates:
                    self.imports.add_module("import datetime as dt")
                else:
                    self.imports.add("datetime", *kinds)
                return [f"{self.dates}{each}" for each in kinds] + (["str"] if incoming else [])
            case _:
                return [PLAIN[kind]]

    def _union(self, shapes: tuple[Shape, ...], union: Union, place: Place, lazy: bool) -> list[str]:
        """Write alternatives; if plain strings occur besides times, a response's type can only say "string"."""
        found: list[str] = []
        for label, each in variants(union):
            if isinstance(each, Scalar) and each.kind in {"datetime", "date"} and not place.incoming:
                each = Scalar("str")
            inner = place.variant(label) if isinstance(each, Object) else place
            found += [part for part in self._parts(each, inner, lazy) if part not in found]
        return found


def _quoted(value: str | bool) -> str:
    return str(value) if isinstance(value, bool) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
