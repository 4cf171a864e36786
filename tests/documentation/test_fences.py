"""Code of other languages than Python on the pages: commands exist, settings are settings, and nothing else is code."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from contextlib import chdir
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import click
import pytest
from click.testing import CliRunner

from ev_energy_async import InvalidArgument
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
    # All is parsed, and nothing done.
    with TemporaryDirectory() as folder, chdir(folder), patch.object(click.Command, "invoke", return_value=None):
        Path("lake").mkdir()  # which the guide has exported before it reads from there
        return CliRunner().invoke(app, words, prog_name="ev-energy").exit_code == 0


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


def commands(code: str) -> list[str]:
    """The lines that are commands, without comments; a line that ends in a backslash goes on."""
    return [line for line in code.replace("\\\n", " ").splitlines() if shlex.split(line, comments=True)]


def is_right(line: str) -> bool:
    """Whether the first program of a line would take its arguments; those after a pipe are not of this project."""
    split = shlex.shlex(line, posix=True, punctuation_chars="|<>")
    split.whitespace_split = True
    words = list(takewhile(lambda word: not set(word) <= set("|<>"), split))
    while re.match(r"\w+=", words[0]):  # a variable of this command
        del words[0]
    program = Path(words[0]).name
    assert program in CHECKS, "nothing checks it: say why in its fence (not run: ...)"
    return CHECKS[program](words[1:])


LINES: Final = [
    pytest.param(line, id=f"{fence.page.relative_to(ROOT)}: {line}")
    for fence in fences_of(*PAGES, language="sh")
    if not fence.excuse
    for line in commands(fence.code)
]


@pytest.mark.parametrize("line", LINES)
def test_each_line_for_a_shell_names_a_command_that_exists(line: str) -> None:
    assert is_right(line)


@pytest.mark.parametrize(
    "line",
    [
        "ev-energy fleet snapshot --kind nonsense",
        "ev-energy fleet snapshot extra",
        "ev-energy fleet snapshot --kinds vehicles",
        "ev-energy api vehicles list --page-size 1000 | jq .",
        "ev-energy flee",
        "make nonsense",
        "pip install ev-energy-async[nonsense]",
        "python -m nonsense",
    ],
)
def test_a_line_with_a_wrong_argument_is_found(line: str) -> None:
    assert not is_right(line)


def test_comments_blank_lines_and_what_follows_a_pipe_are_left_alone() -> None:
    lines = commands("# first\n\nev-energy fleet snapshot \\\n  --kind evses | jq --help  # all\n")
    assert len(lines) == 1
    assert is_right(lines[0])


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config.toml"
    monkeypatch.setattr("ev_energy_async.cli.settings.config_file", lambda: file)
    return file


def profiles_of(config: Path) -> set[str]:
    """Load each profile of a configuration as a command does, and return their names."""
    loaded = {Session().settings.profile}
    for name in tomllib.loads(config.read_text("utf-8"))["profiles"]:
        session = Session()
        session.profile = name
        loaded.add(session.settings.profile)
    return loaded


@pytest.mark.parametrize("fence", fences_of(*PAGES, language="toml"), ids=str)
def test_settings_of_the_command_line_are_what_it_takes(fence: Example, config: Path) -> None:
    config.write_text(fence.code, "utf-8")
    # The chosen one too has a table.
    assert profiles_of(config) == tomllib.loads(fence.code)["profiles"].keys()


def test_a_wrong_setting_is_found_in_a_profile_that_is_not_the_chosen_one(config: Path) -> None:
    config.write_text('profile = "work"\n[profiles.work]\n[profiles.home]\nclient = "my-app"\n', "utf-8")
    with pytest.raises(InvalidArgument, match=r"profiles\.home"):
        profiles_of(config)
