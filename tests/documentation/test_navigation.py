"""Each page of the guides has its place in the navigation of the site."""

from __future__ import annotations

from .pages import GUIDES, ROOT


def test_each_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").split("\nnav:\n", 1)[1]
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in GUIDES if page.is_relative_to(ROOT / "docs")]
    assert [page for page in pages if page not in navigation] == []
