"""Models for tests, filled with plausible values by polyfactory.

Values depend on name, type and unit: IDs have the prefix of their resource and a ULID, times are aware and in order,
percentages are between 0 and 100, the `url` of an object has its ID. References are URLs, so that nothing recurses;
pass a model to expand one. Nothing is UNSET or None unless requested.
"""

from __future__ import annotations

import datetime as dt
import itertools
import types
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any, Final, Generic, TypeGuard, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs
from faker import Faker
from polyfactory.factories.attrs_factory import AttrsFactory
from polyfactory.field_meta import FieldMeta, Null

from ev_energy_async.clock import utc_text
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.ids import id_text
from ev_energy_async.models import CountryCode
from ev_energy_async.testing import resources, values
from ev_energy_async.values import UNSET, Model, UnsetType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from polyfactory.factories.base import BuildContext

__all__ = ["SEED", "ModelFactory", "batch", "build", "reseed"]

SEED: Final = 7
"""The default seed."""

M = TypeVar("M", bound=Model)

_NUMBERS: Final[Mapping[Any, Any]] = {int: values.number, float: values.fraction, Decimal: values.amount}
_TIMES: Final = (dt.datetime, dt.date)
_DAYS_VALID: Final = dt.timedelta(days=90)


@attrs.frozen
class _Field:
    """The rule that fills a field of a model.

    Attributes:
        name: Its name.
        kind: The type of its value, without null and UNSET; `str` where it may be a reference.
        target: The model that it refers to if it is a reference; `str` for a text.
        unit: Its unit, if it has one.
        several: Whether it is a list of references or texts.
    """

    name: str
    kind: Any
    target: Any = None
    unit: str | None = None
    several: bool = False

    @property
    def waits(self) -> bool:
        """Whether its value depends on other fields of the object, as for URLs and times."""
        return self.target is not None or self.kind in _TIMES


class ModelFactory(AttrsFactory[M], Generic[M]):
    """A polyfactory factory of models, to be subclassed if `build` is not enough.

    Example:
        >>> class LowVehicle(ModelFactory[Vehicle]):  # doctest: +SKIP
        ...     smart_charging_enabled = True
        >>> LowVehicle.build(description="Kim's car")  # doctest: +SKIP
    """

    __is_base_factory__ = True
    __allow_none_optionals__ = False
    __random__ = Random(SEED)  # noqa: S311  # values for tests, not secrets
    __faker__ = Faker()

    @classmethod
    def is_supported_type(cls, value: Any) -> TypeGuard[type[M]]:
        """Return whether a type is a model of this package; polyfactory's own factory builds other attrs classes."""
        return isinstance(value, type) and issubclass(value, Model)

    @classmethod
    def get_model_fields(cls) -> list[FieldMeta]:
        """Return the fields as polyfactory expects them."""
        return [
            FieldMeta.from_type(annotation=field.kind, name=field.name) for field in _fields(cls.__model__).values()
        ]

    @classmethod
    def get_field_value(
        cls,
        field_meta: FieldMeta,
        field_build_parameters: Any | None = None,
        build_context: BuildContext | None = None,
    ) -> Any:
        """Return the value of a field; `Null` for one that depends on others."""
        field = _fields(cls.__model__).get(field_meta.name)
        if field is None or field_build_parameters is not None:
            return super().get_field_value(field_meta, field_build_parameters, build_context)
        if field.waits:
            return Null
        chance = cls.__random__
        if field.kind in _NUMBERS:
            return _NUMBERS[field.kind](field.name, field.unit, chance)
        if get_origin(field.kind) is dict:
            return {}
        if field.kind is CountryCode:
            return CountryCode.GB  # where the cities and the currency are
        if field.name == "coordinates" and get_origin(field.kind) is list:
            nested = str(field.kind).count("list[")
            return [values.ring(chance)] if nested == _POLYGON else [[values.ring(chance)]]
        return super().get_field_value(field_meta, field_build_parameters, build_context)

    @classmethod
    def process_kwargs(cls, **kwargs: Any) -> dict[str, Any]:
        """Return the values of all fields, including those that depend on each other."""
        number = next(_numbers)
        return _completed(cls.__model__, super().process_kwargs(**kwargs), number, cls.__random__)


# The number of models so far, so that IDs sort in the order of creation.
_numbers = itertools.count(1)

# Lists in the coordinates of a polygon; a multipolygon has one more (RFC 7946, section 3.1).
_POLYGON: Final = 3


def build(model: type[M], /, **given: Any) -> M:
    """Return a model with plausible values.

    Args:
        model: The class.
        given: Values of fields, UNSET and None included; dependent fields follow.

    Raises:
        InvalidArgument: `model` is not a model, or has no such field.

    Example:
        >>> log = build(VehicleStatusLog, state_of_charge_percentage=12)  # doctest: +SKIP
        >>> vehicle = build(Vehicle, latest_status_log=log, user=UNSET)  # doctest: +SKIP
    """
    if not isinstance(model, type) or not issubclass(model, Model):
        raise InvalidArgument("model", model, "a class of `ev_energy_async.models`")
    unknown = given.keys() - _fields(model).keys()
    if unknown:
        raise InvalidArgument("given", sorted(unknown), f"fields of {model.__name__}")
    return _factory(model).build(**given)


def batch(model: type[M], size: int, /, **given: Any) -> list[M]:
    """Return several models, each with an ID of its own; see `build`."""
    return [build(model, **given) for _ in range(size)]


