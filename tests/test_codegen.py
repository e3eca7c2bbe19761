"""The code generator and its output: complete, valid at run time, and the same from either kind of document."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import attrs
import msgspec
import pytest

import kombo_async
from codegen.__main__ import main
from codegen.read import read
from codegen.schema import Schemas
from codegen.shapes import ANY, STR, Array, Const, Enum, Field, Map, Null, Object, Ref, Scalar, Union
from codegen.text import HEADER, docstring
from codegen.write import generate
from kombo_async import ai_apply, ats, hris
from kombo_async._generated.events import EVENTS
from kombo_async._generated.operations import REQUESTS
from kombo_async.request import Operation, Request, data_type
from tests.conftest import OPENAPI, needs_openapi
from tests.support.published import PROSE, published, required_additions

PACKAGE = Path(kombo_async.__file__).parent
NAMESPACES = ("ats", "hris", "lms", "assessment", "ai_apply", "connect", "general", "custom")


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(OPENAPI.read_text("utf-8"))


@pytest.fixture(scope="module")
def files(document: Any) -> dict[str, str]:
    return generate(document)[0]


def generated_modules() -> Iterator[Any]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.read_text("utf-8").startswith(HEADER):
            name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            yield importlib.import_module(name.removesuffix(".__init__"))


def generated_classes() -> Iterator[type]:
    for module in generated_modules():
        yield from (each for each in vars(module).values() if attrs.has(each) and each.__module__ == module.__name__)


# ---------------------------------------------------------------------- what was generated


@needs_openapi
def test_every_operation_has_its_request_class(document: Any) -> None:
    """Each operationId of the document leads to a request with that operation."""
    described = {
        operation["operationId"]: (method.upper(), path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert len(described) == 127
    assert set(REQUESTS) == set(described)
    for name, request in REQUESTS.items():
        assert issubclass(request, Request)
        assert (request.operation.id, request.operation.method, request.operation.path) == (name, *described[name])


@needs_openapi
def test_every_webhook_has_its_event(document: Any) -> None:
    """Each webhook of the document has a class, whose `type` is the webhook's name."""
    assert len(EVENTS) == 12
    assert set(EVENTS) == set(document["webhooks"])
    for name, event in EVENTS.items():
        assert typing.get_type_hints(event)["type"] == typing.Literal[name]


def test_every_request_has_a_method_and_is_exported() -> None:
    """A namespace exports the request class, and its resource has the method of that name."""
    for request in REQUESTS.values():
        namespace = importlib.import_module(request.__module__.rpartition(".")[0])
        assert getattr(namespace, request.__name__) is request
        module = importlib.import_module(f"{namespace.__name__}.resource")
        (resource,) = (each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__)
        assert request.__name__.lower() in {name.replace("_", "") for name in vars(resource)}


def methods() -> Iterator[tuple[str, Any]]:
    """All public methods of the resources, with their names."""
    for namespace in NAMESPACES:
        module = importlib.import_module(f"kombo_async.{namespace}.resource")
        (resource,) = (each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__)
        for name, method in vars(resource).items():
            if not name.startswith("_"):
                yield f"{namespace}.{name}", method


def doc_of(method: Any) -> str:
    return inspect.getdoc(method) or ""


def test_methods_explain_each_parameter() -> None:
    """Every method's docstring explains each parameter, since editors show it."""
    for name, method in methods():
        told = re.findall(r"^    (\w+): (.+)$", doc_of(method).partition("Args:")[2], re.MULTILINE)
        parameters = [each for each in inspect.signature(method).parameters if each != "self"]
        assert [each for each, _ in told] == parameters, name


def test_no_two_methods_say_the_same() -> None:
    """No two methods have the same docstring, not even two names of one call."""
    told: dict[tuple[str, str], str] = {}
    for name, method in methods():
        namespace = name.partition(".")[0]
        text = doc_of(method).partition("Args:")[0]
        assert (namespace, text) not in told, f"{name} says the same as {told.get((namespace, text))}"
        told[namespace, text] = name


def test_second_names_of_calls_are_the_same_calls() -> None:
    """`get_ats_attachments` and its like take what the first name takes, and send the same request."""
    found = dict(methods())
    second = {"ats": ["attachments", "scorecards"], "hris": ["pay_runs", "payslips"], "assessment": ["orders"]}
    for namespace, names in second.items():
        for name in names:
            first, other = found[f"{namespace}.get_{name}"], found[f"{namespace}.get_{namespace}_{name}"]
            assert inspect.signature(first) == inspect.signature(other)
            assert first.__code__.co_code == other.__code__.co_code
            assert f"`get_{name}`" in doc_of(other)


