"""The parts of the tour: a middleware that records each response, and readable checks.

`tests/tour.py` runs the tour; its chapters are in `tests/tour_chapters/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

from ev_energy_async import NotFound
from ev_energy_async.values import UnsetType

from . import conformance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ev_energy_async import EvEnergy, Page, Paginator
    from ev_energy_async.messages.request import Handler, RawResponse, Request
    from ev_energy_async.sandbox import Sandbox

T = TypeVar("T")
R = TypeVar("R", bound="Resource")
O_co = TypeVar("O_co", bound="Resource", covariant=True)


class Resource(Protocol):
    """Something with an ID."""

    @property
    def id(self) -> str | UnsetType: ...


class Get(Protocol[O_co]):
    """An operation that gets one item."""

    def __call__(self, ref: str, /) -> Awaitable[O_co]: ...


@attrs.define
class Visit:
    """An operation that was called.

    Attributes:
        operation: Its name on the client, as in `vehicles.list`.
        statuses: The statuses of its responses, each once.
        checked: What was found to be as it should, in words.
        failed: What was not.
    """

    operation: str
    statuses: list[int] = attrs.field(factory=list[int])
    checked: list[str] = attrs.field(factory=list[str])
    failed: list[str] = attrs.field(factory=list[str])


class Tour:
    """A tour of a sandbox with a client, whose middleware it is.

    Attributes:
        sandbox: What is visited.
        visits: The operations visited so far, in the order of their first visit.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.visits: dict[str, Visit] = {}
        self._at = Visit("nowhere")
        self._ev: EvEnergy | None = None

    @property
    def ev(self) -> EvEnergy:
        """The application's client."""
        assert self._ev is not None, "the tour has not begun"
        return self._ev

    @ev.setter
    def ev(self, client: EvEnergy) -> None:
        self._ev = client

    async def __call__(self, request: Request[Any], following: Handler) -> RawResponse:
        """Pass a request on, record the response, and check it against the document."""
        response = await following(request)
        operation = conformance.operations()[request.operation.method, request.operation.path]
        content_type = response.headers.get("Content-Type", "")
        visit = self._at = self.visits.setdefault(request.operation.name, Visit(request.operation.name))
        if response.status not in visit.statuses:
            visit.statuses.append(response.status)
        visit.failed += conformance.problems(
            conformance.Answer(operation, response.status, response.headers, content_type, response.body)
        )
        return response

    def check(self, what: str, holds: object, *, visit: Visit | None = None) -> None:
        """Record a check of the last response (or of that of another visit), and its outcome."""
        visit = visit or self._at
        noted = visit.checked if holds else visit.failed
        if what not in noted:
            noted.append(what)

    async def gone(self, look: Callable[[], Awaitable[object]]) -> None:
        """Check that what the last operation deleted is gone."""
        took = self._at
        try:
            await look()
        except NotFound:
            self.check("gone afterwards", holds=True, visit=took)
        else:
            self.check("gone afterwards", holds=False, visit=took)

    async def some(self, pages: Paginator[T]) -> Page[T]:
        """Return the first page of a list that should not be empty."""
        page = await pages
        self.check("some items" if page else "no items", page)
        return page

    async def having(self, things: Iterable[T], *logs: Callable[[T], Paginator[Any]]) -> T:
        """Return the first of several devices that has logs of each of these kinds.

        Raises:
            LookupError: None has.
        """
        for thing in things:
            if all([await each(thing) for each in logs]):
                return thing
        raise LookupError("nothing has all of these logs")

    async def list_and_get(self, pages: Paginator[R], get: Get[Resource]) -> R:
        """Return the first item of a list, after fetching it by itself as well."""
        item = (await self.some(pages))[0]
        found = await get(known(item.id))
        self.check("as listed", known(found.id) == item.id)
        return item

    async def list_and_get_log(self, pages: Paginator[T], get: Callable[[T], Awaitable[object]]) -> T:
        """Return the newest log of a list, after fetching it by its time as well."""
        log = (await self.some(pages))[0]
        found = await get(log)
        self.check("as listed", found == log)
        return log


def known(value: T | UnsetType | None) -> T:
    """Return a value that must be present.

    Raises:
        AssertionError: It is absent or null.
    """
    assert value is not None, "null where a value is needed"
    assert not isinstance(value, UnsetType), "absent where a value is needed"
    return value


def url(value: object) -> str:
    """Return the URL in a field that holds a reference.

    Raises:
        AssertionError: It holds something else.
    """
    assert isinstance(value, str), f"{value!r} is no URL"
    return value
