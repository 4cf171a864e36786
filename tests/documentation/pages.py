"""The pages of the documentation, and the examples on them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["GUIDES", "PAGES", "ROOT", "WRITTEN", "Example", "examples_of", "fences_of", "without_fences"]

ROOT: Final = Path(__file__).resolve().parents[2]
WRITTEN: Final = frozenset({"changelog.md", "contributing.md", "reference", "security.md"})
"""The pages that `make docs` writes below `docs/`; they have tests of their own."""
GUIDES: Final = (
    ROOT / "README.md",
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if p.relative_to(ROOT / "docs").parts[0] not in WRITTEN),
)
"""The pages for users: their examples are run."""
PAGES: Final = (*GUIDES, *sorted(ROOT.glob("[!R]*.md")), *sorted(ROOT.glob("[a-z]*/README.md")))
"""All pages: their links and commands are checked."""

_FENCE: Final = re.compile(r'^( *)```(\w+)(?: title="(not run: [^"]+)")?\n(.*?)^\1```$', re.DOTALL | re.MULTILINE)
_FILE: Final = re.compile(r"# (\w+\.py)\n")


@dataclass(frozen=True)
class Example:
    """A block of code in a fence.

    Attributes:
        page: The page it is on.
        language: Its language.
        line: The line of the page on which its code begins.
        code: The code.
        excuse: Why it cannot be run, as its fence tells the reader; empty if it can.
    """

    page: Path
    language: str
    line: int
    code: str
    excuse: str

    @property
    def file(self) -> str | None:
        """The file that the example says it is, in a comment on its first line; None if it names none."""
        named = _FILE.match(self.code)
        return named and named[1]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def without_fences(page: Path) -> str:
    """Return the text of a page without its fences."""
    return _FENCE.sub("", page.read_text("utf-8"))


def fences_of(*pages: Path, language: str) -> list[Example]:
    """Return the fences of a language on some pages."""
    return [
        Example(page, found[2], text.count("\n", 0, found.start(4)) + 1, textwrap.dedent(found[4]), found[3] or "")
        for page in pages
        for text in (page.read_text("utf-8"),)
        for found in _FENCE.finditer(text)
        if found[2] == language
    ]


def examples_of(*pages: Path) -> list[Example]:
    """Return the examples in Python on some pages."""
    return fences_of(*pages, language="python")
