"""The pinned tools: another version is one sentence, before anything is read or written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from generator.pins import check_pins
from generator.problems import UnsuitableTool

if TYPE_CHECKING:
    from pathlib import Path


def project(folder: Path, *requirements: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(f"[dependency-groups]\ngenerate = {list(requirements)!r}\n", encoding="utf-8")
    return path


def test_the_tools_that_are_installed_are_the_pinned_ones() -> None:
    check_pins()


@pytest.mark.parametrize(
    ("requirement", "told"),
    [
        ("openapi-python-client==0.1.0", r"openapi-python-client is [0-9.]+, and the generator needs 0\.1\.0, .*pins"),
        ("no-such-tool==1.0", r"no-such-tool is not installed, and the generator needs 1\.0"),
    ],
)
def test_another_version_is_refused_with_the_pin(tmp_path: Path, requirement: str, told: str) -> None:
    with pytest.raises(UnsuitableTool, match=told):
        check_pins(project(tmp_path, requirement))


def test_a_floor_is_no_pin(tmp_path: Path) -> None:
    check_pins(project(tmp_path, "no-such-tool>=1.0"))
