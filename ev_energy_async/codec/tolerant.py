"""Tolerant decoding: a cattrs converter for documents that depart from their schema.

`codec` uses it at the first such document, or for a user's hooks; nothing else does. Pure.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Final, get_args
from uuid import UUID

import msgspec
from cattrs import Converter

from ev_energy_async.codec.drift import Drift
from ev_energy_async.codec.types import NONE, is_model, is_union, members, optional, origin, reachable, shape, spoken
from ev_energy_async.codec.unions import choose_model, choose_scalar, may_be
from ev_energy_async.errors import DecodeError
from ev_energy_async.values import UNSET, is_array, is_object

__all__ = ["Decoded", "TolerantConverter", "has_hook", "structure"]

_TEXTS: Final = (Decimal, UUID, dt.date)
# Values of one document: each takes some 5 microseconds, and the event loop waits for all of them.
_MOST_VALUES: Final = 50_000
Hook = Callable[[Any, Any], Any]
Predicate = Callable[[Any], bool]


class Decoded:
    """A member of a document that is decoded already."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Walk:
    """The position of a decoding in its document, and the drift so far."""

    def __init__(self) -> None:
        self.path: list[str | int] = []
        self.drift: list[Drift] = []
        self.values = 0

    def __str__(self) -> str:
        return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)


_walk: ContextVar[_Walk] = ContextVar("_walk")


class _Mismatch(Exception):
    """A value that does not match its type."""


def _mismatch(expected: str, value: object) -> _Mismatch:
    names: dict[type, str] = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", NONE: "null"}
    return _Mismatch(f"expected {expected}, got {names.get(type(value), 'a number')}")


def structure(converter: Converter, document: Any, into: Any) -> tuple[Any, list[Drift]]:
    """Make a value of a type from decoded JSON; return it and the drift.

    Raises:
        DecodeError: The document does not match the type; carries the path.
    """
    walk = _Walk()
    token = _walk.set(walk)
    try:
        made = converter.structure(document, into)
        return made, [d if d.type else Drift(spoken(into), d.path, d.kind) for d in walk.drift]
    except DecodeError:
        raise
    except Exception as error:  # a user's hook may raise anything; the path goes with it
        raise DecodeError(str(error) or type(error).__name__, str(walk)) from error
    finally:
        _walk.reset(token)


