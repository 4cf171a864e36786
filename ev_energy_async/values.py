"""The building blocks of models and arguments: UNSET, open enums, the base of all models.

The generated models and endpoint functions are made of them, and the whole package imports them. Pure; imports nothing
of the package.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import operator
import threading
import warnings
from collections import UserDict
from collections.abc import Callable, Mapping
from enum import Enum, IntEnum, StrEnum
from numbers import Integral, Real
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    Self,
    TypeGuard,
    TypeVar,
    dataclass_transform,
)

import attrs
from msgspec import UNSET, Meta, UnsetType

from ev_energy_async._lazy import lazy_module

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "UNSET",
    "AwareDatetime",
    "File",
    "Model",
    "OpenIntEnum",
    "OpenKeys",
    "OpenModel",
    "OpenStrEnum",
    "UnsetType",
    "is_array",
    "is_list",
    "is_mapping",
    "is_object",
    "model",
    "open_keys",
    "open_models_made",
    "or_none",
    "plain",
    "set_fields",
    "tagged",
    "warn_renamed",
]

# Times in responses carry their offset. One without is left to the codec's tolerant decoding, which takes it as UTC.
AwareDatetime = Annotated[dt.datetime, Meta(tz=True)]

# The most unknown values of one enum to keep: a field with more of them does not hold an enum.
_MOST_UNKNOWN_MEMBERS: Final = 1_000

_unknown_members: dict[type[Enum], dict[Any, Any]] = {}

_PLAIN: Final = frozenset({str, int, float, bool})

# Models know how to encode themselves, with a codec that is made of models: by name, so that the import contract holds.
_codec: Final[Any] = lazy_module("ev_energy_async.codec")

E = TypeVar("E", bound=Enum)
M = TypeVar("M", bound="Model")
T = TypeVar("T")


def _unknown_member(cls: type[E], value: Any, plain: Any) -> E:
    """Return the member of `cls` for a value that the document does not list, the same one each time."""
    known = _unknown_members.setdefault(cls, {})
    member: Any = known.get(value)
    if member is None:
        member = plain
        member._name_ = str(value)
        member._value_ = value
        if len(known) >= _MOST_UNKNOWN_MEMBERS:
            known.pop(next(iter(known)))
        known[value] = member
    found: E = member
    return found


def or_none(value: T | UnsetType | None) -> T | None:
    """Return a value, or None if it is unset or null.

    Example:
        >>> or_none(vehicle.description) or "no description"  # doctest: +SKIP
    """
    return None if isinstance(value, UnsetType) else value


def plain(value: Any) -> Any:
    """Return the built-in value that an instance of a subclass is.

    Members of enums become their values. Text, numbers, dates and times of other libraries (`numpy.float64`, Django's
    `SafeString`, Home Assistant's YAML strings) become `str`, `int` and `float`; a `pandas.Timestamp`, like any other
    date or time of a subclass, becomes its ISO 8601 text. Anything else is returned as it is.
    """
    if type(value) in _PLAIN:
        return value  # nearly always
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str.__str__(value)  # not `str(value)`, which a subclass may have redefined
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return operator.index(value)
    if isinstance(value, Real):
        return float(value)
    # As text, since what `datetime.datetime` is in this moment may be a stand-in of a test's own.
    return value.isoformat() if isinstance(value, dt.date) else value


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether decoded JSON is an object."""
    return isinstance(value, dict)


def is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    """Whether a value is a mapping of any kind."""
    return isinstance(value, Mapping)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether decoded JSON is an array."""
    return isinstance(value, list)


def is_list(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """Whether a value is a list or a tuple."""
    return isinstance(value, list | tuple)


class OpenStrEnum(StrEnum):
    """A string enum that accepts unknown values.

    The API adds values without notice. A new one becomes a member with that value and `is_known` false. It equals the
    plain string, and survives copy and pickle.
    """

    @classmethod
    def _missing_(cls, value: object) -> OpenStrEnum | None:
        if type(value) is not str:
            return None
        return _unknown_member(cls, value, str.__new__(cls, value))

    @property
    def is_known(self) -> bool:
        """Whether the document lists this value."""
        return self._value_ in type(self)._value2member_map_


class OpenIntEnum(IntEnum):
    """An integer enum that accepts unknown values, as `OpenStrEnum` does."""

    @classmethod
    def _missing_(cls, value: object) -> OpenIntEnum | None:
        if type(value) is not int:
            return None
        return _unknown_member(cls, value, int.__new__(cls, value))

    @property
    def is_known(self) -> bool:
        """Whether the document lists this value."""
        return self._value_ in type(self)._value2member_map_


@attrs.frozen
class File:
    """A file of a form.

    Attributes:
        data: Its content.
        filename: Its name, as the API sees it.
        content_type: Its media type.
    """

    data: bytes = attrs.field(repr=False)
    filename: str = "file"
    content_type: str = "application/octet-stream"


class OpenKeys(UserDict[str, T]):
    """The keys of an object beyond those that its schema names.

    No `dict`, so that msgspec, which would nest them under the name of the field, leaves them to `codec`.
    """


def open_keys(keys: Mapping[str, Any] | UnsetType) -> Any:
    """Return further keys of a model as it holds them, as `OpenKeys`; UNSET if there are none."""
    return OpenKeys(keys) if keys else UNSET


class Model:  # noqa: PLW1641  # mutable, so not hashable
    """The base of all models, with one `repr` and one `==` for all instead of two generated methods a class.

    `repr` shows only the fields that are set. Models are mutable and therefore not hashable.
    """

    __slots__ = ()
    if TYPE_CHECKING:
        # Not at run time, where msgspec would take the annotations for fields.
        __attrs_attrs__: ClassVar[tuple[attrs.Attribute[Any], ...]]
        __tags__: ClassVar[Mapping[str, frozenset[str]]]
    else:
        # Values of a key that choose this model among the members of a union; see `tagged`.
        __tags__ = MappingProxyType({})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in set_fields(self))})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, a.name) == getattr(other, a.name) for a in self.__attrs_attrs__)

    def to_dict(self, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """Return the keys that are set, as JSON has them, with nested models as dictionaries too.

        Absent keys stay absent, null is None, enums are their values.

        Args:
            mode: `python` keeps times, decimals and UUIDs; `json` has them as text, so that `json.dumps` takes the
                result.

        Raises:
            InvalidArgument: `mode` is neither.

        Example:
            >>> from ev_energy_async.models import LatLong
            >>> LatLong(latitude=51.5, longitude=-0.1).to_dict()
            {'latitude': 51.5, 'longitude': -0.1}
        """
        made: dict[str, Any] = _codec.to_dict(self, mode)
        return made

    def to_json(self) -> str:
        """Return the model as a JSON document, as the API has it."""
        document: bytes = _codec.encode(self)
        return document.decode()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a model of what `to_dict` returned, in either mode.

        Raises:
            DecodeError: It does not match the model; carries the path.
        """
        made: Self = _codec.from_dict(data, cls)
        return made

    @classmethod
    def from_json(cls, data: str | bytes) -> Self:
        """Make a model of a JSON document.

        Raises:
            DecodeError: It is not JSON, or does not match the model; carries the path.
        """
        made: Self = _codec.decode(data.encode(errors="surrogatepass") if isinstance(data, str) else data, cls)
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return _codec.pydantic_schema(cls, handler)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return handler(schema["json_schema_input_schema"])


class _Made(threading.local):
    open_models: int = 0


_made: Final = _Made()


class OpenModel(Model):
    """The base of models that keep the keys their schema does not name."""

    __slots__ = ()

    def __attrs_post_init__(self) -> None:
        # msgspec drops those keys; by calling this it tells `codec` that it met such a model, which few documents hold.
        _made.open_models += 1

    # To msgspec, a model with keys that are no names of Python is a dataclass.
    __post_init__ = __attrs_post_init__


def open_models_made() -> int:
    """Return how many models this thread has made so far that keep unknown keys."""
    return _made.open_models


def set_fields(instance: Model) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of each field of a model that is not `UNSET`."""
    for attribute in instance.__attrs_attrs__:
        value = getattr(instance, attribute.name)
        if value is not UNSET:
            yield attribute.name, value


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(attrs.field,))
def model(cls: type[T]) -> type[T]:
    """Make an attrs class of a generated model: slots, keyword-only, no methods but `__init__`.

    A field whose key is no name of Python has the key as `metadata["wire"]`.
    """
    made: Any = attrs.define(
        cls,
        slots=True,
        kw_only=True,
        eq=False,
        order=False,
        repr=False,
        weakref_slot=False,
        getstate_setstate=False,
    )
    if any("wire" in attribute.metadata for attribute in made.__attrs_attrs__):
        _name_as_on_the_wire(made)
    defined: type[T] = made
    return defined


def _name_as_on_the_wire(cls: Any) -> None:
    """Show msgspec the fields of a model under their keys.

    It takes the names of an attrs class for the keys, and knows no other; those of a dataclass it looks up one by one,
    and sets and gets them as attributes. So the class is a dataclass to it, with attributes under the keys as well.
    """
    fields: dict[str, Any] = {}
    for attribute in cls.__attrs_attrs__:
        wire = attribute.metadata.get("wire", attribute.name)
        field: Any = dataclasses.field(
            default=dataclasses.MISSING if attribute.default is attrs.NOTHING else attribute.default
        )
        field.name, field.type, field._field_type = wire, attribute.type, dataclasses._FIELD  # type: ignore[attr-defined]  # noqa: SLF001  # as `dataclasses` marks a field
        fields[wire] = field
        setattr(cls, wire, vars(cls)[attribute.name])
        cls.__annotations__[wire] = cls.__annotations__[attribute.name]
    cls.__dataclass_fields__ = fields


def tagged(key: str, *values: str) -> Callable[[type[T]], type[T]]:
    """Mark a model as the one that a discriminator (OpenAPI 3.1, section 4.8.25) chooses for some values of a key."""

    def mark(cls: type[T]) -> type[T]:
        marked: Any = cls
        marked.__tags__ = MappingProxyType({**marked.__tags__, key: frozenset(values)})
        return cls

    return mark


def warn_renamed(was: str, now: str, since: str, *, stacklevel: int = 3) -> None:
    """Warn that something is used by its old name.

    Args:
        was: The old name.
        now: The new name.
        since: The release that renamed it.
        stacklevel: The frame to blame; 3 is the caller of the function that calls this one.
    """
    # `from package import name` looks the name up twice: first the import system does, then the statement itself. Only
    # the second is the use.
    frame = inspect.currentframe()
    for _ in range(stacklevel - 1):
        frame = frame.f_back if frame is not None else None
    if frame is None or frame.f_globals.get("__name__") not in {"importlib._bootstrap", "_frozen_importlib"}:
        text = f"{was} is called {now} since {since}; the old name goes with the next minor release"
        warnings.warn(text, DeprecationWarning, stacklevel=stacklevel)
