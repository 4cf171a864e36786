"""Write entries into a changelog (https://keepachangelog.com), below Unreleased, beside what people wrote there.

Pure: text in, text out. An entry that is there already is not written again, and nothing that stands there is changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from generator.diff.rules import Section

HEAD: Final = """# Changelog

Changes that users of the SDK notice. The form is that of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/), the
versions are those of [Semantic Versioning](https://semver.org/spec/v2.0.0.html); below 1.0, a new minor version may
break code.

## [Unreleased]
"""

_UNRELEASED: Final = re.compile(r"^## +\[?Unreleased\]?", re.IGNORECASE)
_RELEASE: Final = re.compile(r"^(## |\[[^\]]+\]: )")
_ORDER: Final = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def insert(text: str, entries: Mapping[Section, Sequence[str]], note: str = "") -> str:
    """Return a changelog with entries added below Unreleased.

    Args:
        text: The current changelog; empty if it does not exist yet.
        entries: Lines to add, by the section that they belong to.
        note: A sentence about the release, above all sections.
    """
    lines = (text or HEAD).rstrip("\n").split("\n")
    start = next((i for i, line in enumerate(lines) if _UNRELEASED.match(line)), None)
    if start is None:
        start = next((i for i, line in enumerate(lines) if _RELEASE.match(line)), len(lines))
        lines[start:start] = ["## [Unreleased]", ""] if start < len(lines) else ["", "## [Unreleased]"]
        start += lines[start] == ""
    end = next((i for i in range(start + 1, len(lines)) if _RELEASE.match(lines[i])), len(lines))
    tail = lines[end:]
    intro, sections = _parsed(lines[start + 1 : end])
    if note and note not in intro:
        intro += ["", note] if intro else [note]
    for name, some in entries.items():
        mine = sections.setdefault(str(name), [])
        mine += [entry for entry in some if entry not in mine]
    made = [*lines[: start + 1], *(["", *intro] if intro else [])]
    for title in sorted((t for t in sections if sections[t]), key=_place):
        made += ["", f"### {title}", "", *sections[title]]
    return "\n".join([*made, *(["", *tail] if tail else [])]) + "\n"


def _parsed(lines: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the lines above the first section, and those of each section."""
    intro: list[str] = []
    sections: dict[str, list[str]] = {}
    here = intro
    for line in lines:
        if line.startswith("### "):
            here = sections.setdefault(line[4:].strip(), [])
        else:
            here.append(line)
    for each in (intro, *sections.values()):
        while each and not each[0].strip():
            del each[0]
        while each and not each[-1].strip():
            del each[-1]
    return intro, sections


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
