"""Which shape becomes which class: as names.toml says, otherwise by rule."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

from codegen.definitions import Method, Model, Named, Place, is_model_union, variants
from codegen.read import Facts, Operation
from codegen.rules import method_of, pascal, singular
from codegen.shapes import Array, Enum, Object, Ref, Scalar, Shape, Union, children, key

LONG_ENUM = 8
"""Enums with more values than this get their own class, named or not."""

Config: TypeAlias = Mapping[str, Any]


class Names:
    """All classes and methods; `warnings` lists what is missing from names.toml."""

    def __init__(self, config: Config, facts: Facts) -> None:
        self.config, self.facts = config, facts
        self.warnings: list[str] = []
        self.methods = [self._method(operation) for operation in facts.operations]
        self.models: dict[tuple[str, str], Model] = {}
        self.exports: dict[str, dict[str, Model]] = {}
        """The classes that each namespace uses, its own and borrowed ones."""
        self._at: dict[Place, Model] = {}
        self._by_ident: dict[tuple[str, object], Model] = {}
        self._todo: deque[Model] = deque()
        roots = list(self._roots())
        self._define_configured(roots)
        for place, shape in roots:
            self._name_below(place.namespace, place, shape, parent="")
        while self._todo:
            self._name_inside(self._todo.popleft())

    def find(self, namespace: str, place: Place, shape: Shape) -> Model | None:
        """Return the class of *shape* at *place*, None if it has none."""
        if isinstance(shape, Ref):
            shape = self.facts.named[shape.name]
        if not isinstance(shape, Object | Union | Enum):
            return None
        ident = self._ident(place, shape)
        spaces = (namespace, *self.config["borrows"].get(namespace, ()))
        found = self._at.get(place) or next((m for s in spaces if (m := self._by_ident.get((s, ident)))), None)
        if found and namespace != "shared":
            self.exports.setdefault(namespace, {})[found.name] = found
        return found

    # ------------------------------------------------------------------ what names.toml says

    def _tables(self, kind: str) -> Iterator[tuple[str, str, str, Any]]:
        """Yield the entries of all tables of methods or models: namespace, module, name, value."""
        for namespace, modules in self.config.items():
            for module, tables in cast("Config", modules).items():
                if isinstance(tables, dict) and isinstance(entries := cast("Config", tables).get(kind), dict):
                    for name, value in cast("Config", entries).items():
                        yield namespace, module, name, value

    def _method(self, operation: Operation) -> Method:
        for namespace, module, name, known in self._tables("methods"):
            if known == operation.id:
                return Method(namespace, module, name, operation)
        namespace, name = method_of(operation)
        if any((namespace, name) == (space, known) for space, _, known, _ in self._tables("methods")):
            name = operation.id.lower()
        self.warnings.append(f"method {namespace}.{name}: {operation.id} is not in names.toml")
        return Method(namespace, "other", name, operation)

    def _roots(self) -> Iterator[tuple[Place, Shape]]:
        for method in self.methods:
            for each in method.fields:
                yield method.takes(each), each.shape
            yield method.answers, method.operation.answer
        for event, payload in self.facts.events.items():
            yield Place("webhooks", event), payload

    def _define_configured(self, roots: list[tuple[Place, Shape]]) -> None:
        wanted: dict[tuple[str, str], tuple[str, str, str]] = {}
        for namespace, module, name, paths in self._tables("models"):
            for path in [paths] if isinstance(paths, str) else cast("list[str]", paths):
                space, _, rest = path.rpartition(":") if namespace == "shared" else (namespace, "", path)
                wanted[space, rest] = (namespace, module, name)
        for root, shape in roots:
            for place, inner in self._walk(root, shape):
                if home := wanted.pop((place.namespace, str(place)), None):
                    self._define(*home, place, inner)
        for (space, path), (namespace, _, name) in wanted.items():
            self.warnings.append(f"model {namespace}.{name}: the document has nothing at {space}:{path}")

    def _walk(self, place: Place, shape: Shape, above: frozenset[str] = frozenset()) -> Iterator[tuple[Place, Named]]:
        """Yield everything below *place* that may have a class."""
        match shape:
            case Ref(name=name):
                if name not in above:
                    yield from self._walk(place, self.facts.named[name], above | {name})
            case Object(fields=fields):
                yield place, shape
                for each in fields:
                    yield from self._walk(place.field(each.name), each.shape, above)
            case Union():
                if is_model_union(shape):
                    yield place, shape
                for label, variant in variants(shape):
                    yield from self._walk(place.variant(label), variant, above)
            case Enum():
                yield place, shape
            case _:
                for inner in children(shape):
                    yield from self._walk(place, inner, above)

    def _define(self, namespace: str, module: str, name: str, place: Place, shape: Named) -> None:
        ident = self._ident(place, shape)
        model = self.models.get((namespace, name))
        if model is None:
            lazy = place.incoming and self._differs_by_direction(shape)
            model = self.models[namespace, name] = Model(namespace, module, name, place, shape, lazy, ident)
            self._todo.append(model)
        elif model.ident != ident:
            self.warnings.append(f"model {namespace}.{name}: {model.place} and {place} are no longer the same")
            return
        if namespace in {place.namespace, "shared"}:
            self._at[place] = model
        self._by_ident.setdefault((namespace, ident), model)
        self.find(namespace, place, shape)

    # ------------------------------------------------------------------ what the rules say

    def _name_below(self, namespace: str, place: Place, shape: Shape, parent: str) -> None:
        """Make sure that everything that needs a class has one; nested shapes come later."""
        match shape:
            case Ref(name=name):
                self._name_below(namespace, place, self.facts.named[name], parent)
            case Object() | Enum() | Union() if self.find(namespace, place, shape):
                pass
            case Enum(values=values):
                if len(values) > LONG_ENUM:
                    self._derive(namespace, place, shape, parent)
            case Object():
                self._derive(namespace, place, shape, parent)
            case Union() if is_model_union(shape):
                self._derive(namespace, place, shape, parent)
            case Union():
                for label, variant in variants(shape):
                    self._name_below(namespace, place.variant(label), variant, parent)
            case _:
                for inner in children(shape):
                    self._name_below(namespace, place, inner, parent)

    def _name_inside(self, model: Model) -> None:
        if isinstance(model.shape, Object):
            for each in model.shape.fields:
                self._name_below(model.namespace, model.place.field(each.name), each.shape, model.name)
        elif isinstance(model.shape, Union):
            for label, variant in variants(model.shape):
                place = model.place.variant(label)
                if isinstance(variant, Object) and not self.find(model.namespace, place, variant):
                    self._define(model.namespace, model.module, pascal(label.lower()) + model.name, place, variant)

    def _derive(self, namespace: str, place: Place, shape: Named, parent: str) -> None:
        """Name what names.toml does not list: by tool below `remote_fields`, else after its parent (with a warning)."""
        above = self.models.get((namespace, parent))
        own = next((each.module for each in self.methods if each.name == place.root), "events")
        last = pascal(singular(place.last)) if place.path else "Answer"
        if place.tool:
            tool = self.config["tools"].get(place.tool, place.tool.capitalize())
            stem = parent.removesuffix("RemoteFields")
            name = f"{tool}{stem}Fields" if place.last == place.tool else f"{tool}{last}"
        else:
            name = (parent or pascal(place.root)) + last
        while (namespace, name) in self.models:
            name += "Variant"
        if not place.tool or not above:
            self.warnings.append(f"model {namespace}.{name}: {place} is not in names.toml")
        self._define(namespace, above.module if above else own, name, place, shape)

    def _ident(self, place: Place, shape: Shape) -> object:
        """Return the key that places must share to share a class; one tool's fields are not another's."""
        return place.tool, place.incoming if self._differs_by_direction(shape) else None, key(shape)

    def _differs_by_direction(self, shape: Shape) -> bool:
        """Whether a shape is written differently in requests and responses: lists and times are."""
        if isinstance(shape, Array | Ref) or (isinstance(shape, Scalar) and shape.kind in {"datetime", "date"}):
            return True
        return any(self._differs_by_direction(each) for each in children(shape))