def test_deprecated_calls_say_so() -> None:
    """Type checkers and readers learn what to use instead; nothing else is marked."""
    marked = {name: method for name, method in methods() if hasattr(method, "__deprecated__")}
    deprecated = {
        f"{request.__module__.split('.')[1]}.{each}"
        for request in REQUESTS.values()
        if "(deprecated)" in (request.__doc__ or "")
        for each in [re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", request.__name__).lower()]
    }
    assert len(deprecated) == 8
    assert set(marked) == deprecated
    assert "`get_groups`" in marked["hris.get_teams"].__deprecated__
    for name, method in marked.items():
        assert "Deprecated" in doc_of(method), name


def test_files_take_what_their_model_has() -> None:
    """`from_path`, `from_bytes` and `from_stream` have real parameters: those of the file, then the model's own."""
    sources = {"from_path": ["path"], "from_bytes": ["data", "name"], "from_stream": ["open", "size", "name"]}
    for model, own in ((ats.AttachmentInput, ["type"]), (hris.FileInput, []), (ai_apply.AnswerFile, [])):
        for name, source in sources.items():
            signature = inspect.signature(getattr(model, name))
            assert {*signature.parameters} == {*source, *own, "name", "content_type"}
            required = [each.name for each in signature.parameters.values() if each.default is each.empty]
            assert required == [*source, *own]
    hint = typing.get_type_hints(ats.AttachmentInput.from_path)["type"]
    assert set(typing.get_args(typing.get_args(hint)[0])) == {"CV", "COVER_LETTER", "OTHER"}


def test_the_table_of_operations_is_a_mapping() -> None:
    """It can be iterated and counted, and raises `KeyError` for unknown names."""
    assert len(REQUESTS) == len(list(REQUESTS)) == 127
    assert "PostAtsCandidates" in REQUESTS
    with pytest.raises(KeyError):
        REQUESTS["PostAtsNothing"]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_each_namespace_gives_all_its_names(namespace: str) -> None:
    """Every name in `dir` can be imported; other names raise as usual."""
    package = importlib.import_module(f"kombo_async.{namespace}")
    for name in dir(package):
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="Nothing"):
        package.Nothing  # noqa: B018


def test_all_annotations_resolve() -> None:
    """`typing.get_type_hints` works for each class, without help."""
    count = 0
    for cls in generated_classes():
        hints = typing.get_type_hints(cls)
        assert {field.name for field in attrs.fields(cls)} <= set(hints)
        count += 1
    assert count > 400


def test_msgspec_accepts_every_answer() -> None:
    """msgspec can make a decoder for each response and each event."""
    for request in REQUESTS.values():
        msgspec.json.Decoder(data_type(request), dec_hook=lambda _, value: value)
    for event in EVENTS.values():
        msgspec.json.Decoder(event, dec_hook=lambda _, value: value)


def test_operations_name_fields_of_their_requests() -> None:
    """Path, body and query parameters are exactly the fields of the request class."""
    for request in REQUESTS.values():
        operation: Operation = request.operation
        names = (*operation.path_parts[1::2], *(operation.body or ()), *operation.query)
        assert [field.name for field in attrs.fields(cast("Any", request))] == list(names)
        assert set(operation.renamed) <= set(operation.body or ())


def test_only_left_out_is_a_default() -> None:
    """No field has a default other than UNSET: what a caller writes is sent."""
    for cls in generated_classes():
        for field in attrs.fields(cls):
            assert field.default in (attrs.NOTHING, kombo_async.UNSET), f"{cls.__name__}.{field.name}"


@needs_openapi
def test_late_additions_may_be_missing(document: Any) -> None:
    """Fields that older payloads lack are optional, though the document requires them."""
    late = set(required_additions(document))
    assert late
    for name, key in late:
        request = REQUESTS[name.removesuffix("PositiveResponse")]
        package = request.__module__.rpartition(".")[0]
        holders = [each for each in generated_classes() if each.__module__.startswith(package)]
        fields = [field for each in holders for field in attrs.fields(each) if field.name == key]
        assert any(field.default is kombo_async.UNSET for field in fields), f"{name}: {key}"


