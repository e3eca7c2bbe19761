"""Write the modules that hold models and requests."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.definitions import Method, Model, Place, variants
from codegen.names import Names
from codegen.shapes import Enum, Field, Object, Ref, Shape, Union, children
from codegen.text import HEADER, Glossary, Imports, docstring, python_name
from codegen.types import Types
from codegen.write_files import DATA, constructors

PACKED_ENUM = 24
"""Enums with more values than this have several values in a line."""


class Module:
    """One module being written: its models, and the requests about them."""

    def __init__(self, names: Names, glossary: Glossary, namespace: str, name: str) -> None:
        self.names, self.glossary, self.namespace, self.name = names, glossary, namespace, name
        self.models = [m for m in names.models.values() if (m.namespace, m.module) == (namespace, name)]
        self.methods = [m for m in names.methods if (m.namespace, m.module) == (namespace, name)]
        self.home = self.models[0].home if self.models else f"kombo_async.{namespace}.{name}"
        self.imports = Imports()
        self.types = Types(names, self.imports, namespace, self.home, "dt." if self._has_field_called_date() else "")

    def source(self) -> str:
        """Write the whole module."""
        enums = [self._enum(model, model.shape) for model in self.models if isinstance(model.shape, Enum)]
        classes = [self._class(model) for model in self._children_first()]
        classes += [*map(self._request, self.methods), *self.footer()]
        title = docstring(self.glossary.module(f"{self.namespace}.{self.name}".replace("shared.shared", "shared")), 0)
        head = f"{HEADER}{title}\n\nfrom __future__ import annotations\n\n{self.imports}\n\n"
        return head + "\n".join(enums) + "\n\n" + "\n\n\n".join(classes) + "\n"

    def footer(self) -> Iterator[str]:
        """Yield what comes last; events have something here."""
        yield from ()

    def documented(self, model: Model) -> str:
        """Return the docstring of a model."""
        verb = "take" if model.place.incoming else "return"
        otherwise = f"What `{model.place.root}` {verb}s as `{model.place.path}`." if model.place.path else ""
        return self.glossary.model(model.qualified, otherwise or f"What `{model.place.root}` returns.")

    # ------------------------------------------------------------------ parts

    def _has_field_called_date(self) -> bool:
        fields = [each.name for m in self.models if isinstance(m.shape, Object) for each in m.shape.fields]
        return "date" in fields

    def _children_first(self) -> list[Model]:
        """Order the models so that what a model holds stands before it."""
        done: dict[str, Model] = {}

        def visit(model: Model) -> None:
            if model.name in done or model.home != self.home or isinstance(model.shape, Enum):
                return
            pending.add(model.name)
            for inner in self._held(model):
                if inner.name not in pending:
                    visit(inner)
            done[model.name] = model

        pending: set[str] = set()
        for model in self.models:
            visit(model)
        return list(done.values())

    def _held(self, model: Model) -> Iterator[Model]:
        def below(place: Place, shape: Shape) -> Iterator[Model]:
            if found := self.names.find(self.namespace, place, shape):
                yield found
            elif not isinstance(shape, Object | Ref):
                for each in children(shape):
                    yield from below(place, each)

        if isinstance(model.shape, Object):
            for field in model.shape.fields:
                yield from below(model.place.field(field.name), field.shape)
        elif isinstance(model.shape, Union):
            for label, each in variants(model.shape):
                yield from below(model.place.variant(label), each)

    def _enum(self, model: Model, enum: Enum) -> str:
        self.imports.add("typing", "TypeAlias")
        doc = self.glossary.model(model.qualified, "")
        if len(enum.values) > PACKED_ENUM:
            text = f"# fmt: off\n{model.name}: TypeAlias = {self.types.packed(enum)}\n# fmt: on\n"
        else:
            text = f"{model.name}: TypeAlias = {self.types.enum(enum)}\n"
        return text + (docstring(doc, 0) + "\n" if doc else "")

    def _class(self, model: Model) -> str:
        if isinstance(model.shape, Union):
            return self._union(model, model.shape)
        assert isinstance(model.shape, Object)
        is_file = model.qualified in self.names.config["files"]["models"]
        self.imports.add("kombo_async.model", "Model", "model")
        lines = [f"@model\nclass {model.name}(Model):", docstring(self.documented(model))]
        wire = {python_name(f.name): f.name for f in model.shape.fields if python_name(f.name) != f.name}
        if wire:
            self.imports.add("typing", "ClassVar")
            self.imports.add("collections.abc", "Mapping")
            lines.append(f"\n    __wire_names__: ClassVar[Mapping[str, str]] = {wire!r}")
        lines.append("")
        recent = self.names.config["recent"]["fields"]
        annotations: dict[str, str] = {}
        for each in model.shape.fields:
            required = each.required and f"{model.qualified}.{each.name}" not in recent
            place = model.place.field(each.name)
            text = self.types.field(each, place, lazy=model.lazy, required=required)
            if is_file and each.name == "data":
                text = text.replace("str", DATA, 1)
            annotations[each.name] = text
            doc = self.glossary.field(model.qualified, each.name, deprecated=each.deprecated)
            lines.append(_field(each, text, doc))
        if is_file:
            docs = {name: self.glossary.field(model.qualified, name) for name in annotations}
            lines.append("\n" + constructors(annotations, docs, self.imports))
        return "\n".join(lines)

    def _union(self, model: Model, union: Union) -> str:
        self.imports.add("typing", "TYPE_CHECKING", "TypeAlias")
        self.imports.add("kombo_async.model", "UnknownVariant", "tagged_union")
        found = {label: self.types.text(each, model.place.variant(label)) for label, each in variants(union)}
        booleans = {"true": "True", "false": "False"}
        keys = ", ".join(f"{booleans.get(label) or repr(label)}: {name}" for label, name in found.items())
        return (
            f"if TYPE_CHECKING:\n    {model.name}: TypeAlias = {' | '.join([*found.values(), 'UnknownVariant'])}\n"
            f"{docstring(self.documented(model))}\n"
            f"else:\n    {model.name} = tagged_union({model.name!r}, {union.tag!r}, {{{keys}}})"
        )

    def _request(self, method: Method) -> str:
        operation = method.operation
        self.imports.add("typing", "ClassVar")
        self.imports.add("kombo_async.request", "Operation", "Request")
        self.imports.add("kombo_async.model", "model")
        answer = self.types.text(operation.answer, method.answers)
        if operation.paged:
            self.imports.add("kombo_async.pages", "Page")
            answer = f"Page[{answer}]"
        doc = self.glossary.operation(operation.id, f"{method.name.replace('_', ' ').capitalize()}.")
        doc += f"\n\n`{operation.method} {operation.path}`" + (" (deprecated)" if operation.deprecated else "")
        lines = [f"@model\nclass {method.request}(Request[{answer}]):", docstring(doc), ""]
        lines += [f"    operation: ClassVar[Operation] = {operation_call(method)}", ""]
        for each in method.fields:
            text = self.types.field(each, method.takes(each), lazy=True, required=each.required)
            if operation.ndjson:
                self.imports.add("collections.abc", "Iterable")
                text = text.replace("Sequence[", "Iterable[", 1)
            owner = f"{self.namespace}.{method.request}"
            doc = self.glossary.parameter(owner, each.name, operation, deprecated=each.deprecated)
            lines.append(_field(each, text, doc))
        return "\n".join(lines)


def _field(field: Field, annotation: str, doc: str) -> str:
    line = f"    {python_name(field.name)}: {annotation}"
    return f"{line}\n{docstring(doc)}" if doc else line


class EventsModule(Module):
    """The module of the webhooks' payloads."""

    def documented(self, model: Model) -> str:
        """Return the docstring of a payload, or of a part of it."""
        if model.place.path:
            return self.glossary.model(model.qualified, f"What `{model.place.root}` carries as `{model.place.path}`.")
        return self.glossary.event(model.place.root, f"Kombo sends `{model.place.root}`.")

    def footer(self) -> Iterator[str]:
        """Yield the list of all events, by their type."""
        self.imports.add("collections.abc", "Mapping")
        events = [(m.place.root, m.name) for m in self.models if not m.place.path and isinstance(m.shape, Object)]
        self.imports.add("kombo_async.model", "JSON", "Model", "model")
        self.imports.add("typing", "Literal", "TypeAlias", "TypeVar")
        entries = "".join(f"    {event!r}: {name},\n" for event, name in events)
        yield UNKNOWN_EVENT
        yield f'EVENTS: Mapping[str, type[Model]] = {{\n{entries}}}\n"""The class of each type of event."""'
        union = " | ".join([*(name for _, name in events), "UnknownEvent"])
        yield f'Event: TypeAlias = {union}\n"""The tagged union of all events: `match` on it is exhaustive."""'
        yield 'EventT = TypeVar("EventT", bound=Event)'
        types = "".join(f"    {event!r},\n" for event, _ in events)
        yield f'EventType: TypeAlias = Literal[\n{types}]\n"""The types of events that this version knows."""'


