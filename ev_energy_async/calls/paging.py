"""Pages of a list, and the way from one to the next.

List operations return a `Paginator`. The API pages in two schemes that look alike to a client that follows the `Link`
header (RFC 8288), so this module follows it and never builds the URL of a page. Pure but for the `Sender` that a
paginator awaits.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload
from urllib.parse import quote, unquote, urljoin, urlsplit

import msgspec
from msgspec.structs import replace
from multidict import MultiMapping

from ev_energy_async._attributes import WithAttributes
from ev_energy_async.errors import DecodeError, InvalidArgument, NotExactlyOne
from ev_energy_async.messages import Request
from ev_energy_async.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ev_energy_async.messages import RawResponse, Response, Sender

__all__ = ["Link", "Page", "Paginator", "next_cursor"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# A parameter of a link (RFC 8288, section 3): a name, then `=` and a token or a quoted string. Matched at one position
# after another, each of which is looked at a fixed number of times.
_PARAM: Final = re.compile(r'\s*;\s*([\w!#$&+.^`|~*-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*)))?')
# The usual header of the API: the next page first, and no other parameter.
_NEXT_FIRST: Final = re.compile(r'<([^>]*)>; rel="next"(?:,|$)')
_LONGEST_HEADER: Final = 16 * 1024
_NOWHERE: Final = "about:blank"
# The end of a list as a cursor. A fragment, so that no URL of a page is spelled like it.
_END: Final = "#end"
# The characters of a query besides letters and digits (RFC 3986, section 3.4), and the mark of percent-encoding.
_QUERY: Final = "!$&'()*+,;=:@/?-._~%"
_PLAIN_QUERY: Final = re.compile(f"[A-Za-z0-9{re.escape(_QUERY)}]*")


class Link(WithAttributes, msgspec.Struct, frozen=True):
    """One link of a `Link` header.

    Attributes:
        target: The URL as the header has it.
        rel: Its relation, e.g. `next`.
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
        return tuple(cls(target, rel) for target, rels in _links(header) for rel in rels)


