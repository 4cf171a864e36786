"""The layers: the import contracts of pyproject.toml hold, no modules form a circle, and the picture is up to date."""

from __future__ import annotations

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("benchmarks", "docs", "ev_energy_async", "examples", "generator", "release", "tests")
GENERATED = ("ev_energy_async/api/", "ev_energy_async/models/")
# Imports that close a circle, by whom and of what.
CIRCLES = (
    # `AuthorizationCode.login` returns a client, which it takes from the facade when it is called; see pyproject.toml.
    ("ev_energy_async.auth.authorization_code", "ev_energy_async"),
    # pytest finds the fixtures on the package, and they take tools from it, so that a missing one names the extra.
    ("ev_energy_async.testing.fixtures", "ev_energy_async.testing"),
)
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def test_each_module_imports_only_what_it_may() -> None:
    # In a process of its own: import-linter configures logging, which would silence the loggers of other tests.
    found = subprocess.run([sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 broken" in found.stdout


def test_no_modules_import_each_other_in_a_circle_not_even_for_types() -> None:
    graph = grimp.build_graph("ev_energy_async", "generator", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    without = {module: found - {other for one, other in CIRCLES if one == module} for module, found in imports.items()}
    TopologicalSorter(without).prepare()  # raises an error that names the circle
    for importer, imported in CIRCLES:
        with pytest.raises(CycleError):  # else it need not be named any more
            TopologicalSorter({**without, importer: {imported}}).prepare()


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
