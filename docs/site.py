"""Write the pages of the site that other files are the source of; run by `make docs`.

The reference comes from the generator. The changelog and what contributors read are kept at the root of the repository,
where people look for them: here they are copied, and their links with them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from generator.reference import main as write_reference

DOCS: Final = Path(__file__).resolve().parent
COPIED: Final = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#]*)(#[^)]*)?\)")


def copied(text: str) -> str:
    """Return a page of the root as a page of `docs/`: links to files that the site does not have become text."""

    def moved(link: re.Match[str]) -> str:
        label, path, anchor = link[1], link[2], link[3] or ""
        target = COPIED.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
        return f"[{label}]({target}{anchor})" if target.endswith(".md") else label

    return _LINK.sub(moved, text)


def main() -> int:
    """Write all pages; returns the exit status."""
    for name, page in COPIED.items():
        (DOCS / page).write_text(copied((DOCS.parent / name).read_text("utf-8")), "utf-8")
    return write_reference([str(DOCS / "reference")])


if __name__ == "__main__":
    sys.exit(main())
