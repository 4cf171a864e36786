"""The `Link` header: what is read from it, and what reading it costs."""

from __future__ import annotations

import time
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import DecodeError, Link, Request, Response
from ev_energy_async.calls.paging import next_cursor
from ev_energy_async.messages import Operation

# --- The header


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ("", []),
        ('<a>; rel="next"', [("a", "next")]),
        ("<a>; rel=next", [("a", "next")]),
        ("<a>;rel=next,<b>;rel=previous", [("a", "next"), ("b", "previous")]),
        ('<a> ; rel = "next" , <b>; rel=previous', [("a", "next"), ("b", "previous")]),
        ('<a>; REL="Next"', [("a", "next")]),
        ('<a>; rel="next last"', [("a", "next"), ("a", "last")]),
        ('<a>; title="x, <b>; rel=previous"; rel=next', [("a", "next")]),
        ('<a>; title="x; rel=previous"; rel=next', [("a", "next")]),
        (r'<a>; title="x\"; rel=previous; y=\""; rel=next', [("a", "next")]),
        ("<a>; rel=next; rel=previous", [("a", "next")]),
        ("<a>; crossorigin; rel=next", [("a", "next")]),
        ("<a>; title*=UTF-8''x; rel=next", [("a", "next")]),
        ("<a>; xrel=previous; rel=next", [("a", "next")]),
        ("<a?x=1,2;3>; rel=next", [("a?x=1,2;3", "next")]),
        ("< a >; rel=next", [("a", "next")]),
        ("<>; rel=next", [("", "next")]),
        ("<a>", []),
        ("<a>; rel", []),
        ('<a>; rel=""', []),
        ("a; rel=next", []),
        ("<a; rel=next", []),
        ("nonsense", []),
    ],
)
def test_a_link_header_is_read_as_rfc_8288_writes_it(header: str, links: list[tuple[str, str]]) -> None:
    assert [(link.target, link.rel) for link in Link.parse(header)] == links


TARGETS: Final = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<>"), min_size=1)
RELS: Final = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8)
TITLES: Final = st.text(st.characters(min_codepoint=32, max_codepoint=126))


@st.composite
def links(draw: st.DrawFn) -> tuple[str, list[Link]]:
    """A header as it may be written, and the links in it."""
    parts: list[str] = []
    meant: list[Link] = []
    for _ in range(draw(st.integers(1, 4))):
        target, rels = draw(TARGETS), draw(st.lists(RELS, min_size=1, max_size=3))
        quoted = len(rels) > 1 or draw(st.booleans())
        title = draw(TITLES).replace("\\", "\\\\").replace('"', '\\"')
        params = [f'rel="{" ".join(rels)}"' if quoted else f"rel={rels[0]}", f'title="{title}"', "hreflang=en"]
        space = draw(st.sampled_from(["", " "]))
        parts.append(f"<{target}>" + "".join(f"{space};{space}{each}" for each in draw(st.permutations(params))))
        meant += [Link(target, rel) for rel in rels]
    return draw(st.sampled_from([",", ", ", " ,  "])).join(parts), meant


@given(links())
def test_any_link_header_is_read_as_it_was_meant(written: tuple[str, list[Link]]) -> None:
    header, meant = written

    assert list(Link.parse(header)) == meant


@given(st.text())
def test_no_link_header_is_an_error(header: str) -> None:
    assert all(link.rel for link in Link.parse(header))


# Each took a parser with backtracking minutes, or ends in what no link has.
HOSTILE: Final = [
    "<" * 1_000_000,
    "<>" * 500_000,
    "<a>;" * 250_000,
    "<a>; rel" + " " * 1_000_000,
    '<a>; rel="' + "\\\\" * 500_000,
    '<a>; a="x";' * 90_000,
    '<a>;a="' * 150_000,
    "<a>" + "; a=b" * 200_000 + "!",
    "<a>, " * 200_000 + "<",
    " ;" * 500_000,
]


@pytest.mark.parametrize("header", HOSTILE, ids=range(len(HOSTILE)))
def test_reading_a_header_takes_time_linear_to_its_length(header: str) -> None:
    def cost(text: str) -> float:
        started = time.process_time()
        Link.parse(text)
        return time.process_time() - started

    # Eight times the text takes eight times as long, not 64 times; other work on the machine may spoil one measurement.
    part = max(cost(header[: len(header) // 8]), 0.002)
    assert any(cost(header) < 24 * part for _ in range(3))


_LIST: Final[Operation[Any]] = Operation(name="regions.list", method="GET", path="/regions", is_list=True)


def answered(link: str) -> Response[Any]:
    request: Request[Any] = Request(_LIST, "/regions")
    return Response(request, "https://api.ev.energy/v2/regions", 200, {"Link": link}, b"[]", [])


def test_a_header_of_more_than_16_kib_is_refused_unread() -> None:
    link = '</v2/regions?page_after=b>; rel="next"'
    assert next_cursor(answered(link.ljust(16 * 1024)), frozenset()) == "/regions?page_after=b"
    with pytest.raises(DecodeError, match="longer than 16,384 characters"):
        next_cursor(answered(link.ljust(16 * 1024 + 1)), frozenset())
