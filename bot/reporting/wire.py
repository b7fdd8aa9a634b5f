"""Frozen dataclasses to plain JSON values and back, for the pipe to the sandbox. Types come from the annotations."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_PLAIN = frozenset({str, int, bool})


def dump(value: Any) -> Any:
    """A dataclass as dicts and lists. Fields that hold their empty default are kept: the form is complete."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: dump(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [dump(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return value


def load(kind: type[T], value: Any) -> T:
    """The dataclass back. Raises `TypeError`, `ValueError` or `KeyError` on a form that is not its own."""
    result: T = _load(kind, value)
    return result


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _load(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{key: _load(hints[key], item) for key, item in value.items()})
    origin = get_origin(kind)
    if origin is tuple:
        return _tuple(get_args(kind), value)
    if origin is frozenset:
        return frozenset(value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, item = get_args(kind)
        return {_load(key, k): _load(item, v) for k, v in value.items()}
    if origin in (Union, types.UnionType):
        return None if value is None else _load(next(arg for arg in get_args(kind) if arg is not type(None)), value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is float:
        return float(value)
    if (kind in _PLAIN and type(value) is not kind) or (origin is Literal and value not in get_args(kind)):
        raise TypeError(f"{type(value).__name__} is no {kind}")
    return value


def _tuple(arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_load(arguments[0], item) for item in value)
    return tuple(_load(part, item) for part, item in zip(arguments, value, strict=True))