# ---------------------------------------------------------------------- the generator


@needs_openapi
def test_the_package_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` passes for the package as it is, and names.toml has a name for everything in the document."""
    assert main([str(OPENAPI), "--check"]) == 0
    assert capsys.readouterr().err == ""


@needs_openapi
def test_a_second_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Running it twice changes nothing."""
    assert main([str(OPENAPI), "--output", str(tmp_path)]) == 0
    assert main([str(OPENAPI), "--output", str(tmp_path), "--check"]) == 0
    capsys.readouterr()
    assert main([str(OPENAPI), "--output", str(tmp_path)]) == 0
    assert "0 changed" in capsys.readouterr().out


@needs_openapi
def test_check_names_what_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A changed, missing or left-over file fails the check; hand-written files are ignored."""
    main([str(OPENAPI), "--output", str(tmp_path)])
    (tmp_path / "ats" / "jobs.py").write_text("# changed\n")
    (tmp_path / "hris" / "groups.py").unlink()
    (tmp_path / "hris" / "gone.py").write_text(HEADER)
    (tmp_path / "client.py").write_text("# by hand\n")
    capsys.readouterr()
    assert main([str(OPENAPI), "--output", str(tmp_path), "--check"]) == 1
    names = ["ats/jobs.py", "hris/gone.py", "hris/groups.py"]
    assert capsys.readouterr().err.splitlines() == [f"stale: {name}" for name in names]
    main([str(OPENAPI), "--output", str(tmp_path)])
    assert not (tmp_path / "hris" / "gone.py").exists()
    assert (tmp_path / "client.py").exists()


@needs_openapi
def test_the_published_document_gives_the_same(document: Any, files: dict[str, str]) -> None:
    """The published document needs no hints, and its dialect makes no difference."""
    found, warnings = generate(published(document))
    assert warnings == []
    assert {name for name in files if files[name] != found.get(name)} == set()
    assert found == files


@needs_openapi
def test_no_prose_is_copied(document: Any) -> None:
    """No description from the document ends up in the code."""
    assert not [name for name, text in generate(published(document))[0].items() if PROSE in text]


@needs_openapi
def test_something_new_gets_a_name_and_a_warning(document: Any) -> None:
    """A newer document can be generated; names missing from names.toml are listed."""
    newer = json.loads(json.dumps(document))
    room = {"type": "object", "properties": {"floor": {"type": "integer"}}, "required": ["floor"]}
    data = {"type": "object", "properties": {"rooms": {"type": "array", "items": room}}, "required": ["rooms"]}
    content = {"application/json": {"schema": {"type": "object", "properties": {"data": data}}}}
    operation = {"operationId": "GetHrisMeetingRooms", "responses": {"200": {"content": content}}}
    newer["paths"]["/hris/meeting-rooms"] = {"get": operation}
    found, warnings = generate(newer)
    assert warnings == [
        "method hris.get_meeting_rooms: GetHrisMeetingRooms is not in names.toml",
        "model hris.GetMeetingRoomsAnswer: get_meeting_rooms is not in names.toml",
        "model hris.GetMeetingRoomsAnswerRoom: get_meeting_rooms.rooms is not in names.toml",
    ]
    assert "class GetMeetingRooms(Request[GetMeetingRoomsAnswer]):" in found["hris/other.py"]
    assert "floor: int" in found["hris/other.py"]


def test_the_request_of_a_write_waits_for_the_connected_system() -> None:
    """Without hints, an action is an operation that documents warnings, or writes to a connected system."""

    def operation(name: str, warnings: bool = False) -> Any:
        properties = {"data": {"type": "object"}, **({"warnings": {"type": "array"}} if warnings else {})}
        content = {"application/json": {"schema": {"type": "object", "properties": properties}}}
        return {"operationId": name, "responses": {"200": {"content": content}}}

    paths = {
        "/hris/skills": {"get": operation("read"), "post": operation("write")},
        "/custom/check": {"get": operation("warned", warnings=True)},
        "/connect/create-link": {"post": operation("platform")},
    }
    facts = read({"paths": paths}, {})
    assert {each.id: each.action for each in facts.operations} == {
        "read": False,
        "write": True,
        "warned": True,
        "platform": False,
    }


# ---------------------------------------------------------------------- schemas


def shape_of(schema: Any, **components: Any) -> Any:
    untyped = {"day": {"type": ["string", "null"], "format": "date"}}
    return Schemas({"components": {"schemas": components}}, untyped).shape(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"type": "string", "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "string"}, {"enum": [None]}]},
        {"anyOf": [{"type": "string", "nullable": True}, {"type": "string"}]},
        {"$ref": "#/components/schemas/Text"},
        {"allOf": [{"$ref": "#/components/schemas/Text"}]},
    ],
)
def test_null_is_null_however_it_is_written(schema: Any) -> None:
    """All these say "text or null"."""
    assert shape_of(schema, Text={"type": "string", "nullable": True}) == Null(STR)


@pytest.mark.parametrize(
    ("schema", "shape"),
    [
        ({"type": "string", "enum": ["A", "B"]}, Enum(("A", "B"))),
        ({"anyOf": [{"type": "string", "enum": ["A"]}, {"type": "string"}]}, Enum(("A",))),
        ({"type": ["string", "null"], "enum": ["A", None]}, Null(Enum(("A",)))),
        ({"type": ["string", "null"], "enum": ["A"]}, Null(Enum(("A",)))),
        ({"type": "boolean", "const": False}, Const(False)),
        ({"type": "boolean", "enum": [True]}, Const(True)),
        ({"type": "string", "format": "date-time"}, Scalar("datetime")),
        ({"type": "string", "format": "uri"}, STR),
        ({"type": "null"}, ANY),
        ({}, ANY),
        ({"type": "object"}, Map(ANY)),
        ({"type": "object", "additionalProperties": {"type": "string"}}, Map(STR)),
        (
            {
                "anyOf": [
                    {"type": "array", "items": {"type": "string"}},
                    {"type": "array", "items": {"type": "boolean"}},
                ]
            },
            Array(Union((STR, Scalar("bool")))),
        ),
    ],
)
def test_plain_schemas(schema: Any, shape: Any) -> None:
    """Each way of writing a value comes down to its shape."""
    assert shape_of(schema) == shape


def test_all_of_holds_together_at_every_depth() -> None:
    """If two parts describe the same property, both apply."""
    one = {"type": "object", "properties": {"tool": {"type": "object", "properties": {"a": {"type": "string"}}}}}
    two = {"properties": {"tool": {"properties": {"b": {"type": "string"}}, "required": ["b"]}}, "required": ["tool"]}
    tool = Object((Field("a", STR), Field("b", STR, required=True)))
    assert shape_of({"allOf": [one, two]}) == Object((Field("tool", tool, required=True),))


def test_a_property_of_null_alone_takes_the_known_schema() -> None:
    """A type of only null means "anything", unless we know better."""
    schema = {"type": "object", "properties": {"day": {"type": "null"}, "thing": {"type": "null"}}}
    assert shape_of(schema) == Object((Field("day", Null(Scalar("date"))), Field("thing", ANY)))


def test_variants_are_told_apart_by_a_constant() -> None:
    """The constant may be a level deeper, and there may be a single variant."""

    def answer(kind: str) -> Any:
        question = {"type": "object", "properties": {"type": {"const": kind}, "n": {"type": "integer"}}}
        return {"type": "object", "properties": {"question": question}}

    assert shape_of({"anyOf": [answer("A"), answer("B")]}).tag == "question.type"
    flat = {"type": "object", "properties": {"kind": {"const": "A"}}}
    assert shape_of({"oneOf": [flat], "discriminator": {"propertyName": "kind"}}).tag == "kind"


def test_recursion_is_kept_by_name_and_any_json_is_seen_through() -> None:
    """A tree refers to itself; a schema that amounts to any JSON is just that."""
    children = {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}
    node = {"type": "object", "properties": {"children": children}}
    assert shape_of({"$ref": "#/components/schemas/Node"}, Node=node) == Ref("Node")
    mapping = {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Json"}}
    anything = {"anyOf": [{"type": "string"}, mapping]}
    assert shape_of({"$ref": "#/components/schemas/Json"}, Json=anything) == ANY


def test_docstrings_are_safe_and_fit() -> None:
    """Quotes and backslashes do not end a docstring early, and long ones are wrapped."""
    text = docstring('Say """this""" with a \\ in it. ' * 8)
    namespace: dict[str, Any] = {}
    exec(f"class A:\n{text}\n", namespace)  # the text is ours
    assert "'''this'''" in namespace["A"].__doc__
    assert max(len(line) for line in text.splitlines()) <= 120