def _links(header: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the targets of a `Link` header with their relations, in time linear to its length."""
    at = header.find("<")
    while at >= 0:
        end = header.find(">", at)
        if end < 0:
            return
        target, at, rels = header[at + 1 : end], end + 1, None
        while param := _PARAM.match(header, at):
            at = param.end()
            if rels is None and param[1].lower() == "rel":  # only the first `rel` counts (RFC 8288, section 3.3)
                rels = param[2] or param[3] or ""
        yield target.strip(), (rels or "").lower().split()
        comma = header.find(",", at)
        at = header.find("<", comma) if comma >= 0 else -1


def next_cursor(response: RawResponse, link_origins: frozenset[str]) -> str | None:
    """Return the cursor of the page after this one; None if it is the last.

    A cursor is path and query of the next page, below the base URL.

    Raises:
        DecodeError: The header is too long, or its target is another list, or on an origin that is neither that of the
            response nor one of `link_origins`.
    """
    fields = _fields(response.headers, "Link")
    header = fields[0] if len(fields) == 1 else ", ".join(fields)
    if len(header) > _LONGEST_HEADER:
        raise DecodeError(f"Link is longer than {_LONGEST_HEADER:,} characters", "Link", response)
    usual = _NEXT_FIRST.match(header)
    if usual is not None:
        target = usual[1].strip()
    else:
        target = next((target for target, rels in _links(header) if "next" in rels), _NOWHERE)
    if not target or target == _NOWHERE:
        return None
    request = response.request
    address, _, query = target.partition("?")
    if address != response.url.partition("?")[0] or not _PLAIN_QUERY.fullmatch(query):
        # Spelled differently, or elsewhere.
        query = _query_of_same_list(target, response, link_origins)
    if query == request.query:
        raise DecodeError("Link leads from a page to itself", "Link", response)
    # The page is fetched where the first one was.
    return f"{request.path}?{query}" if query else request.path


def _query_of_same_list(target: str, response: RawResponse, link_origins: frozenset[str]) -> str:
    """Return the query of a target that leads to the list of the response, encoded for the wire."""
    try:
        url = urljoin(response.url, target)
        there, origin = urlsplit(url), origin_of(url)
    except ValueError as error:
        raise DecodeError("Link leads to what is not a URL", "Link", response) from error
    request = response.request
    # Some URLs of the API lack its `/v2`, or end with a slash.
    path = unquote(there.path).rstrip("/")
    is_same_list = path in {unquote(urlsplit(response.url).path), unquote(request.path)}
    if origin != origin_of(response.url):
        if origin not in link_origins:
            raise DecodeError(f"Link leads to another origin, {there.scheme}://{there.hostname}", "Link", response)
        # The API does not know of a gateway before it, whose base path may differ too.
        is_same_list = path.endswith(unquote(request.path))
    if not is_same_list:
        raise DecodeError(f"Link leads to another list, {there.path!r}", "Link", response)
    # Characters that a request line does not take are encoded; to the server it is the same query.
    return quote(there.query, safe=_QUERY)


def _fields(headers: Mapping[str, str], name: str) -> Sequence[str]:
    """Return all values of a header: a list may be spread over several fields (RFC 9110, section 5.3)."""
    if isinstance(headers, MultiMapping):
        several: MultiMapping[str] = headers
        return several.getall(name, [])
    return [headers[name]] if name in headers else []


class Page(Sequence[T_co], Generic[T_co]):
    """One page of a list: a sequence of its items.

    Attributes:
        items: The items, in the order of the API.
        next_cursor: The cursor of the next page; None on the last page.
        response: The response with the page.
    """

    __slots__ = ("items", "next_cursor", "response")

    def __init__(self, items: Sequence[T_co], next_cursor: str | None, response: Response[Any]) -> None:
        self.items = items
        self.next_cursor = next_cursor
        self.response = response

    @property
    def resume(self) -> str:
        """A cursor to store: `pages(cursor=...)` continues after this page; after the last one it yields nothing."""
        return self.response.request.path + _END if self.next_cursor is None else self.next_cursor

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        return self.items[index]

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        more = "more to come" if self.next_cursor is not None else "the last"
        return f"<Page of {len(self.items)}, {more}>"


class Paginator(Awaitable[Page[T]], Generic[T]):
    """A list that is requested page by page, when it is used.

    Each use sends its own requests, so a paginator can be used again.

    Example:
        >>> page = await ev.vehicles.list()  # doctest: +SKIP
        >>> async for vehicle in ev.vehicles.list(): ...  # doctest: +SKIP
        >>> async for page in ev.vehicles.list().pages(cursor=saved): ...  # doctest: +SKIP
        >>> everything = await ev.vehicles.list().all()  # doctest: +SKIP
    """

    __slots__ = ("_request", "_sender")

    def __init__(self, sender: Sender, request: Request[T]) -> None:
        self._sender = sender
        self._request = request

    def __await__(self) -> Generator[Any, None, Page[T]]:
        return self.page().__await__()

    def __aiter__(self) -> AsyncIterator[T]:
        return self._items()

    async def _items(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page:
                yield item

    def lean(self, lean_of: Callable[[Any], Any]) -> Paginator[Any]:
        """Return the same list with leaner items, on those of its pages that fit them; the others have models.

        Args:
            lean_of: Returns the type of lean items for that of the models; None if there is none.
        """
        operation, request = self._request.operation, self._request
        into = operation.into() if operation.into is not None and operation.items is None else None
        lean: Any = None if into is None else lean_of(into)
        if lean is None:
            return self
        return Paginator(self._sender, replace(request, lean=list[lean]))

    async def page(self) -> Page[T]:
        """Return the first page; like awaiting the list, but a coroutine, as `TaskGroup.create_task` needs."""
        return await self._fetch(self._request)

    async def pages(self, *, cursor: str | None = None) -> AsyncIterator[Page[T]]:
        """Yield page after page.

        Args:
            cursor: `resume` or `next_cursor` of an earlier page, to continue after it; it contains the filters of its
                list. None starts at the first page.

        Raises:
            InvalidArgument: The cursor does not belong to this list.
            DecodeError: The `Link` headers lead in a circle.
        """
        request = self._request if cursor is None else self._after(cursor)
        seen: set[int] = set()
        while request is not None:
            page = await self._fetch(request)
            yield page
            cursor = page.next_cursor
            if cursor is None:
                return
            # Numbers instead of texts, since a list may have 100,000 pages.
            if (number := hash(cursor)) in seen:
                raise DecodeError("Link leads back to a page that came before", "Link", page.response.as_received())
            seen.add(number)
            request = self._after(cursor)

    async def all(self) -> list[T]:
        """Return all items of all pages."""
        return [item async for item in self]

    async def first(self) -> T | None:
        """Return the first item; None if the list is empty."""
        async for item in self:
            return item
        return None

    async def one(self) -> T:
        """Return the only item of the list.

        Raises:
            NotExactlyOne: The list is empty or has more items.
        """
        found: list[T] = []
        async for item in self:
            found.append(item)
            if len(found) > 1:
                break
        if len(found) != 1:
            raise NotExactlyOne(self._request, len(found))
        return found[0]

    def _after(self, cursor: str) -> Request[T] | None:
        first = self._request
        if cursor == first.path + _END:
            return None
        path, _, query = cursor.partition("?") if isinstance(cursor, str) else ("", "", "")
        if path != first.path or quote(query, safe=_QUERY) != query:
            # The query of a cursor has the filters of its list, which may be personal data.
            raise InvalidArgument("cursor", path or cursor, f"a cursor of {first}")
        return Request(first.operation, path, query, first.headers, on_bad_item=first.on_bad_item, lean=first.lean)

    async def _fetch(self, request: Request[T]) -> Page[T]:
        try:
            response = await self._sender.send(request)
        except DecodeError as error:
            if error.items is not None and error.response is not None:
                error.next_cursor = next_cursor(error.response, self._sender.link_origins)
            raise
        items: Any = response.data
        key = request.operation.items
        if key is not None:
            items = getattr(items, key) or ()
        return Page(items, next_cursor(response.as_received(), self._sender.link_origins), response)
