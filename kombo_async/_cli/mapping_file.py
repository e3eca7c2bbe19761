"""Saved mappings: how columns map to fields and how cells are read, as TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import attrs

from kombo_async._cli.columns import MappingError, near
from kombo_async._cli.writing import replaced

_WORDS = (
    "operation",
    "encoding",
    "delimiter",
    "sheet",
    "decimal",
    "date-format",
    "empty",
    "key",
    "job-column",
    "integration-column",
)


@attrs.frozen
class SavedMapping:
    """The content of a mapping file; missing settings are None or empty."""

    columns: Mapping[str, str] = attrs.field(factory=dict[str, str])
    constants: Mapping[str, str] = attrs.field(factory=dict[str, str])
    options: Mapping[str, str] = attrs.field(factory=dict[str, str])
    """Keyed by the command's option names, such as `date-format`."""


def read_mapping(path: Path) -> SavedMapping:
    """Read the mapping at *path*. Raises `MappingError`."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise MappingError(f"--mapping {path}: cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise MappingError(f"--mapping {path}: is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"--mapping {path}: is not TOML: {error}") from None
    unknown = [name for name in data if name not in (*_WORDS, "columns", "set")]
    if unknown:
        raise MappingError(
            f"--mapping {path}: unknown setting {unknown[0]!r}{near(unknown[0], ('columns', 'set', *_WORDS))}"
        )
    options = {name: data[name] for name in _WORDS if name in data}
    return SavedMapping(_texts(path, data, "columns"), _texts(path, data, "set"), _checked(path, options))


def _texts(path: Path, data: Mapping[str, Any], name: str) -> dict[str, str]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise MappingError(f"--mapping {path}: {name} must be a table")
    return _checked(path, cast("dict[str, Any]", table))


def _checked(path: Path, table: Mapping[str, Any]) -> dict[str, str]:
    for name, value in table.items():
        if not isinstance(value, str):
            raise MappingError(f"--mapping {path}: {name} must be text in quotes")
    return dict(table)


def save_mapping(path: Path, mapping: SavedMapping) -> None:
    """Write *mapping* for `--mapping`."""
    lines = ["# How kombo-async upload reads a file; pass it with --mapping.", ""]
    lines += [f"{name} = {_quoted(value)}" for name, value in mapping.options.items()]
    for title, table in (("columns", mapping.columns), ("set", mapping.constants)):
        if table:
            lines += ["", f"[{title}]", *(f"{_quoted(name)} = {_quoted(value)}" for name, value in table.items())]
    with replaced(path) as file:
        file.write("\n".join(lines) + "\n")


def _quoted(text: str) -> str:
    """Quote text as a TOML basic string: as in JSON, with DEL escaped, too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
