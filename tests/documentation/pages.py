"""The pages of the documentation, and the examples on them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["GUIDES", "PAGES", "ROOT", "WRITTEN", "Example", "examples_of"]

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

_BLOCK: Final = re.compile(r'^```python(?: title="(not run: [^"]+)")?\n(.*?)^```', re.DOTALL | re.MULTILINE)
_FILE: Final = re.compile(r"# (\w+\.py)\n")


@dataclass(frozen=True)
class Example:
    """A block of Python.

    Attributes:
        page: The page it is on.
        line: The line of the page on which its code begins.
        code: The code.
        excuse: Why it cannot be run, as its fence tells the reader; empty if it can.
    """

    page: Path
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


def examples_of(*pages: Path) -> list[Example]:
    """Return the examples on some pages."""
    return [
        Example(page, text.count("\n", 0, found.start(2)) + 1, found[2], found[1] or "")
        for page in pages
        for text in (page.read_text("utf-8"),)
        for found in _BLOCK.finditer(text)
    ]
