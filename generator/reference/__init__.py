"""The reference of operations and models as Markdown: `python -m generator reference FOLDER`.

`samples` takes values from the document, `calls` writes the example of each operation with them, `pages` lays all of it
out, and `inventory` tells other projects' documentation where to link to. The pages are part of the site alone, so that
`make docs` writes them (in three seconds) and nothing of them is committed: 90 files would be in the way of each diff.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from generator.emit import ROOT
from generator.generate import VENDORED, build, source_name
from generator.problems import GenerationError
from generator.reference.pages import reference

__all__ = ["main", "reference"]


def main(arguments: list[str]) -> int:
    """Write the pages to a folder, and remove what else is in it; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m generator reference", description="Write the reference of operations and models as Markdown."
    )
    parser.add_argument("folder", type=Path, help="where the pages are written; other pages in it are removed")
    parser.add_argument("--spec", default=str(ROOT / VENDORED), help=f"the document: path or URL (default: {VENDORED})")
    options = parser.parse_args(arguments)
    spec: str = options.spec
    folder: Path = options.folder
    try:
        pages = reference(*build(spec, source_name(spec)))
    except GenerationError as error:
        print(f"generator: {error}", file=sys.stderr)  # noqa: T201  # a command line
        return 2
    for path in folder.rglob("*.md"):
        if path.relative_to(folder).as_posix() not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # A page that has not changed keeps its time: a running `make docs-serve` renders only the others.
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
    return 0