def reseed(seed: int = SEED) -> None:
    """Reset the seed: what `build` and `batch` return from here on depends on it alone.

    With the fixtures of this kit it is called before each test.
    """
    global _numbers  # noqa: PLW0603  # one for all factories, like polyfactory's own random source
    _numbers = itertools.count(1)
    ModelFactory.seed_random(seed)


# Without a decorator: a type checker takes the class of unhashable objects for unhashable.
_FACTORIES: Final[dict[Any, Any]] = {}
_FIELDS: Final[dict[Any, dict[str, _Field]]] = {}


def _factory(model: type[M]) -> type[ModelFactory[M]]:
    if model not in _FACTORIES:
        _FACTORIES[model] = ModelFactory.create_factory(model)
    made: type[ModelFactory[M]] = _FACTORIES[model]
    return made


def _fields(model: type[Model]) -> dict[str, _Field]:
    if model not in _FIELDS:
        hints = get_type_hints(model)
        _FIELDS[model] = {each.name: _field(each, hints[each.name]) for each in attrs.fields(model)}
    return _FIELDS[model]


def _field(attribute: attrs.Attribute[Any], hint: Any) -> _Field:
    unit = attribute.metadata.get("unit")
    kinds = [kind for kind in _members(hint) if kind not in {UnsetType, type(None)}]
    if str in kinds:
        others = [kind for kind in kinds if kind is not str]
        return _Field(attribute.name, str, others[0] if others else str)
    kind = kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007  # made of a list
    if get_origin(kind) is list and str in _members(get_args(kind)[0]):
        others = [each for each in _members(get_args(kind)[0]) if each is not str]
        return _Field(attribute.name, kind, others[0] if others else str, several=True)
    return _Field(attribute.name, kind, unit=unit)


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)


def _completed(model: type[Model], found: dict[str, Any], number: int, chance: Random) -> dict[str, Any]:
    """Return values with the missing ones: times in order, then the ID, then references."""
    result = dict(found)
    missing = [field for name, field in _fields(model).items() if name not in found]
    first = _first_moment(found) or values.moment(chance)
    resource = resources.resource_of(model)
    waiting: list[_Field] = []
    for field in missing:
        if field.kind is dt.datetime:
            result[field.name] = first + values.delay(field.name)
        elif field.kind is dt.date:
            result[field.name] = first.date() + (_DAYS_VALID if values.delay(field.name) else dt.timedelta())
        elif field.name == "id":
            prefix = resource.prefix if resource is not None else None
            result["id"] = values.resource_id(prefix or model.__name__.lower()[:4], number, chance)
        else:
            waiting.append(field)
    for field in sorted(waiting, key=lambda each: each.name == "url"):  # the last one, because it contains others
        if field.several:
            result[field.name] = [_text(model, field, result, number, chance)]
        else:
            result[field.name] = _text(model, field, result, number, chance)
    return result


def _first_moment(given: Mapping[str, Any]) -> dt.datetime | None:
    times = (value - values.delay(name) for name, value in given.items() if isinstance(value, dt.datetime))
    return next(times, None)


def _text(model: type[Model], field: _Field, result: Mapping[str, Any], number: int, chance: Random) -> str:
    resource = resources.resource_of(model)
    if field.name == "url" and resource is not None:
        return _url(resource, model, result, number, chance)
    target = _target(model, field)
    if target is not None:
        return _url(target, None, _known(resource, result), number, chance)
    owner = " ".join(_words(model.__name__))
    return resources.collection(field.name) or values.text(field.name, owner, chance)


def _target(model: type[Model], field: _Field) -> resources.Resource | None:
    """Return the resource that a field refers to; None if it holds a text."""
    referred: Any = field.target
    is_reference = referred is not str
    if isinstance(referred, type) and (found := resources.resource_of(referred)) is not None:
        return found
    if values.is_known(field.name):
        return None
    name = field.name.removesuffix("s") if field.several else field.name
    owner = [word.lower() for word in _words(model.__name__)]
    # The `model` of a vehicle is a vehicle model; a scheduler's tariff is a tariff.
    names = [*("_".join([*owner[:length], name]) for length in range(len(owner), 0, -1)), name]
    if is_reference:
        names.append(name.rpartition("_")[2])
    return next((found for each in names if (found := resources.resource_named(each)) is not None), None)


def _words(name: str) -> list[str]:
    starts = [at for at, letter in enumerate(name) if letter.isupper() and not name[at - 1 : at].isupper()]
    return [name[start:end] for start, end in zip(starts, [*starts[1:], len(name)], strict=True)]


def _known(resource: resources.Resource | None, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ID of the referring object, under the name of its kind."""
    if resource is None or resource.prefix is None or not isinstance(result.get("id"), str):
        return {}
    return {resources.stem(resource.params[-1]): result["id"]}


def _url(
    resource: resources.Resource, own: type[Model] | None, known: Mapping[str, Any], number: int, chance: Random
) -> str:
    parts: dict[str, str] = {}
    for param in resource.params:
        name = resources.stem(param)
        value = known.get("id") if own is not None and param is resource.params[-1] else None
        value = value or known.get(name)
        if param.kind == "log-time":
            parts[param.name] = utc_text(name, value if isinstance(value, dt.datetime) else values.moment(chance))
        elif param.kind != "id":
            parts[param.name] = str(value or values.text(name, name, chance)).replace(" ", "-")
        elif value is None or value is UNSET:
            prefix = param.prefix or name.replace("_", "")[:4]
            parts[param.name] = values.resource_id(prefix, number, chance)
        else:
            parts[param.name] = id_text(name, value)
    return resource.url(parts)
