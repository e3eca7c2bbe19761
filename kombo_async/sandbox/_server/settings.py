"""Settings from JSON and the command line, checked against the parameters of the function they are for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, TypeVar, get_type_hints

import msgspec

from kombo_async.sandbox._state.models import suggestion

T = TypeVar("T")


def call(function: Callable[..., T], settings: Mapping[str, Any], *, text: bool = False) -> T:
    """Call *function* with *settings*. Raises `ValueError` as `fitting` does."""
    return function(**fitting(function, settings, text=text))


def fitting(function: Callable[..., Any], settings: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
    """*settings* with the types that *function* declares; with *text*, converted from strings.

    Raises `ValueError` that names the setting if it is unknown, missing or has the wrong type.
    """
    parameters = signature(function).parameters
    hints = get_type_hints(function)
    for name in settings:
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise ValueError(f"{name}: unknown setting{suggestion(name, parameters)}; available: {known}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in settings:
            raise ValueError(f"{name}: missing")
    return {name: _fitted(name, value, hints[name], text) for name, value in settings.items()}


def _fitted(name: str, value: Any, hint: Any, text: bool) -> Any:
    try:
        return msgspec.convert(value, hint, strict=not text)
    except msgspec.ValidationError as error:
        raise ValueError(f"{name}: {str(error)[:1].lower()}{str(error)[1:]}") from None
