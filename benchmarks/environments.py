"""Create the virtual environments of the contenders, and generate the peers' clients into them.

They are below `benchmarks/.venvs/`, which git ignores and `make clean` removes. Versions are not pinned: the comparison
is with what users get today, and the results name the versions.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.registry import BENCH

__all__ = ["ROOT", "VENVS", "Skipped", "compile_all", "environment_of", "make", "pair", "python_of", "versions"]

ROOT: Final = Path(__file__).resolve().parent.parent
VENVS: Final = ROOT / "benchmarks" / ".venvs"
_INPUTS: Final = VENVS / "inputs"

_PACKAGES: Final[dict[str, list[str]]] = {
    BENCH: ["--editable", f"{ROOT}[bench,speed,tables]"],
    "openapi_python_client": ["openapi-python-client", "ruff"],
    "openapi_generator": [
        "openapi-generator-cli",
        "aiohttp",
        "aiohttp-retry",
        "pydantic",
        "python-dateutil",
        "typing-extensions",
    ],
    "clientele": ["clientele[cli]"],
}

_SHOWN: Final[dict[str, tuple[str, ...]]] = {
    BENCH: ("aiohttp", "attrs", "cattrs", "msgspec", "orjson", "pyarrow", "isal", "uvloop"),
    "openapi_python_client": ("openapi-python-client", "httpx", "attrs"),
    "openapi_generator": ("openapi-generator-cli", "aiohttp", "pydantic"),
    "clientele": ("clientele", "httpx2", "httpx", "pydantic"),
}


class Skipped(Exception):
    """A contender cannot take part; the text says why."""


def python_of(name: str) -> Path:
    """Return the interpreter of an environment."""
    return VENVS / name / "bin" / "python"


def environment_of() -> dict[str, str]:
    """Return the environment variables of measured processes: they use byte code and find this repository."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": str(ROOT)}


def pair() -> Path | None:
    """Return a certificate for this machine with its key, in one file; None if openssl is not installed."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    VENVS.mkdir(exist_ok=True)
    made = VENVS / "pair.pem"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [openssl, "req", *options, *names, "-keyout", str(made), "-out", str(made.with_suffix(".crt"))],
        check=True,
        capture_output=True,
    )
    with made.open("a") as key:
        key.write(made.with_suffix(".crt").read_text())
    return made


def make(name: str) -> None:
    """Create an environment with its generated client, unless it exists.

    Raises:
        Skipped: It cannot be created here.
    """
    if name == "openapi_generator" and shutil.which("java") is None:
        raise Skipped("openapi-generator needs Java, which is not installed")
    ready = VENVS / name / ".ready"
    if ready.exists():
        return
    folder = VENVS / name
    shutil.rmtree(folder, ignore_errors=True)
    print(f"creating {folder.relative_to(ROOT)}", file=sys.stderr)
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python_of(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES[name]])
    if name != BENCH:
        _generate(name)
    ready.touch()


def _generate(name: str) -> None:
    """Generate a peer's client into its environment, as its documentation says."""
    _INPUTS.mkdir(parents=True, exist_ok=True)
    source = ROOT / "openapi" / "ev-energy-v2.yaml"
    _run([str(python_of(BENCH)), "-m", "benchmarks.peers", str(source), str(_INPUTS)])
    where = subprocess.run(
        [str(python_of(name)), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    tools = VENVS / name / "bin"
    document, package = str(_INPUTS / f"{name}.json"), f"ev_energy_{name}"
    match name:
        case "openapi_python_client":
            target = str(Path(where, package))
            tool = [str(tools / "openapi-python-client"), "generate", "--path", document, "--meta", "none"]
            _run([*tool, "--output-path", target, "--overwrite"], tools)
        case "openapi_generator":
            scratch = VENVS / name / "generated"
            tool = [str(tools / "openapi-generator-cli"), "generate", "-i", document, "-g", "python"]
            _run([*tool, "--library", "asyncio", "-o", str(scratch), "--package-name", package], tools)
            shutil.copytree(scratch / package, Path(where, package), dirs_exist_ok=True)
        case _:
            _run([str(tools / "clientele"), "start-api", "-f", document, "-o", package, "-a", "-r"], tools, Path(where))
    # The generated code may not be valid Python.
    _run([str(python_of(name)), "-c", f"import benchmarks.contenders.{name}"])


def _run(command: list[str], tools: Path | None = None, folder: Path = ROOT) -> None:
    variables = environment_of()
    if tools is not None:
        variables["PATH"] = f"{tools}{os.pathsep}{variables.get('PATH', '')}"
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"{' '.join(command[:4])} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def compile_all(pythons: set[Path]) -> None:
    """Compile everything that the contenders import, as in an installed package."""
    for python in sorted(pythons):
        code = "import sysconfig, compileall; compileall.compile_dir(sysconfig.get_path('purelib'), quiet=2, workers=2)"
        _run([str(python), "-c", code])
        for folder in ("ev_energy_async", "benchmarks/contenders"):
            _run([str(python), "-m", "compileall", "-q", str(ROOT / folder)])


def versions(name: str, python: Path) -> dict[str, str]:
    """Return the versions of the packages that make up a contender."""
    code = (
        "import sys, importlib.metadata as m\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(name, m.version(name))\n"
        "    except m.PackageNotFoundError: pass\n"
    )
    done = subprocess.run([str(python), "-c", code, *_SHOWN[name]], capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())
