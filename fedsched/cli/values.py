"""Values of options that are plain are taken as they are; whatever is not, and every complaint, is typer's business.

Typer converts with a library whose loading takes longer than most verbs need to answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any

_NOT_PLAIN = object()


def hasten(parameters: Iterable[Any]) -> None:
    """Let these parameters of a typer command take plain values directly; one of a typer without this seam is left."""
    for one in parameters:
        if getattr(one, "_runtime_param", one) is None and hasattr(one, "type_descriptor"):
            one._runtime_param = _Plain(one)  # noqa: SLF001 - the only seam; tests compare with what typer makes of values


class _Plain:
    """In the place of what typer makes for the first value of a parameter."""

    def __init__(self, parameter: Any) -> None:
        self._parameter = parameter

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value, by typer where it is not plain."""
        found = _NOT_PLAIN if param.multiple or param.nargs != 1 else plain(value, param)
        if found is not _NOT_PLAIN:
            return found
        self._parameter._runtime_param = None  # noqa: SLF001 - see hasten
        return self._parameter.get_runtime_param().coerce(value, param=param, ctx=ctx)


def plain(value: Any, parameter: Any) -> Any:
    """What the text means where that is beyond doubt: words, numbers within their bounds, paths, one of a choice."""
    kind = parameter.type_descriptor.annotation
    if value is None or not isinstance(kind, type):
        return None if value is None else _NOT_PLAIN
    if isinstance(value, kind):
        return value if kind in {str, bool} or issubclass(kind, Enum) else _bounded(value, kind, parameter)
    if not isinstance(value, str):
        return _NOT_PLAIN
    if issubclass(kind, Enum):
        return next((one for one in kind if one.value == value), _NOT_PLAIN)
    if kind is Path:
        return Path(value) if value and not _demanding(parameter.type_descriptor.parameter_info) else _NOT_PLAIN
    return _number(value, kind, parameter)


def _number(text: str, kind: type, parameter: Any) -> Any:
    digits = text.removeprefix("-")
    if kind is int and digits.isascii() and digits.isdecimal():
        return _bounded(int(text), kind, parameter)
    whole, _, part = digits.partition(".")
    if kind is float and whole.isascii() and whole.isdecimal() and (not part or (part.isascii() and part.isdecimal())):
        return _bounded(float(text), kind, parameter)
    return _NOT_PLAIN


def _bounded(value: Any, kind: type, parameter: Any) -> Any:
    if kind not in {int, float} or isinstance(value, bool):
        return _NOT_PLAIN
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    inside = (low is None or value >= low) and (high is None or value <= high)
    return value if inside else _NOT_PLAIN


def _demanding(info: Any) -> bool:
    """Whether a path must be more than spelt."""
    wishes = ("exists", "resolve_path", "allow_dash", "readable_only", "writable", "path_type")
    return any(getattr(info, wish, None) for wish in wishes)
