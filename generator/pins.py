"""The pinned tools, and whether they are the ones installed: their output is committed, or their verdict decides.

Called before anything of theirs is imported, since an unsuitable version may not even import.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from generator.problems import UnsuitableTool

_PROJECT: Final = Path(__file__).resolve().parent.parent / "pyproject.toml"
_GROUP: Final = "generate"


def check_pins(project: Path = _PROJECT) -> None:
    """Check the tools of the generator that the project pins.

    Raises:
        UnsuitableTool: One is missing, or has another version.
    """
    groups = tomllib.loads(project.read_text(encoding="utf-8"))["dependency-groups"]
    for requirement in groups[_GROUP]:
        name, _, pinned = requirement.partition("==")
        if not pinned:
            continue
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        if found != pinned:
            raise UnsuitableTool(
                f"{name} is {found}, and the generator needs {pinned}, the version that {project.name} pins: "
                f"`pip install --group {_GROUP}`"
            )
