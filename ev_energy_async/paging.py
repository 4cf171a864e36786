"""Pages of a list, and the way from one to the next.

The API pages in two schemes that look alike to a client that follows the `Link` header (RFC 8288), which is what this
module does: it never builds the address of a page. Pure but for the `Sender` that a paginator awaits.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload
from urllib.parse import SplitResult, urljoin, urlsplit

import attrs

from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.messages import Request

if TYPE_CHECKING:
    from ev_energy_async.messages import Response, Sender

__all__ = ["Link", "Page", "Paginator", "next_cursor", "origin_of"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# RFC 8288, section 3: a target in angle brackets, then parameters, each value a token or a quoted string.
_LINK: Final = re.compile(r'<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]*))?)*)')
_REL: Final = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))', re.IGNORECASE)
_NOWHERE: Final = "about:blank"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@attrs.frozen
class Link:
    """One link of a `Link` header.

    Attributes:
        target: The address, as it stands in the header.
        rel: What it leads to, e.g. `next`.
    """

    target: str
    rel: str

    @classmethod
    def parse(cls, header: str) -> tuple[Link, ...]:
        """Return the links of a header; one with several relations counts once for each.

        Example:
            >>> Link.parse('<https://api.ev.energy/v2/users?page_after=x>; rel="next", <about:blank>; rel=previous')
            (Link(target='https://api.ev.energy/v2/users?page_after=x', rel='next'),
             Link(target='about:blank', rel='previous'))
        """
        found: list[Link] = []
        for match in _LINK.finditer(header):
            rel = _REL.search(match[2])
            found += [cls(match[1].strip(), each.lower()) for each in ((rel[1] or rel[2] or "") if rel else "").split()]
        return tuple(found)


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, spelled in one way (RFC 6454, section 4)."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port if parts.port is not None else _DEFAULT_PORTS.get(scheme)
    return f"{scheme}://{(parts.hostname or '').lower()}:{port}"


def next_cursor(response: Response[Any], link_origins: frozenset[str]) -> str | None:
    """Return the cursor of the page after this one; None if it is the last.

    A cursor is path and query of the next page, below the base URL.

    Raises:
        DecodeError: The target is on another origin than the answer, and not on one of `link_origins`.
    """
    header = response.headers.get("Link", "")
    target = next((link.target for link in Link.parse(header) if link.rel == "next"), _NOWHERE)
    if not target or target == _NOWHERE:
        return None
    here = urlsplit(response.url)
    there = urlsplit(urljoin(response.url, target))
    request = response.request
    base = here.path.removesuffix(request.path)
    if origin_of(response.url) != origin_of(urljoin(response.url, target)):
        if origin_of(urljoin(response.url, target)) not in link_origins:
            raise DecodeError(f"Link leads to another origin, {_shown(there)}", "Link", response)
        # The page is fetched where the first one was: behind a gateway, which the API does not know of.
        path = there.path.removeprefix(base) if there.path.startswith(base) else request.path
    elif there.path.startswith(base):
        path = there.path.removeprefix(base)
    else:
        raise DecodeError(f"Link leads out of the API, to {there.path!r}", "Link", response)
    if (path, there.query) == (request.path, request.query):
        raise DecodeError("Link leads from a page to itself", "Link", response)
    return f"{path}?{there.query}" if there.query else path


def _shown(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.hostname}"


class Page(Sequence[T_co], Generic[T_co]):
    """One page of a list: a sequence of its items.

    Attributes:
        items: The items, in the order of the API.
        next_cursor: What `pages(cursor=...)` goes on from; None on the last page.
        response: The answer that held the page.
    """

    __slots__ = ("items", "next_cursor", "response")

    def __init__(self, items: Sequence[T_co], next_cursor: str | None, response: Response[Any]) -> None:
        self.items = items
        self.next_cursor = next_cursor
        self.response = response

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        more = "more to come" if self.next_cursor is not None else "the last"
        return f"<Page of {len(self.items)}, {more}>"


class Paginator(Awaitable[Page[T]], Generic[T]):
    """A list that has not been asked for yet.

    Example:
        >>> page = await ev.vehicles.list(page_size=100)  # doctest: +SKIP
        >>> async for vehicle in ev.vehicles.list(): ...  # doctest: +SKIP
        >>> async for page in ev.vehicles.list().pages(cursor=saved): ...  # doctest: +SKIP
        >>> everything = await ev.vehicles.list().all()  # doctest: +SKIP

    Each use sends its own requests, so a paginator can be used again.
    """

    __slots__ = ("_request", "_sender")

    def __init__(self, sender: Sender, request: Request[T]) -> None:
        self._sender = sender
        self._request = request

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self._fetch(self._request).__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return self._items()

    async def _items(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page:
                yield item

    async def pages(self, *, cursor: str | None = None) -> AsyncIterator[Page[T]]:
        """Yield page after page.

        Args:
            cursor: `next_cursor` of a page seen earlier, to go on after it; it holds the filters of that list.

        Raises:
            InvalidArgument: The cursor is not one of this list.
        """
        request: Request[T] | None = self._request if cursor is None else self._after(cursor)
        while request is not None:
            page = await self._fetch(request)
            yield page
            request = None if page.next_cursor is None else self._after(page.next_cursor)

    async def all(self) -> list[T]:
        """Return all items of all pages."""
        return [item async for item in self]

    def _after(self, cursor: str) -> Request[T]:
        path, _, query = cursor.partition("?") if isinstance(cursor, str) else ("", "", "")
        if path != self._request.path:
            raise InvalidArgument("cursor", cursor, f"a `next_cursor` of {self._request}")
        return Request(self._request.operation, path, query, self._request.headers)

    async def _fetch(self, request: Request[T]) -> Page[T]:
        response = await self._sender.send(request)
        items: Any = response.data
        key = request.operation.items
        if key is not None:
            items = getattr(items, key) or ()
        return Page(items, next_cursor(response, self._sender.link_origins), response)
