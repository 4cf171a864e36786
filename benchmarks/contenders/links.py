"""Cut the next page out of the `Link` header, as users of a client without paging have to do."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

__all__ = ["following", "next_url"]

_NOWHERE = "about:blank"


def next_url(link: str) -> str | None:
    """Return the address of the next page; None if this is the last. The server's headers begin with it."""
    url = link[1 : link.index(">")]
    return None if url == _NOWHERE else url


def following(link: str) -> dict[str, str] | None:
    """Return the argument that asks for the next page; None if this is the last."""
    url = next_url(link)
    return None if url is None else {"page_after": parse_qs(urlsplit(url).query)["page_after"][0]}
