"""Which shape becomes which class: as names.toml says, else by rule."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from codegen.read import Facts, Operation
from codegen.shapes import Array, Const, Enum, Map, Null, Object, Ref, Scalar, Shape, Union, at, children, key, objects

LONG_ENUM = 8
REMOTE = "remote_fields"


@dataclass(frozen=True)
class Place:
    """Where a shape occurs: below an operation's input, its answer, or a webhook."""

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
    def last(self) -> str:
        """The property that this place is the value of."""
        return re.sub(r"\[.*?\]", "", self.path).rpartition(".")[2] or self.root

    @property
    def tool(self) -> str:
        """The connected system that fields below `remote_fields` are for."""
        parts = re.sub(r"\[.*?\]", "", self.path).split(".")
        return parts[parts.index(REMOTE) + 1] if REMOTE in parts[:-1] else ""


@dataclass
class Model:
    """A class to write: a model, a union of models, or a named enum."""

    namespace: str
    module: str
    name: str
    place: Place
    shape: Object | Union | Enum
    direction: str
    ident: object = field(repr=False)

    @property
    def qualified(self) -> str:
        """The name with its namespace."""
        return f"{self.namespace}.{self.name}"

    @property
    def home(self) -> str:
        """The module that defines it."""
        if self.namespace == "models":
            return "kombo_async.models"
        return f"kombo_async.{self.namespace}.{self.module}"


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


class Names:
    """All classes and methods; `warnings` lists what names.toml does not know."""

    def __init__(self, config: Mapping[str, Any], facts: Facts) -> None:
        self.config, self.facts = config, facts
        self.warnings: list[str] = []
        self.methods = [self._method(operation) for operation in facts.operations]
        self.models: dict[tuple[str, str], Model] = {}
        self.exports: dict[str, dict[str, Model]] = {}
        self._at: dict[Place, Model] = {}
        self._by_ident: dict[tuple[str, object], Model] = {}
        self._todo: deque[Model] = deque()
        roots = list(self._roots())
        self._define_configured(roots)
        for namespace, place, shape in roots:
            self._name_below(namespace, place, shape, parent="")
        while self._todo:
            model = self._todo.popleft()
            self._name_inside(model)

    # ------------------------------------------------------------------ operations

    def _method(self, operation: Operation) -> Method:
        for namespace, modules in _namespaces(self.config):
            for module, tables in modules.items():
                for name, known in tables.get("methods", {}).items():
                    if known == operation.id:
                        return Method(namespace, module, name, operation)
        found = _derived_method(operation)
        self.warnings.append(f"method {found.namespace}.{found.name}: {operation.id} is not in names.toml")
        return found

    def _roots(self) -> Iterator[tuple[str, Place, Shape]]:
        for method in self.methods:
            operation = method.operation
            for each in (*operation.parameters, *(operation.body or ()), *operation.query):
                yield method.namespace, Place(method.namespace, method.name, each.name, incoming=True), each.shape
            yield method.namespace, Place(method.namespace, method.name), operation.answer
        for event, payload in self.facts.events.items():
            yield "webhooks", Place("webhooks", event), payload

    # ------------------------------------------------------------------ models

    def _define_configured(self, roots: list[tuple[str, Place, Shape]]) -> None:
        wanted: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
        for namespace, modules in _namespaces(self.config):
            for module, tables in modules.items():
                for name, paths in tables.get("models", {}).items():
                    for path in [paths] if isinstance(paths, str) else paths:
                        space, _, rest = (
                            path.partition(":") if re.match(r"[a-z_]+:get|[a-z]+:[a-z_]+\(", path) else ("", "", path)
                        )
                        wanted.setdefault((space or namespace, rest), []).append((namespace, module, name))
        for _, root, shape in roots:
            for place, inner in self._walk(root, shape):
                for namespace, module, name in wanted.pop((place.namespace, str(place)), ()):
                    self._define(namespace, module, name, place, inner)
        for (space, path), homes in wanted.items():
            self.warnings.append(f"model {homes[0][0]}.{homes[0][2]}: {space}:{path} is not in the document")

    def _walk(self, place: Place, shape: Shape, seen: frozenset[str] = frozenset()) -> Iterator[tuple[Place, Any]]:
        match shape:
            case Ref(name=name):
                if name not in seen:
                    yield from self._walk(place, self.facts.named[name], seen | {name})
            case Null() | Array() | Map():
                for inner in children(shape):
                    yield from self._walk(place, inner, seen)
            case Object(fields=fields):
                yield place, shape
                for each in fields:
                    yield from self._walk(place.field(each.name), each.shape, seen)
            case Union():
                if is_model_union(shape):
                    yield place, shape
                for label, variant in variants(shape):
                    yield from self._walk(place.variant(label) if isinstance(variant, Object) else place, variant, seen)
            case Enum():
                yield place, shape
            case _:
                pass

    def _define(self, namespace: str, module: str, name: str, place: Place, shape: Object | Union | Enum) -> Model:
        ident = self._ident(place, shape)
        model = self.models.get((namespace, name))
        if model is None:
            direction = ("in" if place.incoming else "out") if self._sensitive(shape) else "both"
            model = self.models[namespace, name] = Model(namespace, module, name, place, shape, direction, ident)
            self._todo.append(model)
        elif model.ident != ident:
            raise SystemExit(f"names.toml: {namespace}.{name} is two different shapes: at {model.place} and at {place}")
        if namespace in {place.namespace, "models"}:
            self._at[place] = model
        self._by_ident.setdefault((namespace, ident), model)
        return model

    def find(self, namespace: str, place: Place, shape: Shape) -> Model | None:
        """Return the class of *shape* at *place*, None if it has none."""
        if isinstance(shape, Ref):
            shape = self.facts.named[shape.name]
        if not isinstance(shape, Object | Union | Enum) or (isinstance(shape, Union) and not is_model_union(shape)):
            return None
        ident = self._ident(place, shape)
        spaces = (namespace, *self.config.get("borrows", {}).get(namespace, ()))
        found = self._at.get(place) or next((m for s in spaces if (m := self._by_ident.get((s, ident)))), None)
        if found and namespace != "models":
            self.exports.setdefault(namespace, {})[found.name] = found
        return found

    def _name_below(self, namespace: str, place: Place, shape: Shape, parent: str) -> None:
        match shape:
            case Null() | Array() | Map():
                for inner in children(shape):
                    self._name_below(namespace, place, inner, parent)
            case Ref(name=name):
                self._name_below(namespace, place, self.facts.named[name], parent)
            case Object() | Enum():
                if self.find(namespace, place, shape) is None and (
                    isinstance(shape, Object) or len(shape.values) > LONG_ENUM
                ):
                    self._derive(namespace, place, shape, parent)
            case Union() if is_model_union(shape):
                if self.find(namespace, place, shape) is None:
                    self._derive(namespace, place, shape, parent)
            case Union():
                for label, variant in variants(shape):
                    self._name_below(namespace, place.variant(label), variant, parent)
            case _:
                pass

    def _name_inside(self, model: Model) -> None:
        match model.shape:
            case Object(fields=fields):
                for each in fields:
                    self._name_below(model.namespace, model.place.field(each.name), each.shape, model.name)
            case Union():
                for label, variant in variants(model.shape):
                    place = model.place.variant(label)
                    if isinstance(variant, Object) and self.find(model.namespace, place, variant) is None:
                        self._define(model.namespace, model.module, pascal(label) + model.name, place, variant)
                        self.find(model.namespace, place, variant)
            case _:
                pass

    def _derive(self, namespace: str, place: Place, shape: Object | Union | Enum, parent: str) -> None:
        """Name what names.toml does not list: by tool below `remote_fields`, else after its parent (with a warning)."""
        above = self.models.get((namespace, parent))
        module = above.module if above else next(m.module for m in self.methods if m.name == place.root)
        if place.tool:
            tool = self.config["tools"].get(place.tool, place.tool.capitalize())
            stem = parent.removesuffix("RemoteFields")
            name = f"{tool}{stem}Fields" if place.last == place.tool else f"{tool}{pascal(singular(place.last))}"
        else:
            name = (parent or pascal(place.root)) + (pascal(singular(place.last)) if place.path else "Answer")
            self.warnings.append(f"model {namespace}.{name}: {place} is not in names.toml")
        if (namespace, name) in self.models:
            name = (parent or pascal(place.root)) + pascal(place.last)
        self._define(namespace, module, name, place, shape)
        self.find(namespace, place, shape)

    def _ident(self, place: Place, shape: Shape) -> object:
        """Return what places must have in common to share a class."""
        return place.tool, place.incoming if self._sensitive(shape) else None, key(shape)

    def _sensitive(self, shape: Shape) -> bool:
        """Whether a shape is written otherwise in requests than in answers."""
        if isinstance(shape, Array | Ref) or (isinstance(shape, Scalar) and shape.kind in {"datetime", "date"}):
            return True
        return any(self._sensitive(each) for each in children(shape))


