"""Write the constructors of file models: from a path, bytes or a stream."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.text import Imports, docstring

DATA = "str | FileData"
"""The type of a file's content: base64, or a file that is read when it is sent."""

SOURCES = {
    "from_path": (
        {"path": ("str | PathLike[str]", "Where the file is.")},
        "Read the file at *path* when the request is sent.\n\nIf it is missing, unreadable or empty, the call fails "
        "with a `ValueError` and nothing is sent.",
        "FileData.from_path(path, name)",
    ),
    "from_bytes": (
        {
            "data": ("bytes", "The bytes of the file."),
            "name": ("str", "File name, with its extension."),
        },
        "Send a file that is already in memory.",
        "FileData.from_bytes(data, name)",
    ),
    "from_stream": (
        {
            "open": ("Callable[[], BinaryIO]", "Opens the file at its start. It is called once for each attempt."),
            "size": ("int", "How many bytes the file holds."),
            "name": ("str", "File name, with its extension."),
        },
        "Read the file from a stream when the request is sent.",
        "FileData.from_stream(open, size, name)",
    ),
}
OWN = ("name", "content_type", "data", "data_url")
"""The fields that a constructor fills in from the file."""


def constructors(annotations: Mapping[str, str], docs: Mapping[str, str], imports: Imports) -> str:
    """Write `from_path`, `from_bytes` and `from_stream` of a model with these fields."""
    imports.add("kombo_async.attachments", "FileData")
    imports.add("collections.abc", "Callable")
    imports.add("os", "PathLike")
    imports.add("typing", "BinaryIO", "Self")
    others = {name: annotation for name, annotation in annotations.items() if name not in OWN}
    return "\n\n".join(_constructor(name, others, docs) for name in SOURCES)


def _constructor(name: str, others: Mapping[str, str], docs: Mapping[str, str]) -> str:
    source, text, file = SOURCES[name]
    parameters = [f"{each}: {annotation}" for each, (annotation, _) in source.items()]
    parameters += ["*", *(f"{each}: {annotation}" for each, annotation in others.items())]
    arguments = {each: doc for each, (_, doc) in source.items()} | {each: docs[each] for each in others}
    if "name" not in source:
        parameters.append("name: str | None = None")
        arguments["name"] = "File name to send; by default the file's own."
    parameters.append("content_type: str | None = None")
    arguments["content_type"] = "MIME type of the file; by default guessed from the name."
    given = ", ".join(f"{each}={each}" for each in others)
    return (
        f"    @classmethod\n    def {name}(cls, {', '.join(parameters)}) -> Self:\n{docstring(text, 8, arguments)}\n"
        f"        file = {file}\n"
        f"        return cls(name=file.name, content_type=content_type or file.content_type, data=file, {given})"
    )
