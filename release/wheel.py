"""Install the wheel into an empty environment and run the README's first program there: `make wheel`.

Nothing of this repository can be imported there: what the wheel lacks is missing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "ev_energy_async"
DISTRIBUTION: Final = "ev-energy-async"
_VEHICLES: Final = 7
_EXPORT: Final = re.compile(r"export (\w+)=(.*)")
_PATIENCE: Final = 60  # seconds for a program
_SHOWN: Final = 3  # lines of its output


class UnfitError(Exception):
    """The wheel is not fit to be released; the text says why."""


def first_program(readme: str) -> str:
    """Return the first program of the README, as a reader pastes it."""
    found = re.search(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    if found is None:
        raise UnfitError("the README has no program")
    return found[1]


def check_contents(wheel: Path) -> None:
    """Check what is in a wheel, and the README in its metadata.

    Raises:
        UnfitError: Something is missing, or there that should not be.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
    needed = ["__init__.py", "py.typed", "models/__init__.py", "sandbox/document.json"]
    missing = [name for name in needed if f"{PACKAGE}/{name}" not in names]
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        missing.append("LICENSE")
    strange = [name for name in names if not name.startswith((f"{PACKAGE}/", f"{PACKAGE}-"))]
    if missing or strange:
        raise UnfitError(f"{wheel.name}: missing {missing}, strange {strange}")
    relative = re.findall(r"\]\((?!https?://|#|mailto:)[^)]*\)", metadata)
    if relative:
        raise UnfitError(f"{wheel.name}: links of the README that PyPI cannot follow: {relative}")
    if f"pip install '{DISTRIBUTION}[sandbox]'" not in metadata or "clone of this repository" in metadata:
        raise UnfitError(f"{wheel.name}: the README does not say how to install from PyPI")


def check_program(wheel: Path, folder: Path) -> str:
    """Install a wheel into an empty environment, run the sandbox and the README's program there, return its output.

    Raises:
        UnfitError: The program failed, or did not print the sandbox's vehicles.
    """
    python = _environment(folder / "bare", str(wheel))
    _run([python, "-c", f"import {PACKAGE}; {PACKAGE}.preload()"], folder, os.environ)
    python = _environment(folder / "sandbox", f"{wheel}[sandbox]")
    (folder / "first.py").write_text(first_program((ROOT / "README.md").read_text("utf-8")), "utf-8")
    command = [str(python), "-u", "-m", f"{PACKAGE}.sandbox", "--vehicles", str(_VEHICLES), "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as sandbox:
        try:
            assert sandbox.stdout is not None  # noqa: S101  # asked for above
            said = _run([python, "first.py"], folder, {**os.environ, **exports(sandbox.stdout)})
        finally:
            sandbox.terminate()
    vehicles = set(re.findall(r"\bvhcl01[0-9A-Z]{24}\b", said))
    if len(vehicles) != _VEHICLES:
        raise UnfitError(f"the README's program printed {len(vehicles)} of {_VEHICLES} vehicles:\n{said}")
    return said


def _environment(folder: Path, wheel: str) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel], folder, os.environ)
    return python


def exports(output: IO[str]) -> dict[str, str]:
    """Return the variables of the lines that the sandbox prints for pasting."""
    found: dict[str, str] = {}
    for line in output:
        export = _EXPORT.match(line.strip())
        if export is not None:
            found[export[1]] = export[2]
        elif found:
            return found
    raise UnfitError("the sandbox ended without saying where it listens")


def _run(command: list[str | Path], folder: Path, environment: Mapping[str, str]) -> str:
    # The environment of this process may point Python at the repository.
    kept = {name: value for name, value in environment.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, timeout=10 * _PATIENCE, check=False
    )
    if done.returncode:
        raise UnfitError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main(dist: str) -> int:
    """Check the one wheel in a folder; return 1 if it is not fit."""
    try:
        [wheel] = Path(dist).resolve().glob("*.whl")
        check_contents(wheel)
        with tempfile.TemporaryDirectory(prefix="wheel-") as scratch:
            said = check_program(wheel, Path(scratch))
    except UnfitError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{wheel.name} ({wheel.stat().st_size / 1e6:.2f} MB): the README's program printed")
    print(*said.splitlines()[:_SHOWN], "...", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
