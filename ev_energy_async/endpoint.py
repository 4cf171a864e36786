"""Binds endpoint functions to a client, all with the same three lines of a descriptor.

`get = endpoint(get_vehicle)` in a group gives `ev.vehicles.get(...)`, with the function's names, types, defaults and
docstring, and `ev.vehicles.get.with_response(...)`. Imported by the generated groups.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from ev_energy_async.errors import EvEnergyError, InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Request, Response, Sender
    from ev_energy_async.paging import Page, Paginator

__all__ = ["BoundEndpoint", "Group", "LazyGroup", "endpoint", "many"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
G_co = TypeVar("G_co", covariant=True)


class _Recorder:
    """A sender that remembers the last answer."""

    __slots__ = ("_sender", "response")

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.response: Response[Any] | None = None

    @property
    def link_origins(self) -> frozenset[str]:
        """Origins that a `Link` may name."""
        return self._sender.link_origins

    async def send(self, request: Request[T]) -> Response[T]:
        """Send a request, and keep the answer."""
        response = await self._sender.send(request)
        self.response = response
        return response


class BoundEndpoint(Generic[P, R_co]):
    """An endpoint function with its client filled in."""

    def __init__(self, function: Callable[Concatenate[Sender, P], R_co], sender: Sender) -> None:
        self.__wrapped__ = function
        self._sender = sender
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__doc__ = function.__doc__

    @property
    def __signature__(self) -> inspect.Signature:
        """The signature as callers see it: without the sender."""
        full = inspect.signature(self.__wrapped__)
        return full.replace(parameters=list(full.parameters.values())[1:])

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:  # noqa: D102  # the function's own docstring serves
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
        """Call the operation and return the whole answer: `.data`, `.status`, `.headers`, `.rate_limit`, `.body`.

        Of a list operation it is the answer of one page, with a `Page` as data.
        """
        return self._recorded(*args, **kwargs)

    async def _recorded(self: BoundEndpoint[P, Any], *args: P.args, **kwargs: P.kwargs) -> Response[Any]:
        recorder = _Recorder(self._sender)
        data = await self.__wrapped__(recorder, *args, **kwargs)
        assert recorder.response is not None, "an endpoint function sends exactly one request"  # noqa: S101
        return recorder.response.with_data(data)

    def __repr__(self) -> str:
        return f"<endpoint {self.__name__} of {self._sender!r}>"


class endpoint(Generic[P, R_co]):  # noqa: N801  # reads as the decorator-like thing it is
    """Descriptor that binds an endpoint function to the client of the group it is read from."""

    __slots__ = ("__wrapped__",)

    def __init__(self, function: Callable[Concatenate[Sender, P], R_co]) -> None:
        self.__wrapped__ = function

    @overload
    def __get__(self, group: None, owner: type) -> endpoint[P, R_co]: ...
    @overload
    def __get__(self, group: Group, owner: type) -> BoundEndpoint[P, R_co]: ...
    def __get__(self, group: Group | None, owner: type) -> endpoint[P, R_co] | BoundEndpoint[P, R_co]:
        return self if group is None else BoundEndpoint(self.__wrapped__, group.sender)


class _Many(Generic[T_co]):
    """A function that gets many items of a collection, each by a request of its own."""

    __slots__ = ("_function", "_sender")

    def __init__(self, function: Callable[..., Awaitable[T_co]], sender: Sender) -> None:
        self._function = function
        self._sender = sender

    async def __call__(
        self, ids: Iterable[Ref], /, *, concurrency: int = 20, **options: Any
    ) -> list[T_co | EvEnergyError]:
        """Get many items at once.

        Args:
            ids: IDs, resource URLs or resources.
            concurrency: How many requests may be under way at a time.
            options: Keyword arguments of the single get, e.g. `expand`.

        Returns:
            For each of `ids`, in their order: the item, or the error that getting it came to.

        Raises:
            InvalidArgument: `concurrency` is not a whole number of at least 1.
        """
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
            # As a single call raises it, say from an auth of the caller's own.
            raise failures.exceptions[0] from None
        return [results[index] for index in range(len(wanted))]


class many(Generic[T_co]):  # noqa: N801  # the sibling of `endpoint`
    """Descriptor that makes `get_many` of the function that gets one item."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Coroutine[Any, Any, T_co]]) -> None:
        self._function = function

    def __get__(self, group: Group, owner: type) -> _Many[T_co]:
        return _Many(self._function, group.sender)


class Group:
    """The operations of one collection, bound to one client."""

    __slots__ = ("sender",)

    def __init__(self, sender: Sender) -> None:
        self.sender = sender

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.sender!r}>"


class LazyGroup(Generic[G_co]):
    """Descriptor on the client that imports a group when it is first used."""

    __slots__ = ("_class", "_module", "_name")

    def __init__(self, module: str, class_name: str) -> None:
        self._module = module
        self._class = class_name
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, client: None, owner: type) -> LazyGroup[G_co]: ...
    @overload
    def __get__(self, client: Sender, owner: type) -> G_co: ...
    def __get__(self, client: Sender | None, owner: type) -> LazyGroup[G_co] | G_co:
        if client is None:
            return self
        group: G_co = getattr(importlib.import_module(self._module), self._class)(client)
        # Not a data descriptor, so the group is found in the instance from now on.
        vars(client)[self._name] = group
        return group