class TolerantConverter(Converter):
    """A cattrs converter for the models of this package that knows which hooks were added to it."""

    def __init__(self, **options: Any) -> None:
        self._user_hooks: list[tuple[Predicate, Callable[[Any], Hook]]] = []
        self._ready = False
        super().__init__(detailed_validation=False, **options)
        # cattrs asks its hooks for these classes, and for what derives from them, before any predicate: with its own
        # in place, "5" would become 5, and a predicate of a user's would never be asked.
        for scalar in (str, int, float):
            super().register_structure_hook(scalar, self._scalar)
        hooks: list[tuple[Predicate, Hook]] = [
            (lambda t: t is Any or t is object, lambda value, _: value),
            (lambda t: t is dt.datetime, _time),
            (lambda t: t in _TEXTS, _convert),
        ]
        for predicate, hook in hooks:
            self.register_structure_hook_func(predicate, hook)
        factories: list[tuple[Predicate, Callable[[Any], Hook]]] = [
            (lambda t: origin(t) is list, self._list_hook),
            (lambda t: origin(t) is dict, self._dict_hook),
            (is_union, self._union_hook),
            (lambda t: origin(t) is Annotated, self._annotated_hook),
            (is_model, self._model_hook),
        ]
        for predicate, factory in factories:
            self.register_structure_hook_factory(predicate, factory)
        self._ready = True

    def register_structure_hook(self, cl: Any, func: Any = None) -> Any:
        """Register a hook for a type, as cattrs does."""
        if func is None:
            super().register_structure_hook(cl)  # without the type beside it: cattrs reads it off the function
            return cl  # as a decorator has it; older versions of cattrs return None
        if self._ready:
            self._user_hooks.append(
                (
                    lambda t: t == cl or (isinstance(t, type) and isinstance(cl, type) and issubclass(t, cl)),
                    lambda _: func,
                )
            )
        return super().register_structure_hook(cl, func)

    def register_structure_hook_func(self, check_func: Predicate, func: Hook) -> None:
        """Register a hook for the types that a predicate picks, as cattrs does."""
        if self._ready:
            self._user_hooks.append((check_func, lambda _: func))
        super().register_structure_hook_func(check_func, func)

    def register_structure_hook_factory(self, predicate: Any, factory: Any = None) -> Any:
        """Register a factory of hooks for the types that a predicate picks, as cattrs does."""
        if factory is None:
            return functools.partial(self.register_structure_hook_factory, predicate)
        if self._ready:
            takes_converter = len(inspect.signature(factory).parameters) == 2  # noqa: PLR2004  # the type and it
            self._user_hooks.append((predicate, lambda t: factory(t, self) if takes_converter else factory(t)))
        return super().register_structure_hook_factory(predicate, factory)

    def is_hooked(self, into: Any) -> bool:
        """Return whether a user's hook applies to this very type."""
        return self._user_hook(into) is not None

    def _user_hook(self, into: Any) -> Callable[[Any], Hook] | None:
        return next((maker for predicate, maker in reversed(self._user_hooks) if _applies(predicate, into)), None)

    def _scalar(self, value: Any, into: Any) -> Any:
        maker = self._user_hook(into)
        hook = _scalar_hook(into) if maker is None else maker(into)
        return hook(value, into)

    def _list_hook(self, into: Any) -> Hook:
        (item,) = get_args(into)

        def hook(value: Any, _: Any) -> Any:
            if not is_array(value):
                raise _mismatch("an array", value)
            items: list[Any] = value
            return [_item(self, index, element, item) for index, element in enumerate(items)]

        return hook

    def _dict_hook(self, into: Any) -> Hook:
        _, item = get_args(into)

        def hook(value: Any, _: Any) -> Any:
            if not is_object(value):
                raise _mismatch("an object", value)
            members: dict[str, Any] = value
            return {key: _item(self, key, element, item) for key, element in members.items()}

        return hook

    def _annotated_hook(self, into: Any) -> Hook:
        plain = get_args(into)[0]
        return lambda value, _: self.structure(value, plain)

    def _union_hook(self, into: Any) -> Hook:
        fits = members(into)
        nullable = NONE in get_args(into)
        by_kind: dict[type, list[Any]] = {}  # of JSON there are seven

        def hook(value: object, _: Any) -> Any:
            if value is None and nullable:
                return None
            kind = type(value)
            fitting = by_kind.get(kind)
            if fitting is None:
                fitting = by_kind[kind] = [member for member in fits if may_be(member, value)]
            if not fitting:
                raise _mismatch(" or ".join(sorted(map(spoken, fits))), value)
            return self.structure(value, fitting[0]) if len(fitting) == 1 else _best(self, value, fitting)

        return hook

    def _model_hook(self, into: Any) -> Hook:
        known = shape(into)
        fields = [(field, *optional(field.hint)) for field in known.fields]

        def hook(value: Any, _: Any) -> Any:
            if not is_object(value):
                raise _mismatch("an object", value)
            given: dict[str, Any] = value
            walk = _walk.get()
            made: dict[str, Any] = {}
            for field, plain, nullable in fields:
                if field.key not in given:
                    if field.required:
                        walk.drift.append(Drift(into.__name__, field.key, "missing"))
                        made[field.name] = UNSET
                    continue
                member = given[field.key]
                if member is None and not nullable:
                    walk.drift.append(Drift(into.__name__, field.key, "null"))
                    made[field.name] = None
                elif member == "" and plain is dt.datetime:
                    walk.drift.append(Drift(into.__name__, field.key, "empty"))
                    made[field.name] = UNSET
                else:
                    made[field.name] = self._owned(into, field.key, member, field.hint)
            if known.more is not None:
                made[known.more.name] = {
                    key: self._owned(into, key, member, known.more.hint)
                    for key, member in given.items()
                    if key not in known.keys
                }
            return into(**made)

        return hook

    def _owned(self, owner: Any, key: str, value: Any, into: Any) -> Any:
        """Structure the value of a key; drift in arrays, maps and scalars, noted without an owner, is its model's."""
        if isinstance(value, Decoded):
            return value.value
        drift = _walk.get().drift
        before = len(drift)
        made = _step(self, key, value, into)
        if len(drift) > before:
            drift[before:] = [d if d.type else Drift(owner.__name__, key + d.path, d.kind) for d in drift[before:]]
        return made


