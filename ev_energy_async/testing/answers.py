"""Return values for stubbed operations: pages, paginators, responses, errors. No network is involved.

ev = create_autospec(EvEnergy, instance=True)
ev.vehicles.get.return_value = build(Vehicle)
ev.vehicles.list.return_value = paginated(batch(Vehicle, 3))
ev.vehicles.get.side_effect = api_error(404)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs

from multidict import CIMultiDict

from ev_energy_async import codec
from ev_energy_async.calls import Page, Paginator
from ev_energy_async.client import BASE_URL
from ev_energy_async.errors import InvalidArgument, error_for
from ev_energy_async.messages import Operation, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ev_energy_async.errors import ApiError

__all__ = ["api_error", "page", "paginated", "respond"]

T = TypeVar("T")

# The page size of the API by default.
_PAGE_SIZE: Final = 20
_STUB: Final[Operation[Any]] = Operation(name="stub", method="GET", path="/stub")
_LIST: Final[Operation[Any]] = Operation(name="stub.list", method="GET", path="/stub", is_list=True)
_FIRST_ERROR: Final = 400


def respond(data: T, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[T]:
    """Return a response as a call with `with_response` returns it.

    Args:
        data: The decoded body: a model, a list of models, or None.
        status: HTTP status.
        headers: Headers, e.g. `X-RateLimit-Remaining`.

    Example:
        >>> ev.vehicles.get.with_response = AsyncMock(return_value=respond(build(Vehicle)))  # doctest: +SKIP
    """
    body = b"" if data is None else codec.encode(data)
    return _response(Request(_STUB, _STUB.path), data, body, status, headers or {})


def page(items: Iterable[T], next_cursor: str | None = None) -> Page[T]:
    """Return one page of a list, as `await ev.vehicles.list()` does.

    Args:
        items: The items on it.
        next_cursor: The cursor of the next page; None on the last page.
    """
    found = list(items)
    return Page(found, next_cursor, respond(found))


def paginated(items: Iterable[T], *, page_size: int = _PAGE_SIZE, error: Exception | None = None) -> Paginator[T]:
    """Return a list to stub an operation with: a real `Paginator` over given items.

    It can be awaited for its first page, iterated, asked for `.pages(cursor=...)` and `.all()`, more than once.

    Args:
        items: All items, in order.
        page_size: The number of items on a page.
        error: Raised after the last item, or at once for an empty list.

    Raises:
        InvalidArgument: `page_size` is below 1.

    Example:
        >>> ev.vehicles.list.return_value = paginated(batch(Vehicle, 5), page_size=2)  # doctest: +SKIP
    """
    if page_size < 1:
        raise InvalidArgument("page_size", page_size, "an integer of at least 1")
    return Paginator(_Shelf(list(items), page_size, error), Request(_LIST, _LIST.path))


def api_error(
    status: int,
    *,
    title: str | None = None,
    detail: str | None = None,
    field_errors: Mapping[str, Sequence[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> ApiError:
    """Return the error that a response with this status raises: `NotFound` for 404.

    Args:
        status: HTTP status, 400 or above.
        title: Title of the problem document; the status' phrase by default.
        detail: Detail of the problem document.
        field_errors: Messages by field, as for a rejected body.
        headers: Headers, e.g. `Retry-After`.

    Raises:
        InvalidArgument: The status is not an error.
    """
    if status < _FIRST_ERROR:
        raise InvalidArgument("status", status, "an error status, 400 or above")
    members = {"title": title, "detail": detail, "status": status, "field_errors": field_errors}
    body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
    named = {"Content-Type": "application/problem+json", **(headers or {})}
    return error_for(_response(Request(_STUB, _STUB.path), body, body, status, named))


class _Shelf:
    """A stand-in for the client that a paginator asks for pages."""

    link_origins: frozenset[str] = frozenset()

    def __init__(self, items: list[Any], page_size: int, error: Exception | None) -> None:
        self._items = items
        self._page_size = page_size
        self._error = error

    async def send(self, request: Request[T]) -> Response[T]:
        start = int(parse_qs(request.query).get("page_after", ["0"])[0])
        if self._error is not None and start >= len(self._items):
            raise self._error
        end = start + self._page_size
        found: Any = self._items[start:end]
        goes_on = end < len(self._items) or self._error is not None
        link = {"Link": f'<{BASE_URL}{request.path}?page_after={end}>; rel="next"'} if goes_on else {}
        return _response(request, found, codec.encode(found), 200, link)


def _response(request: Request[Any], data: T, body: bytes, status: int, headers: Mapping[str, str]) -> Response[T]:
    return Response(request, f"{BASE_URL}{request.target}", status, CIMultiDict(headers), body, data)
