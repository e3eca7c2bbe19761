"""Our model for each of the official client's, found by where it stands in requests, answers and events."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import attrs

from kombo_async import webhooks
from kombo_async.model import Model, TaggedUnion, UnknownVariant
from kombo_async.operations import REQUESTS
from kombo_async.pages import Page
from kombo_async.request import Request

Names = dict[str, list[str]]
"""Names of models, each with what tells it from others."""


def models_of(operation_id: str) -> dict[str, Names]:
    """The models of an operation, by path: `request.candidate`, `response.data.results`, ..."""
    found: dict[str, Names] = {}
    cls = REQUESTS[operation_id]
    for field in fields(cls):
        walk(field.type, f"request.{field.name}", found)
    for base in cls.__orig_bases__:  # type: ignore[attr-defined]
        if typing.get_origin(base) is Request:
            walk(typing.get_args(base)[0], "response.data", found)
    return found


def models_of_event(kind: str) -> dict[str, Names]:
    """The models of a webhook event."""
    found: dict[str, Names] = {}
    walk(webhooks.EVENTS[kind], "event", found)
    return found


def fields(cls: Any) -> tuple[Any, ...]:
    """The fields of a model, with their types."""
    attrs.resolve_types(cls)
    found: tuple[Any, ...] = attrs.fields(cls)
    return found


def walk(annotation: Any, path: str, found: dict[str, Names]) -> None:
    """Note all models below *annotation*."""
    if typing.get_origin(annotation) is Page:
        found.setdefault(path, {})["kombo_async.Page"] = ["next", "results"]
        walk(typing.get_args(annotation)[0], f"{path}.results", found)
        return
    for cls in models_in(annotation):
        at = found.setdefault(path, {})
        name = public_name(cls)
        if name in at or path.count(".") > 12:
            continue
        at[name] = marks(cls)
        for field in fields(cls):
            walk(field.type, f"{path}.{field.name}", found)


def marks(cls: Any, nested: bool = True) -> list[str]:
    """What tells a model from others: its fields, and those that have one value only, also one level below."""
    found: set[str] = set()
    for field in fields(cls):
        found.add(field.name)
        values = typing.get_args(field.type)
        if typing.get_origin(field.type) is typing.Literal and len(values) == 1:
            found.add(f"{field.name}={values[0]}")
        elif nested:
            for model in models_in(field.type):
                found |= {f"{field.name}.{mark}" for mark in marks(model, nested=False) if "=" in mark}
    return sorted(found)


def models_in(annotation: Any) -> Iterator[Any]:
    """The models that a value of this type may be, or hold in a list or dict."""
    if isinstance(annotation, TaggedUnion):
        yield from (each for each in annotation.models if each is not UnknownVariant)
    elif isinstance(annotation, type) and issubclass(annotation, Model):
        cls: type[Model] = annotation
        yield cls
    else:
        for each in typing.get_args(annotation):
            yield from models_in(each)


def public_name(cls: type[Model]) -> str:
    """What users import: `ats.CandidateInput`."""
    namespace = cls.__module__.split(".")[1]
    if namespace != "_generated":
        return f"{namespace}.{cls.__name__}"
    for name in ("webhooks", "ats", "hris", "lms", "assessment", "ai_apply", "connect", "general", "custom"):
        if getattr(import_module(f"kombo_async.{name}"), cls.__name__, None) is cls:
            return f"{name}.{cls.__name__}"
    return cls.__name__  # part of an event, under no name that can be imported


def closest(theirs: Mapping[str, list[str]], ours: Mapping[str, list[str]]) -> dict[str, str]:
    """Of the models that stand at one place, which of *ours* each of *theirs* is: the one that has most in common."""

    def shared(left: list[str], right: list[str]) -> float:
        return len({*left} & {*right}) / max(1, len({*left} | {*right}))

    return {name: max(ours, key=lambda each: shared(theirs[name], ours[each])) for name in theirs if ours}