UNKNOWN_EVENT = '''
@model
class UnknownEvent(Model):
    """An event of a type that this version does not know."""

    id: str
    """ID of the event. A repeated delivery has the same ID."""
    type: str
    """Kombo's name for the type."""
    data: JSON
    """The data of the event, as Kombo sent it."""
'''.strip()

SUBSCRIPTIONS = '''
class EventSubscriptions(ABC):
    """Registers handlers by type of event; each is typed with the event that it gets."""

{overloads}

    def on(self, type: str) -> Any:
        """Decorate a function that handles events of *type*. Several functions for one type run one after the other.

        Events of types that this version does not know are `UnknownEvent`s.
        """

        def register(handler: Handler[Any]) -> Handler[Any]:
            self._register(type, handler)
            return handler

        return register

    @abstractmethod
    def _register(self, type: str, handler: Handler[Any]) -> None: ...
'''.strip()


def subscriptions(names: Names) -> str:
    """Write the typed `on()` of webhooks: an overload for each type of event."""
    models = [m for m in names.models.values() if m.namespace == "webhooks" and not m.place.path]
    events = [(m.place.root, m.name) for m in models if isinstance(m.shape, Object)]
    known = [(f"Literal[{event!r}]", f"events.{name}") for event, name in events]
    overloads = "\n".join(
        f"    @overload\n    def on(self, type: {type}) -> HandlerOf[{event}]: ..."
        for type, event in (*known, ("str", "Any"))
    )
    return (
        f'{HEADER}"""The typed `on()` of webhook receivers."""\n\nfrom __future__ import annotations\n\n'
        "from abc import ABC, abstractmethod\nfrom collections.abc import Awaitable, Callable\n"
        "from typing import Any, Literal, TypeAlias, overload\n\n"
        "from kombo_async._generated import events\nfrom kombo_async._generated.events import EventT\n\n"
        "Handler: TypeAlias = Callable[[EventT], Awaitable[None]]\n"
        "HandlerOf: TypeAlias = Callable[[Handler[EventT]], Handler[EventT]]\n"
        '"""A decorator for handlers of one class of events."""\n\n\n'
        + SUBSCRIPTIONS.format(overloads=overloads)
        + "\n"
    )


def operation_call(method: Method) -> str:
    """Write the `Operation(...)` of a request."""
    operation = method.operation
    body = operation.body
    renamed = tuple(each.name for each in body or () if _renames(each.shape))
    arguments = {
        "id": operation.id,
        "method": operation.method,
        "path": operation.path,
        "action": operation.action or None,
        "paged": operation.paged or None,
        "integration": None if operation.integration else False,
        "query": tuple(each.name for each in operation.query) or None,
        "body": None if body is None else tuple(each.name for each in body),
        "ndjson": operation.ndjson or None,
        "renamed": renamed or None,
        "timeout": operation.timeout,
        "max_body_bytes": operation.max_body_bytes,
        "blind_spots": operation.blind_spots or None,
    }
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items() if value is not None)
    return f"Operation({given})"


def _renames(shape: Shape) -> bool:
    """Whether some field inside has a wire name that is no identifier."""
    if isinstance(shape, Object) and any(python_name(each.name) != each.name for each in shape.fields):
        return True
    return any(_renames(each) for each in children(shape))
