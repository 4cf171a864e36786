"""The comparison with the last release: what breaks code is listed, and what may not go is refused."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from release.api import Change, changes_since, last_tag, main, objections

if TYPE_CHECKING:
    from pathlib import Path

OLD: Final = '''
def kept(a: int, b: int = 1) -> int:
    """Stay."""

def gone() -> None:
    """Go."""

def warned() -> None:
    """Go as well.

    Deprecated since 0.3: use `kept`.
    """
'''


def git(repository: Path, *arguments: str) -> None:
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(repository), *settings, *arguments]
    subprocess.run(command, check=True, capture_output=True)


def write(repository: Path, version: str, code: str, model: str = "x: int") -> None:
    package = repository / "ev_energy_async"
    (package / "models").mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "_version.py").write_text(f'__version__ = "{version}"\n')
    (package / "face.py").write_text(code)
    (package / "models" / "__init__.py").write_text(f"class Vehicle:\n    {model}\n")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path, "0.5.0", OLD)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "0.5.0")
    return tmp_path


def test_without_a_release_there_is_nothing_to_compare_with(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(repository) == 0
    assert "no tag" in capsys.readouterr().out


def test_what_breaks_code_is_listed_and_what_has_not_warned_is_refused(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for tag in ("v0.10.0", "v0.9.0", "not-a-release"):
        git(repository, "tag", tag)
    assert last_tag(repository) == "v0.10.0"

    write(repository, "0.11.0", "def kept(a: int) -> int:\n    ...\n", model="y: int")
    assert main(repository) == 1

    told = capsys.readouterr().out
    assert "by hand" in told
    assert "kept(b): Parameter was removed" in told
    assert "generated  ev_energy_async.models: Vehicle.x" in told
    assert told.splitlines()[-1] == "ev_energy_async.face.gone goes without having warned for 2 minor releases"


def test_the_same_code_breaks_nothing(repository: Path) -> None:
    git(repository, "tag", "v0.5.0")
    assert changes_since("v0.5.0", repository) == []
    assert main(repository) == 0


@pytest.mark.parametrize(
    ("since", "after", "is_refused"),
    [
        (None, "0.6.0", True),
        ((0, 5), "0.6.0", True),
        ((0, 4), "0.6.0", False),
        ((0, 9), "1.0.0", False),
        ((1, 9), "1.10.0", True),
    ],
)
def test_a_name_goes_after_two_minor_releases_of_warnings(
    since: tuple[int, int] | None, after: str, *, is_refused: bool
) -> None:
    change = Change("ev_energy_async.a", "a: Public object was removed", is_gone=True, since=since)
    assert bool(objections([change], "0.5.0", after)) is is_refused


def test_a_patch_breaks_nothing() -> None:
    change = Change("ev_energy_async.models.A", "A: Public object was removed", is_gone=True, since=None)
    assert objections([change], "0.5.0", "0.5.1") == ["0.5.1 is a patch of 0.5.0 and breaks code: make it 0.6.0"]
    assert objections([change], "0.5.0", "0.6.0") == []
    assert objections([], "0.5.0", "0.5.1") == []
