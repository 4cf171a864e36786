"""The checks of the wheel, without building one: `make wheel` does that."""

from __future__ import annotations

import zipfile
from io import StringIO
from typing import TYPE_CHECKING, Final

import pytest

from release.wheel import ROOT, UnfitError, check_contents, exports, first_program

if TYPE_CHECKING:
    from pathlib import Path

INSTALL: Final = "pip install 'ev-energy-async[sandbox]'\n"
COMPLETE: Final = ["__init__.py", "py.typed", "models/__init__.py", "sandbox/document.json"]


def made(folder: Path, *, files: list[str], readme: str = INSTALL, more: str = "", licence: bool = True) -> Path:
    path = folder / "ev_energy_async-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in files:
            archive.writestr(f"ev_energy_async/{name}", "")
        archive.writestr("ev_energy_async-0.1.0.dist-info/METADATA", readme)
        if licence:
            archive.writestr("ev_energy_async-0.1.0.dist-info/licenses/LICENSE", "")
        if more:
            archive.writestr(more, "")
    return path


def test_a_complete_wheel_is_fit(tmp_path: Path) -> None:
    check_contents(made(tmp_path, files=COMPLETE, readme=INSTALL + "[a](https://example.com) [b](#here)"))


@pytest.mark.parametrize("name", COMPLETE)
def test_a_wheel_that_lacks_something_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnfitError, match=name):
        check_contents(made(tmp_path, files=[each for each in COMPLETE if each != name]))


def test_a_wheel_with_more_than_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match="test_it"):
        check_contents(made(tmp_path, files=COMPLETE, more="tests/test_it.py"))


def test_a_readme_with_links_that_pypi_cannot_follow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match="docs/fleet"):
        check_contents(made(tmp_path, files=COMPLETE, readme=INSTALL + "[a](docs/fleet.md)"))


def test_a_wheel_without_its_licence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match="LICENSE"):
        check_contents(made(tmp_path, files=COMPLETE, licence=False))


def test_a_readme_that_installs_from_a_clone_is_refused(tmp_path: Path) -> None:
    for readme in ("pip install .", INSTALL + "in a clone of this repository"):
        with pytest.raises(UnfitError, match="PyPI"):
            check_contents(made(tmp_path, files=COMPLETE, readme=readme))


def test_the_first_program_of_the_readme_is_short_and_needs_the_environment_alone() -> None:
    program = first_program((ROOT / "README.md").read_text("utf-8"))
    assert "EvEnergy.from_env()" in program
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    compile(program, "README.md", "exec")
    with pytest.raises(UnfitError):
        first_program("no program")


def test_the_lines_to_paste_are_read_from_what_the_sandbox_prints() -> None:
    printed = (
        "It listens\n  export EV_ENERGY_BASE_URL=http://127.0.0.1:1/v2\nexport EV_ENERGY_USER=a=b\nmore\nnever read\n"
    )
    assert exports(StringIO(printed)) == {
        "EV_ENERGY_BASE_URL": "http://127.0.0.1:1/v2",
        "EV_ENERGY_USER": "a=b",
    }
    with pytest.raises(UnfitError):
        exports(StringIO("It failed\n"))
