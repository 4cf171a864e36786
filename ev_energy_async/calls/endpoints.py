"""Binds endpoint functions to a client, with one generic descriptor for all.

`get = endpoint(get_vehicle)` in a group gives `ev.vehicles.get(...)`, with the function's names, types, defaults and
docstring, and `ev.vehicles.get.with_response(...)`. The generated groups are made of these; nothing else uses them.

Read from the class, as `unittest.mock.create_autospec(EvEnergy, instance=True)` does, the same names give templates for
mocks: a group's class, and for an operation a function with the signature that callers see.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypedDict, TypeVar, Unpack, overload

from ev_energy_async.errors import EvEnergyError, InvalidArgument
from ev_energy_async.ids import Identified, ResourceId
from ev_energy_async.values import warn_renamed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

    from ev_energy_async.calls.paging import Page, Paginator
    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Request, Response, Sender

__all__ = ["BoundEndpoint", "GetOptions", "Group", "LazyGroup", "endpoint", "many", "pattern_of", "renamed"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
G_co = TypeVar("G_co", covariant=True)


class _Recorder:
    """A sender that keeps the last response."""

    __slots__ = ("_sender", "response")

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.response: Response[Any] | None = None

    @property
    def link_origins(self) -> frozenset[str]:
        """Origins that `Link` headers may name."""
        return self._sender.link_origins

    async def send(self, request: Request[T]) -> Response[T]:
        """Send a request and keep the response."""
        response = await self._sender.send(request)
        self.response = response
        return response


def _for_callers(function: Callable[..., Any], given: int = 1) -> inspect.Signature:
    """Return the signature of an endpoint function without the parameters that are given, such as the sender."""
    full = inspect.signature(function)
    return full.replace(parameters=list(full.parameters.values())[given:])


def pattern_of(function: Callable[..., Any], name: str, *, is_async: bool, given: int = 1) -> Any:
    """Return a method that looks like a bound one, as a template for mocks and documentation; it cannot be called.

    Args:
        function: The endpoint function.
        name: The name of the method.
        is_async: Whether calling it would return a coroutine.
        given: How many parameters the method gives itself, such as the sender.
    """
    text = f"{name}() needs a client: call it on a group of one, as in `ev.vehicles.get(...)`"

    @functools.wraps(function)
    async def awaited(*_: object, **__: object) -> Any:
        raise TypeError(text)

    @functools.wraps(function)
    def called(*_: object, **__: object) -> Any:
        raise TypeError(text)

    made: Any = awaited if is_async else called
    made.__name__ = name
    # A method, since tools that describe a class drop the first parameter of a function in it.
    seen = _for_callers(function, given)
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    made.__signature__ = seen.replace(parameters=[me, *seen.parameters.values()])
    return _Pattern(made)


class _Pattern:
    """A method of no object, with attributes.

    `MethodType` keeps those in its function, where mocks of Python 3.13 do not look.
    """

    __class__: Any = property(lambda _: MethodType)  # for `inspect.ismethod` and the like

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__func__ = function
        self.__self__ = None
        # Not `__wrapped__`: what is wrapped may be no coroutine function although this is one (`list.with_response`).
        for name in functools.WRAPPER_ASSIGNMENTS:
            setattr(self, name, getattr(function, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__func__(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.__func__.__name__} of no client>"


class BoundEndpoint(Generic[P, R_co]):
    """An endpoint function bound to its client."""

    def __init__(self, function: Callable[Concatenate[Sender, P], R_co], sender: Sender) -> None:
        self.__wrapped__ = function
        self._sender = sender
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__doc__ = function.__doc__

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature that callers see, without the sender."""
        return _for_callers(self.__wrapped__)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:  # noqa: D102  # the function's own docstring serves
        return self.__wrapped__(self._sender, *args, **kwargs)

    @overload
    def with_response(
        self: BoundEndpoint[P, Paginator[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, Response[Page[T]]]: ...
    @overload
    def with_response(
        self: BoundEndpoint[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, Response[T]]: ...
    def with_response(
        self: BoundEndpoint[P, Any], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, Response[Any]]:
        """Call the operation and return the complete response: `.data`, `.status`, `.headers`, `.rate_limit`, `.body`.

        For a list operation it is the response of one page, with a `Page` as data.
        """
        return self._recorded(*args, **kwargs)

    async def _recorded(self: BoundEndpoint[P, Any], *args: P.args, **kwargs: P.kwargs) -> Response[Any]:
        recorder = _Recorder(self._sender)
        data = await self.__wrapped__(recorder, *args, **kwargs)
        assert recorder.response is not None, "an endpoint function sends exactly one request"  # noqa: S101  # tells type checkers
        return recorder.response.with_data(data)

    def __repr__(self) -> str:
        return f"<endpoint {self.__name__} of {self._sender!r}>"


class endpoint(Generic[P, R_co]):  # noqa: N801  # reads as the decorator-like thing it is
    """Descriptor that binds an endpoint function to the client of its group."""

    __slots__ = ("__wrapped__",)

    def __init__(self, function: Callable[Concatenate[Sender, P], R_co]) -> None:
        self.__wrapped__ = function

    @overload
    def __get__(self, group: None, owner: type) -> Callable[P, R_co]: ...
    @overload
    def __get__(self, group: Group, owner: type) -> BoundEndpoint[P, R_co]: ...
    def __get__(self, group: Group | None, owner: type) -> Callable[P, R_co]:
        if group is not None:
            return BoundEndpoint(self.__wrapped__, group.sender)
        function = self.__wrapped__
        pattern = pattern_of(function, function.__name__, is_async=inspect.iscoroutinefunction(function))
        pattern.with_response = pattern_of(function, "with_response", is_async=True)
        unbound: Callable[P, R_co] = pattern
        return unbound


class renamed(endpoint[P, R_co]):  # noqa: N801  # the sibling of `endpoint`
    """Descriptor that binds an endpoint function to its old name and warns when that is used.

    Args:
        function: The function under its new name.
        was: The old name of the operation on the client.
        now: The new one.
        since: The release that renamed it.
    """

    __slots__ = ("_now", "_since", "_was")

    def __init__(self, function: Callable[Concatenate[Sender, P], R_co], was: str, now: str, since: str) -> None:
        super().__init__(function)
        self._was = was
        self._now = now
        self._since = since

    @overload
    def __get__(self, group: None, owner: type) -> Callable[P, R_co]: ...
    @overload
    def __get__(self, group: Group, owner: type) -> BoundEndpoint[P, R_co]: ...
    def __get__(self, group: Group | None, owner: type) -> Callable[P, R_co]:
        if group is None:
            return super().__get__(group, owner)
        warn_renamed(self._was, self._now, self._since)
        return super().__get__(group, owner)


class GetOptions(TypedDict, total=False):
    """Keyword arguments of the operations that get one item; each takes those that its own signature has."""

    accept_language: str
    available_for_user_id: Ref
    expand: Sequence[str]
    vehicle_id: str


class _Many(Generic[T_co]):
    """A function that gets many items of a collection with one request each."""

    __slots__ = ("_function", "_sender")

    def __init__(self, function: Callable[..., Awaitable[T_co]], sender: Sender) -> None:
        self._function = function
        self._sender = sender

    async def __call__(
        self, ids: Iterable[Ref], /, *, concurrency: int = 20, **options: Unpack[GetOptions]
    ) -> list[T_co | EvEnergyError]:
        """Get many items at once.

        Args:
            ids: IDs, resource URLs or resources.
            concurrency: The most requests at a time.
            options: Keyword arguments of the single get, e.g. `expand`.

        Returns:
            The item or the error for each of `ids`, in their order.

        Raises:
            InvalidArgument: `ids` is a single reference, or `concurrency` is not an integer of at least 1.
        """
        if isinstance(ids, str | bytes | ResourceId | Identified):
            raise InvalidArgument("ids", ids, "several references, as in a list")
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
            raise InvalidArgument("concurrency", concurrency, "an integer of at least 1")
        wanted = list(ids)
        results: dict[int, T_co | EvEnergyError] = {}
        waiting = iter(enumerate(wanted))

        async def work() -> None:
            for index, reference in waiting:
                try:
                    results[index] = await self._function(self._sender, reference, **options)
                except EvEnergyError as error:
                    results[index] = error

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(wanted))):
                    group.create_task(work())
        except BaseExceptionGroup as failures:
            # As a single call raises it, for instance from the caller's own auth.
            raise failures.exceptions[0] from None
        return [results[index] for index in range(len(wanted))]


class many(Generic[T_co]):  # noqa: N801  # the sibling of `endpoint`
    """Descriptor that makes `get_many` from the function that gets one item."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Coroutine[Any, Any, T_co]]) -> None:
        self._function = function

    @overload
    def __get__(self, group: None, owner: type) -> Callable[..., Coroutine[Any, Any, list[T_co | EvEnergyError]]]: ...
    @overload
    def __get__(self, group: Group, owner: type) -> _Many[T_co]: ...
    def __get__(
        self, group: Group | None, owner: type
    ) -> Callable[..., Coroutine[Any, Any, list[T_co | EvEnergyError]]]:
        if group is not None:
            return _Many(self._function, group.sender)
        function: Any = vars(_Many)["__call__"]
        unbound: Callable[..., Coroutine[Any, Any, list[T_co | EvEnergyError]]] = pattern_of(
            function, "get_many", is_async=True
        )
        return unbound


class Group:
    """The operations of one collection, bound to one client."""

    __slots__ = ("sender",)

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.sender!r}>"


class LazyGroup(Generic[G_co]):
    """Descriptor of the client that imports a group when it is first used."""

    __slots__ = ("_class", "_module", "_name")

    def __init__(self, module: str, class_name: str) -> None:
        self._module = module
        self._class = class_name
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: type) -> type[G_co]: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> G_co: ...
    def __get__(self, client: Sender | None, owner: type) -> type[G_co] | G_co:
        found: Any = getattr(importlib.import_module(self._module), self._class)
        if client is None:
            cls: type[G_co] = found
            return cls
        group: G_co = found(client)
        # Not a data descriptor, so the instance's own attribute wins from now on.
        setattr(client, self._name, group)
        return group
