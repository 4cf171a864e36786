"""Code of other languages than Python on the pages: commands exist, settings are settings, and nothing else is code."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from click.testing import CliRunner

from ev_energy_async.cli.app import app
from ev_energy_async.cli.session import Session

from .pages import GUIDES, PAGES, ROOT, Example, fences_of, without_fences

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TARGETS: Final = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_all_code_is_in_fences_that_are_checked_or_say_why_not(page: Path) -> None:
    rest = without_fences(page)
    assert "```" not in rest, "a fence of no language, or with a title that is no reason (not run: ...)"
    assert not re.search(r"(?:\A|\n)[ \t]*\n {4}", rest), "indented code"
    checked = ("python",) if page in GUIDES else ()
    for language in set(re.findall(r"^ *```(\w+)", page.read_text("utf-8"), re.MULTILINE)):
        # Diagrams and listings are text.
        assert language in {*checked, "sh", "toml", "text"}


def make(words: list[str]) -> bool:
    return {word for word in words if "=" not in word} <= TARGETS


def ev_energy(words: list[str]) -> bool:
    # Options are parsed before help is shown.
    return CliRunner().invoke(app, [*words, "--help"], prog_name="ev-energy").exit_code == 0


def pip(words: list[str]) -> bool:
    [command, *wanted] = words
    ours = [re.fullmatch(r"(?:\.|ev-energy-async)(?:\[([\w,]+)\])?", each) for each in wanted]
    extras = {extra for found in ours if found and found[1] for extra in found[1].split(",")}
    return command == "install" and any(ours) and extras <= PROJECT["optional-dependencies"].keys()


def python(words: list[str]) -> bool:
    return words[0] == "-m" and importlib.util.find_spec(words[1]) is not None


def uvicorn(words: list[str]) -> bool:
    [app] = [each for each in words if ":" in each]
    return importlib.util.find_spec(app.partition(":")[0]) is not None


def of_files(words: list[str]) -> bool:
    named = [each for each in words if each.startswith("examples/")]
    return bool(named) and all((ROOT / each).is_file() for each in named)


def export(words: list[str]) -> bool:
    return all(re.match(r"\w+=", each) for each in words)


CHECKS: Final[dict[str, Callable[[list[str]], bool]]] = {
    "docker": of_files,
    "ev-energy": ev_energy,
    "export": export,
    "jupyter": of_files,
    "make": make,
    "pip": pip,
    "python": python,
    "uvicorn": uvicorn,
}
LINES: Final = [
    pytest.param(line, id=f"{fence.page.relative_to(ROOT)}: {line}")
    for fence in fences_of(*PAGES, language="sh")
    if not fence.excuse
    for line in fence.code.replace("\\\n", " ").splitlines()
]


@pytest.mark.parametrize("line", LINES)
def test_each_line_for_a_shell_names_a_command_that_exists(line: str) -> None:
    words = shlex.split(line.partition(" >")[0], comments=True)
    while re.match(r"\w+=", words[0]):  # a variable of this command
        del words[0]
    program = Path(words[0]).name
    assert program in CHECKS, "nothing checks it: say why in its fence (not run: ...)"
    assert CHECKS[program](words[1:])


@pytest.mark.parametrize("fence", fences_of(*PAGES, language="toml"), ids=str)
def test_settings_of_the_command_line_are_what_it_takes(
    fence: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text(fence.code, "utf-8")
    monkeypatch.setattr("ev_energy_async.cli.settings.config_file", lambda: tmp_path / "config.toml")
    settings = Session().settings
    assert settings.profile in fence.code
    assert settings.scopes
