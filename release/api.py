"""Compare the public Python API with that of the last release: `make check-api`.

griffe reads both from their sources. A patch release breaks nothing. A minor release below 1.0 may, and its changelog
explains what is listed here; but a hand-written name goes only after two minor releases in which it warned
(CONTRIBUTING.md, deprecation policy), which its docstring says: "Deprecated since 0.3".
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "ev_energy_async"
# Names there come and go with the API's document; `generator/diff` has rules of its own for them.
GENERATED: Final = (f"{PACKAGE}.api.", f"{PACKAGE}.models.")
_NOTICE: Final = 2  # minor releases
_SINCE: Final = re.compile(r"[Dd]eprecated\b.*?\bsince (\d+)\.(\d+)", re.DOTALL)

_COLOUR: Final = re.compile(r"\x1b\[\d+m")

# What griffe cannot resolve is outside of the package.
logging.getLogger("griffe").setLevel(logging.ERROR)


@attrs.frozen
class Change:
    """A change that breaks code.

    Attributes:
        path: The name, from the package on.
        text: What griffe says of it.
        is_gone: Whether the name is gone.
        since: The minor release since which it has been deprecated; None if it never was.
    """

    path: str
    text: str
    is_gone: bool
    since: tuple[int, int] | None

    @property
    def is_generated(self) -> bool:
        """Whether the generator wrote it."""
        return f"{self.path}.".startswith(GENERATED)


def last_tag(repository: Path) -> str | None:
    """Return the last tag of a release; None if there is none."""
    command = ["git", "-C", str(repository), "tag", "--list", "v*", "--sort=-version:refname", "--merged", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return found[0] if found else None


def changes_since(tag: str, repository: Path) -> list[Change]:
    """Return what breaks code that was written for a release."""
    before = griffe.load_git(PACKAGE, ref=tag, repo=repository, allow_inspection=False, resolve_aliases=True)
    after = griffe.load(
        PACKAGE, search_paths=[repository], allow_inspection=False, resolve_aliases=True, try_relative_path=False
    )
    return sorted(set(_changes(before, after)), key=lambda change: (change.is_generated, change.path, change.text))


def _changes(before: griffe.Object | griffe.Alias, after: griffe.Object | griffe.Alias) -> Iterator[Change]:
    for breakage in griffe.find_breaking_changes(before, after):
        docstring = breakage.obj.docstring
        found = _SINCE.search(docstring.value) if docstring is not None else None
        told = _COLOUR.sub("", breakage.explain(griffe.ExplanationStyle.ONE_LINE)).partition(": ")[2]
        yield Change(
            breakage.obj.path,
            f"{breakage.obj.module.path}: {told}",
            breakage.kind is griffe.BreakageKind.OBJECT_REMOVED,
            None if found is None else (int(found[1]), int(found[2])),
        )


def objections(changes: list[Change], before: str, after: str) -> list[str]:
    """Return why a version must not have these changes, one sentence each.

    Args:
        changes: The changes that break code.
        before: The version of the last release, as in `0.1.0`.
        after: The version to be released.
    """
    old, new = _numbers(before), _numbers(after)
    if changes and old[:2] == new[:2] and new != old:
        return [f"{after} is a patch of {before} and breaks code: make it {new[0]}.{new[1] + 1}.0"]
    return [
        f"{change.path} goes without having warned for {_NOTICE} minor releases"
        for change in changes
        if change.is_gone and not change.is_generated and not _has_warned(change, new)
    ]


def _has_warned(change: Change, new: tuple[int, ...]) -> bool:
    if change.since is None:
        return False
    major, minor = change.since
    return new[0] > major or new[1] - minor >= _NOTICE


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def main(repository: Path = ROOT) -> int:
    """Print what has changed since the last release; return 1 if the version must not have it."""
    tag = last_tag(repository)
    if tag is None:
        print("There is no tag of a release yet, so there is no API to compare with.")
        return 0
    version = (repository / PACKAGE / "_version.py").read_text("utf-8").split('__version__ = "')[1].partition('"')[0]
    changes = changes_since(tag, repository)
    for change in changes:
        print(f"{'generated' if change.is_generated else 'by hand  '}  {change.text}")
    found = objections(changes, tag.removeprefix("v"), version)
    print(*found or [f"{len(changes)} changes since {tag} break code; {version} may have them."], sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
