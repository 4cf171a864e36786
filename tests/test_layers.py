"""The layers: the import contracts of pyproject.toml hold, and the picture of them is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("benchmarks", "docs", "ev_energy_async", "examples", "generator", "release", "tests")
GENERATED = ("ev_energy_async/api/", "ev_energy_async/models/")
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def test_each_module_imports_only_what_it_may() -> None:
    # In a process of its own: import-linter configures logging, which would silence the loggers of other tests.
    found = subprocess.run([sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 broken" in found.stdout


def test_the_picture_in_the_documentation_shows_the_imports_as_they_are(tmp_path: Path) -> None:
    # In a process of its own as well: the script is not importable from here.
    drawn = tmp_path / "layers.svg"
    subprocess.run([sys.executable, ROOT / "docs" / "layers.py", drawn], check=True)
    committed = ROOT / "docs" / "layers.svg"
    assert drawn.read_text("utf-8") == committed.read_text("utf-8"), "run `make diagram`"


def test_no_hand_written_file_exceeds_400_lines() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    names = {path.relative_to(ROOT).as_posix(): path for path in files if ".venvs" not in path.parts}
    lengths = {
        name: len(path.read_bytes().splitlines()) for name, path in names.items() if not name.startswith(GENERATED)
    }
    assert lengths
    assert {name: length for name, length in lengths.items() if length > 400} == {}
