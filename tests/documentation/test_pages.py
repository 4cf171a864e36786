"""Links lead somewhere, commands exist, and the page on PyPI can follow all links that it has."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from ev_energy_async.sandbox.cli import app

from .pages import PAGES, ROOT, WRITTEN

if TYPE_CHECKING:
    from pathlib import Path

LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
COMMAND: Final = re.compile(r"^(?:    |`?)make ([a-z-]+)|`make ([a-z-]+)", re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    lost: list[str] = []
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target.is_relative_to(ROOT / "docs") and target.relative_to(ROOT / "docs").parts[0] in WRITTEN:
            continue  # `make docs` follows these
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {one or other for one, other in COMMAND.findall(page.read_text("utf-8"))}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_option_of_the_sandbox_exists(page: Path) -> None:
    known = {option for parameter in app.params for option in parameter.opts} | {"--help"}
    commands = re.findall(r"python -m ev_energy_async\.sandbox([^`\n]*)", page.read_text("utf-8"))
    assert {option for command in commands for option in re.findall(r"--[\w-]+", command)} <= known


def test_the_page_on_pypi_has_no_link_that_only_the_repository_can_follow() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "hatch_fancy_pypi_readme"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert LINK.search(shown), "the links to other sites are gone as well"
    assert [link for link in LINK.findall(shown) if not link.startswith("https://")] == []
    assert "docs/running.md" in shown