def is_model_union(union: Union) -> bool:
    """Whether a union is one of models, which gets a name, and not just an alternative in a field."""
    return bool(union.tag) or len(objects(union)) == len(union.variants)


def variants(union: Union) -> Iterator[tuple[str, Shape]]:
    """Yield the variants with what tells them apart: the tag, or else a field that only one has, or else a number."""
    for number, each in enumerate(union.variants):
        label = str(number)
        if isinstance(each, Object):
            tag = at(each, union.tag) if union.tag else None
            if isinstance(tag, Const):
                label = str(tag.value).lower() if isinstance(tag.value, bool) else tag.value
            elif is_model_union(union):
                others = [other for other in objects(union) if other is not each]
                label = next(f.name for f in each.fields if f.required and not any(o.get(f.name) for o in others))
        yield label, each


def pascal(text: str) -> str:
    """Turn snake_case, kebab-case or camelCase to PascalCase."""
    words = re.split(r"[^A-Za-z0-9]+", text)
    return "".join(
        word.capitalize() if word.isupper() and len(words) > 1 else word[:1].upper() + word[1:] for word in words
    )


def singular(word: str) -> str:
    """Return the singular of an English plural, as far as our names go."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word if word.endswith(("ss", "us", "Data")) else word.removesuffix("s")


def _namespaces(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, table in config.items():
        modules = {
            key: value
            for key, value in table.items()
            if isinstance(value, dict) and {"methods", "models"} & value.keys()
        }
        if modules and name not in {"read", "files"}:
            yield name, modules


def _derived_method(operation: Operation) -> Method:
    parts = [part for part in operation.path.strip("/").split("/") if not part.startswith("{")]
    space = {"ai-apply": "ai_apply"}.get(parts[0], parts[0])
    namespace = space if space in {"ats", "hris", "lms", "assessment", "ai_apply", "connect", "custom"} else "general"
    verb = {"GET": "get", "POST": "create", "PUT": "set", "PATCH": "update", "DELETE": "delete"}[operation.method]
    words = "_".join(parts[1:] if namespace == space and len(parts) > 1 else parts).replace("-", "_")
    one_more = "" if operation.method == "GET" and not operation.path.endswith("}") else singular(words)
    return Method(namespace, "other", f"{verb}_{one_more or words}", operation)
