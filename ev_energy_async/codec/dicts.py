"""Models as dictionaries, and models in pydantic.

The methods of `values.Model` call these. Pure; pydantic is not imported, only its hooks are implemented.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, Union, get_args

from ev_energy_async.codec.codec import decode
from ev_energy_async.codec.encoding import encode
from ev_energy_async.codec.types import is_model, is_union, origin, shape
from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.values import UNSET, Model, UnsetType, is_array, is_mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["from_dict", "keyed", "pydantic_schema", "to_dict"]

M = TypeVar("M", bound=Model)

_CONTAINERS: Final[frozenset[Any]] = frozenset({list, dict})
# TypedDicts by model: pydantic describes and resolves these itself, circles included.
_described: Final[dict[type[Model], Any]] = {}


def keyed(model: Model) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a model that are set, as JSON has them, with their values."""
    kind: Any = type(model)
    known = shape(kind)
    for field in known.fields:
        value = getattr(model, field.name)
        if value is not UNSET:
            yield field.key, value
    more = UNSET if known.more is None else getattr(model, known.more.name)
    if more is not UNSET:
        yield from more.items()


def to_dict(model: Model, mode: str) -> dict[str, Any]:
    """Return a model as a dictionary; see `Model.to_dict`."""
    if mode not in ("python", "json"):
        raise InvalidArgument("mode", mode, "'python' or 'json'")
    made: dict[str, Any] = json.loads(encode(model)) if mode == "json" else _python(model)
    return made


def _python(value: Any) -> Any:
    if isinstance(value, Model):
        return {key: _python(member) for key, member in keyed(value)}
    if is_mapping(value):
        return {key: _python(member) for key, member in value.items() if member is not UNSET}
    if is_array(value):
        return [_python(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def from_dict(data: Mapping[str, Any], into: type[M]) -> M:
    """Make a model of a dictionary; see `Model.from_dict`."""
    return decode(encode(data), into)


def pydantic_schema(model: type[Model], handler: Any) -> dict[str, Any]:
    """Return the core schema of a model for pydantic: its own decoding, and the JSON schema of its fields."""

    def validated(value: Any) -> Any:
        if isinstance(value, model):
            return value
        if not is_mapping(value):
            raise ValueError(f"expected an object or a {model.__name__}")  # pydantic reports ValueErrors
        try:
            return from_dict(value, model)
        except DecodeError as error:
            raise ValueError(f"{error.reason} at {error.path}") from error

    def serialized(value: Model, info: Any) -> dict[str, Any]:
        return to_dict(value, info.mode)

    return {
        "type": "function-plain",
        "function": {"type": "no-info", "function": validated},
        "json_schema_input_schema": handler.generate_schema(_description(model)),
        "serialization": {"type": "function-plain", "function": serialized, "info_arg": True},
    }


def _description(model: type[Model]) -> Any:
    """Return a TypedDict with the fields of a model."""
    # pydantic depends on it, and takes no other before Python 3.12.
    from typing_extensions import TypedDict  # noqa: PLC0415  # loaded where pydantic is

    made = _described.get(model)
    if made is None:
        made = _described[model] = TypedDict(model.__name__, {}, total=False)  # type: ignore[operator]  # a TypedDict of a name that is a value
        made.__doc__ = model.__doc__
        kind: Any = model
        fields = shape(kind).fields
        made.__annotations__ = {field.key: _described_type(field.hint) for field in fields}
        made.__required_keys__ = frozenset(field.key for field in fields if field.required)
        made.__optional_keys__ = frozenset(field.key for field in fields if not field.required)
    return made


def _described_type(hint: Any) -> Any:
    if is_model(hint):
        return _description(hint)
    if is_union(hint):
        return Union[tuple(_described_type(each) for each in get_args(hint) if each is not UnsetType)]  # noqa: UP007  # of types known at run time
    kind: Any = origin(hint)
    if kind is Annotated:
        return _described_type(get_args(hint)[0])
    if kind in _CONTAINERS:
        return kind[tuple(map(_described_type, get_args(hint)))]
    return hint
