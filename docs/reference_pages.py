"""The reference: pages of Markdown that are written from docstrings and from the command line's own help.

A Sphinx extension. It writes `docs/reference/` before Sphinx reads its sources; the folder is not kept in git.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import griffe
import public_api

if TYPE_CHECKING:
    from sphinx.application import Sphinx

Found: TypeAlias = griffe.Object | griffe.Alias

PAGES = {
    "client": ("The client, answers and failures", ["kombo_async"]),
    "building-blocks": (
        "Settings, requests and files",
        [
            "options",
            "request",
            "response",
            "model",
            "pages",
            "errors",
            "middleware",
            "attachments",
            "operations",
            "shared_limits",
        ],
    ),
    "bulk": ("Bulk and journals", ["bulk"]),
    "mirror": ("The mirror", ["mirror"]),
    "webhooks": ("Webhooks", ["webhooks"]),
    "sandbox": ("The sandbox", ["sandbox"]),
    "contrib": ("FastAPI, aiohttp, taskiq, OpenTelemetry", ["contrib"]),
}
"""By page: its title and the modules that it holds."""
NAMESPACES = ("ats", "hris", "lms", "assessment", "ai_apply", "connect", "general", "custom")


def write(folder: Path) -> None:
    """Write all pages into *folder*; what has not changed is left alone, so that Sphinx need not read it again."""
    package = public_api.load()
    pages: dict[str, str] = {}
    for page, (title, names) in PAGES.items():
        pages[page] = f"# {title}\n\n" + "".join(_modules(package, names))
    for name in NAMESPACES:
        namespace = package[name]
        pages[name] = "".join(_operations(namespace))
        pages[f"{name}-models"] = "".join(_models(namespace))
    pages["command-line"] = "".join(_commands())
    pages["index"] = _index(package)
    folder.mkdir(exist_ok=True)
    for stale in set(folder.glob("*.md")) - {folder / f"{page}.md" for page in pages}:
        stale.unlink()
    for page, text in pages.items():
        target = folder / f"{page}.md"
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


def _index(package: griffe.Module) -> str:
    order = [*PAGES, *(each for name in NAMESPACES for each in (name, f"{name}-models")), "command-line"]
    return (
        "# Reference\n\nMade from the docstrings of the package, so it says what your editor says.\n"
        "A module without an underscore in its path is public, and so are the names in it.\n\n"
        "```{toctree}\n:maxdepth: 1\n\n" + "\n".join(order) + "\n```\n"
    )


def _modules(package: griffe.Module, names: list[str]) -> Iterator[str]:
    for name in names:
        if name == "kombo_async":
            yield from _module(package, skip=frozenset(package.modules))
        elif name in package.modules:
            for module in public_api.modules(package.modules[name]):
                yield from _module(module, skip=_at_root(package))


def _at_root(package: griffe.Module) -> frozenset[str]:
    """The names that the first page shows already."""
    return frozenset(str(name) for name in package.exports or ())


def _module(module: griffe.Module, skip: frozenset[str]) -> Iterator[str]:
    shown = [(name, found) for name, found in public_api.names(module) if name not in skip]
    if not shown:
        return
    yield f"## Module `{module.path}`\n\n{_text(module)}"
    for name, found in shown:
        yield from _object(name, found, "###")


def _operations(namespace: griffe.Module) -> Iterator[str]:
    resource = namespace.modules["resource"]
    (of,) = (found for found in resource.classes.values() if not found.is_alias)
    yield f"# `kombo.{namespace.name}`\n\n{_text(of)}"
    call = f"kombo.{namespace.name}.get_x(...)` is `kombo.send({namespace.name}.GetX(...))"
    yield f"Each method is also a value: `{call}`. Every parameter with `Unset` may be left out.\n\n"
    for name, method in public_api.members(of):
        if name != "__init__":
            yield from _object(name, method, "##")


def _models(namespace: griffe.Module) -> Iterator[str]:
    yield f"# Models of `{namespace.path}`\n\nRequests and records. A field with `Unset` may be left out.\n\n"
    for name, found in sorted(public_api.names(namespace)):
        yield from _object(name, found, "##")


def _object(name: str, found: Found, heading: str) -> Iterator[str]:
    if found.is_alias:
        assert isinstance(found, griffe.Alias)
        try:
            found = found.final_target
        except griffe.AliasResolutionError:
            return
    if isinstance(found, griffe.Class):
        yield from _class(name, found, heading)
    elif isinstance(found, griffe.Function):
        yield f"{heading} `{name}`\n\n{_signature(name, found)}{_text(found)}"
    elif isinstance(found, griffe.Attribute):
        yield f"{heading} `{name}`\n\n{_code(_declared(name, found))}{_text(found)}"


def _class(name: str, of: griffe.Class, heading: str) -> Iterator[str]:
    bases = ", ".join(base for base in public_api.base_names(of) if base not in ("Model", "Protocol", "TypedDict"))
    yield f"{heading} `{name}`\n\n" + (f"A {_literal(bases)}.\n\n" if bases else "")
    init = of.members.get("__init__")
    if isinstance(init, griffe.Function):
        yield _signature(name, init).replace("def ", "class ", 1)
    yield _text(of)
    methods: list[tuple[str, griffe.Function]] = []
    fields: list[str] = []
    for member_name, member in public_api.members(of):
        if isinstance(member, griffe.Function) and member_name != "__init__":
            methods.append((member_name, member))
        elif isinstance(member, griffe.Attribute) and member_name != "operation":
            fields.append(_field(member_name, member))
    if fields:
        yield "\n".join(fields) + "\n\n"
    for member_name, method in methods:
        if method.docstring is not None:
            yield f"**`{name}.{member_name}`**\n\n{_signature(member_name, method)}{_text(method)}"


def _field(name: str, of: griffe.Attribute) -> str:
    told = " ".join(of.docstring.value.split()) if of.docstring else ""
    return (
        f"- `{name}`" + (f": {_literal(str(of.annotation))}" if of.annotation else "") + (f". {told}" if told else "")
    )


def _declared(name: str, of: griffe.Attribute) -> str:
    value = "" if of.value is None or "property" in of.labels else f" = {of.value}"
    return name + (f": {of.annotation}" if of.annotation else "") + (value if len(value) < 2000 else " = ...")


def _signature(name: str, of: griffe.Function) -> str:
    if "property" in of.labels:
        return _code(f"{name}: {of.returns}")
    given = public_api.signature(of)
    begin = ("async " if "async" in of.labels else "") + f"def {name}("
    end = f") -> {of.returns}" if of.returns is not None and of.name != "__init__" else ")"
    line = begin + ", ".join(given) + end
    return _code(line if len(line) <= 96 else begin + "".join(f"\n    {each}," for each in given) + f"\n{end}")


def _code(text: str) -> str:
    return f"```{{code-block}} text\n{text}\n```\n\n" if "{" in text else f"```python\n{text}\n```\n\n"


def _literal(text: str) -> str:
    return f"`{text}`" if text else ""


def _text(of: Found) -> str:
    """The docstring as Markdown, with its lists of arguments and errors."""
    if of.docstring is None:
        return ""
    parts: list[str] = []
    for section in of.docstring.parsed:
        match section.kind.value:
            case "text":
                parts.append(_markdown(section.value))
            case "parameters" | "attributes":
                parts.append(_items((f"`{each.name}`", each.description) for each in section.value))
            case "raises":
                parts.append(
                    "Raises:\n\n" + _items((_literal(str(each.annotation)), each.description) for each in section.value)
                )
            case "returns" | "yields":
                parts.append(_items(("Returns", each.description) for each in section.value))
            case _:
                parts.append(_markdown(str(getattr(section.value, "contents", section.value))))
    return "".join(f"{part.rstrip()}\n\n" for part in parts if part.strip())


def _items(items: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {_inline(' '.join(told.split()))}" for name, told in items)


_OUTSIDE_CODE = re.compile(r"(`[^`]*`)")


def _markdown(text: str) -> str:
    """Docstrings are plain text with code in single backticks; indented blocks are code."""
    return "\n".join(line if line.startswith("    ") else _inline(line) for line in text.splitlines())


def _inline(text: str) -> str:
    """Keep what looks like HTML or a link as it is written."""
    parts = _OUTSIDE_CODE.split(text)
    return "".join(part if part.startswith("`") else re.sub(r"([<\[\]])", r"\\\1", part) for part in parts)


def _commands() -> Iterator[str]:
    import click

    from kombo_async._cli.__main__ import group

    yield "# Command line\n\nWhat `--help` says, command by command.\n\n"
    for name in ("", *group.list_commands(click.Context(group))):
        command = group.get_command(click.Context(group), name) if name else group
        assert command is not None
        title = f"kombo-async {name}".strip()
        context = click.Context(command, info_name=title, max_content_width=100, terminal_width=100)
        yield f"## `{title}`\n\n```text\n{command.get_help(context)}\n```\n\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages when a build begins."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "reference"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
