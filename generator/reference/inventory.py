"""Add operations and models to the inventory of the built site, `site/objects.inv`; run by `make docs`.

mkdocstrings writes it for what it renders itself. The reference that the generator writes is not, and other projects
want to link to it too: ``:py:class:`ev_energy_async.models.Vehicle` ``. The format is Sphinx's, version 2.
"""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path
from typing import Final

from generator.emit import ROOT

_OPERATION: Final = re.compile(r"^## `ev\.(\w+)\.(\w+)\(", re.MULTILINE)
_MODEL: Final = re.compile(r"^## (\w+) \{ #\w+ \}$", re.MULTILINE)


def entries(reference: Path) -> list[str]:
    """Return a line of the inventory for each operation and each model in the pages of the reference."""
    found: list[str] = []
    for page in sorted(reference.glob("*.md")):
        for group, name in _OPERATION.findall(page.read_text("utf-8")):
            class_name = "".join(word.capitalize() for word in group.split("_"))
            path = f"ev_energy_async.api.{group}.{class_name}.{name}"
            found.append(f"{path} py:method 1 reference/{page.stem}.html#{name} ev.{group}.{name}")
    for page in sorted((reference / "models").glob("*.md")):
        place = f"reference/models/{page.stem}.html"
        models = _MODEL.findall(page.read_text("utf-8"))
        found += [f"ev_energy_async.models.{name} py:class 1 {place}#{name} {name}" for name in models]
    return found


def main() -> int:
    """Write the inventory anew; returns the exit status."""
    inventory = ROOT / "site" / "objects.inv"
    *head, packed = inventory.read_bytes().split(b"\n", 4)
    lines = zlib.decompress(packed).decode().splitlines()
    more = [line for line in entries(ROOT / "docs" / "reference") if line not in lines]
    inventory.write_bytes(b"\n".join([*head, zlib.compress("\n".join([*lines, *more, ""]).encode())]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