def _best(converter: Converter, value: Any, fitting: list[Any]) -> Any:
    """Structure a value as the member of a union that it is meant for."""
    models = [member for member in fitting if is_model(member)]
    others = choose_scalar([member for member in fitting if not is_model(member)], value)
    is_guess = False
    if len(models) > 1:
        models, is_guess = choose_model(models, value, value.__getitem__)
    walk = _walk.get()
    path, drift = list(walk.path), list(walk.drift)
    attempts: list[tuple[int, int, Any, list[Drift]]] = []
    failure: tuple[_Mismatch, list[str | int]] | None = None
    for index, member in enumerate([*models, *others]):
        try:
            made = converter.structure(value, member)
        except _Mismatch as error:
            failure = failure or (error, list(walk.path))
        else:
            attempts.append((len(walk.drift), index, made, list(walk.drift)))
        walk.path[:], walk.drift[:] = path, drift
    if not attempts:
        assert failure is not None  # noqa: S101  # each member failed
        # Where the likeliest departs from its schema says most.
        mismatch, walk.path[:] = failure
        raise mismatch
    # The one that departs from its schema least; of equals the likeliest.
    _, _, made, walk.drift[:] = min(attempts, key=lambda attempt: attempt[:2])
    if is_guess:
        walk.drift.append(Drift(type(made).__name__, "", "guessed"))
    return made


def has_hook(converter: Converter, into: Any) -> bool:
    """Return whether a user's hook applies to a type or to any type that it contains."""
    if not isinstance(converter, TolerantConverter):
        return True
    return any(converter.is_hooked(each) for each in reachable(into))


def _applies(predicate: Predicate, into: Any) -> bool:
    try:
        return predicate(into)
    except Exception:  # noqa: BLE001  # as in cattrs: a predicate that fails does not apply
        return False


def _step(converter: Converter, step: str | int, value: Any, into: Any) -> Any:
    walk = _walk.get()
    path = walk.path
    path.append(step)
    walk.values += 1
    if walk.values > _MOST_VALUES:
        raise _Mismatch(f"departs from its schema, and has more than {_MOST_VALUES:,} values")
    made = converter.structure(value, into)
    # Not in a `finally`: an error keeps the path it happened at.
    path.pop()
    return made


def _item(converter: Converter, step: str | int, value: Any, into: Any) -> Any:
    """Structure an item of an array or a map; drift in it that no model owns yet belongs to its `[]`."""
    drift = _walk.get().drift
    if value is None and not optional(into)[1]:
        drift.append(Drift("", "[]", "null"))
        return None
    before = len(drift)
    made = _step(converter, step, value, into)
    if len(drift) > before:
        drift[before:] = [d if d.type else Drift("", "[]" + d.path, d.kind) for d in drift[before:]]
    return made


def _scalar_hook(into: Any) -> Hook:
    known: dict[Any, Hook] = {str: _text, bool: _boolean, int: _integer, float: _number}
    return known.get(into, _member if issubclass(into, Enum) else _convert)


def _text(value: Any, _: Any) -> str:
    if type(value) is not str:
        raise _mismatch("a string", value)
    return value


def _boolean(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise _mismatch("a boolean", value)
    return value


def _integer(value: Any, _: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        _walk.get().drift.append(Drift("", "", "number"))
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _mismatch("an integer", value)
    return value


def _number(value: Any, _: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _mismatch("a number", value)
    return float(value)


def _time(value: Any, _: Any) -> dt.datetime:
    # The same parser as on the fast path, so that both round fractions of a second alike.
    time: dt.datetime = _convert(value, dt.datetime)
    return time if time.tzinfo is not None else time.replace(tzinfo=dt.UTC)


def _convert(value: Any, into: Any) -> Any:
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        raise _Mismatch(str(error)) from error


def _member(value: Any, into: Any) -> Any:
    base = int if issubclass(into, int) else str
    if base is int:
        value = _integer(value, int)
    if type(value) is not base:
        raise _mismatch("an integer" if base is int else "a string", value)
    return into(value)
