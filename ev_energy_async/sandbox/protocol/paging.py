"""Cuts pages out of ordered collections and writes the `Link` header (RFC 8288) that leads from page to page.

Two schemes: by cursor (`page_after`, `page_before`) and by page number (`page`). No I/O.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlencode

PAGE_SIZE: Final = 25

NOWHERE: Final = "about:blank"
"""The target of a link that leads to no page."""

_REPLACED: Final = frozenset({"page_after", "page_before", "page"})

T = TypeVar("T")
C = TypeVar("C")
T_co = TypeVar("T_co", covariant=True)
C_contra = TypeVar("C_contra", contravariant=True)


class Ordered(Protocol[T_co, C_contra]):
    """A collection in the order in which it is listed."""

    def following(self, cursor: C_contra | None, /) -> Iterator[T_co]:
        """Yield what comes after a cursor, which need not be in the collection; after None, everything."""
        ...

    def preceding(self, cursor: C_contra, /) -> Iterator[T_co]:
        """Yield what comes before a cursor, nearest first."""
        ...


class Page(NamedTuple, Generic[T]):
    """One page, and the query parameters of its neighbours (None if it has none)."""

    items: Sequence[T]
    next: tuple[str, str] | None
    previous: tuple[str, str] | None


class NoSuchPage(Exception):
    """A page number beyond the last page."""


def by_cursor(
    ordered: Ordered[T, C],
    cursor_of: Callable[[T], C],
    *,
    after: C | None = None,
    before: C | None = None,
    size: int = PAGE_SIZE,
    write: Callable[[C], str] = str,
) -> Page[T]:
    """Return the page after a cursor, before one, or the first. `before` is ignored beside `after`.

    A cursor is a place in the order, not an item: it stays right when items come and go.
    """
    if after is None and before is not None:
        items = list(islice(ordered.preceding(before), size))[::-1]
    else:
        items = list(islice(ordered.following(after), size))
    if not items:
        return Page(items, None, None)
    first, last = cursor_of(items[0]), cursor_of(items[-1])
    more = next(ordered.following(last), None) is not None
    earlier = next(ordered.preceding(first), None) is not None
    return Page(
        items,
        ("page_after", write(last)) if more else None,
        ("page_before", write(first)) if earlier else None,
    )


def by_number(items: Sequence[T], *, number: int = 1, size: int = PAGE_SIZE) -> Page[T]:
    """Return the page of that number, counted from 1. An empty collection has one empty page.

    Raises:
        NoSuchPage: there are not so many pages.
    """
    start = (number - 1) * size
    if number < 1 or (start >= len(items) and number > 1):
        raise NoSuchPage(number)
    return Page(
        items[start : start + size],
        ("page", str(number + 1)) if start + size < len(items) else None,
        ("page", str(number - 1)) if number > 1 else None,
    )


def link_header(page: Page[T], url: str, query: Sequence[tuple[str, str]]) -> str:
    """Return the value of `Link` for a page that was asked for at `url` with that query."""
    kept = [(name, value) for name, value in query if name not in _REPLACED]
    return ", ".join(
        f'<{_target(url, kept, cursor)}>; rel="{relation}"'
        for relation, cursor in (("next", page.next), ("previous", page.previous))
    )


def _target(url: str, kept: list[tuple[str, str]], cursor: tuple[str, str] | None) -> str:
    if cursor is None:
        return NOWHERE
    return f"{url}?{urlencode([*kept, cursor], quote_via=quote, safe=':')}"
