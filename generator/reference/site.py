"""Check what was built of the site; run by `make docs`.

Other projects link to it by `objects.inv`, and language models read `llms.txt`: both must be there and name the public
API. `tests/documentation` sees to it that the pages of the reference do.
"""

from __future__ import annotations

import re
import sys
import zlib
from typing import Final

from generator.emit import ROOT
from generator.reference.inventory import entries

DOCS: Final = ROOT / "docs"
SITE: Final = ROOT / "site"
_SHOWN: Final = re.compile(r"^::: (\S+)", re.MULTILINE)
_OPERATIONS: Final = "reference/operations.md"


def shown() -> list[str]:
    """Return the dotted names that the hand-written pages of the reference show."""
    return [name for page in sorted((DOCS / "python").glob("*.md")) for name in _SHOWN.findall(page.read_text("utf-8"))]


def main() -> int:
    """Check the site; returns the exit status."""
    inventory = zlib.decompress((SITE / "objects.inv").read_bytes().split(b"\n", 4)[-1]).decode().splitlines()
    named = {line.split()[0] for line in inventory}
    public = [*shown(), *(line.split()[0] for line in entries(DOCS / "reference"))]
    wrong = [f"objects.inv lacks {name}" for name in public if name not in named]
    listed = re.findall(r"/((?:python/|reference/)?[\w-]+\.md)>?\)", (SITE / "llms.txt").read_text("utf-8"))
    wanted = {_OPERATIONS, *(f"python/{page.name}" for page in (DOCS / "python").glob("*.md"))}
    wrong += [f"llms.txt lacks {page}" for page in sorted(wanted - set(listed))]
    wrong += [f"llms.txt names {page}, which is not there" for page in listed if not (SITE / page).exists()]
    sys.stderr.writelines(f"{each}\n" for each in wrong)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
