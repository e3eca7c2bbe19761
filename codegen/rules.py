"""Names by rule: words as Python writes them, and methods for operations missing from names.toml."""

from __future__ import annotations

import re

from codegen.read import Operation

NAMESPACES = {"ats", "hris", "lms", "assessment", "ai_apply", "connect", "custom"}
VERBS = {"GET": "get", "POST": "create", "PUT": "set", "PATCH": "update", "DELETE": "delete"}


def pascal(text: str) -> str:
    """Turn snake_case, kebab-case or camelCase to PascalCase."""
    words = re.split(r"[^A-Za-z0-9]+", text)
    shout = len(words) > 1
    return "".join(word.capitalize() if shout and word.isupper() else word[:1].upper() + word[1:] for word in words)


def singular(word: str) -> str:
    """Return the singular of an English plural, as far as our names go."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word if word.endswith(("ss", "us")) else word.removesuffix("s")


def method_of(operation: Operation) -> tuple[str, str]:
    """Return the namespace and the method of an operation, after its path."""
    parts = [part.replace("-", "_") for part in operation.path.strip("/").split("/") if not part.startswith("{")]
    namespace = parts.pop(0) if parts[0] in NAMESPACES and len(parts) > 1 else "general"
    words = "_".join(parts)
    many = operation.method == "GET" and not operation.path.endswith("}")
    return namespace, f"{VERBS[operation.method]}_{words if many else singular(words)}"
