"""Write what was built: templates, the formatter, then the tree in one step.

Everything is rendered, formatted and compiled in a scratch folder first; only when all of it stands does `swap` put it
in place, so that a generation that fails, or is killed, leaves the tree as it was.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from generator.columns import tables_of
from generator.ir import Field, ModelModule, Package
from generator.lock import locked, read_lock, write_lock
from generator.normal import Normalised
from generator.problems import NotCarriedOver
from generator.scopes import scopes_of
from generator.swap import alone, put_in_place, recover, scratch
from generator.types import UNSET, Type, union

TEMPLATES: Final = Path(__file__).with_name("templates")
ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = "ev_energy_async"
# Owned by a generation, below the package: folders as a whole, and two files.
FOLDERS: Final = ("models", "api")
TABLES: Final = "sandbox/document.json"
LOCK: Final = "tables/tables.lock.json"
_WIDTH: Final = 120


def render(package: Package, normalised: Normalised) -> dict[str, str]:
    """Return all generated files by their path below the package, not formatted yet."""

    def page(template: str, **values: Any) -> str:
        return _environment().get_template(template).render(**values)

    files: dict[str, str] = {}
    for module in package.modules:
        others = {n: m.name for m in package.modules if m is not module for n in m.names}
        files[f"models/{module.name}.py"] = page("model_module.py.jinja", module=module, others=others)
    files["models/__init__.py"] = page("models_init.py.jinja", modules=package.modules, renamed=package.renamed_models)
    for group in package.groups:
        files[f"api/{group.name}.py"] = page("group.py.jinja", group=group)
    files["api/groups.py"] = page("groups.py.jinja", groups=package.groups)
    files["api/__init__.py"] = page("api_init.py.jinja", groups=package.groups, renamed=package.renamed_functions)
    files["api/_document.py"] = page("document.py.jinja", document=normalised.source, version=normalised.api_version)
    files["api/_scopes.py"] = page("scopes.py.jinja", scopes=scopes_of(normalised))
    files[TABLES] = package.tables
    files[LOCK] = write_lock(tables_of(package))
    return files


@functools.cache
def _environment() -> Environment:
    # One for all generations of a process: templates are compiled once, which takes longer than they do.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Python comes out, not HTML; prose goes through `prose`
    )
    filters: dict[str, Callable[..., Any]] = environment.filters
    filters |= {f.__name__: f for f in (prose, docstring, paragraph, literal, read, write_type)}
    names: dict[str, Any] = environment.globals
    names |= {"annotation": annotation, "imports": imports, "uses": uses}
    return environment


def lock_of(files: dict[str, str], root: Path = ROOT) -> tuple[str, str]:
    """Return the lock file of the tables, as it is below a folder and as it becomes with some generated files."""
    path = root / PACKAGE / LOCK
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    return before, write_lock(locked(read_lock(files[LOCK]), read_lock(before))) if LOCK in files else before


def write(files: dict[str, str], root: Path = ROOT) -> list[str]:
    """Format the files and put them in place; returns the paths that changed, were added or removed."""
    target = root / PACKAGE
    target.mkdir(parents=True, exist_ok=True)
    with alone(target):
        recover(target)
        # On the file system of the package, so that it can be moved there.
        made = _made(files, scratch(target), root)
        changed = _differences(made, target)
        if changed:
            put_in_place(made, target, (*FOLDERS, TABLES, LOCK))
        recover(target)
    return changed


def done_to(path: str, root: Path = ROOT) -> str:
    """Return how a path that `write` returned has changed: `wrote` or `removed`."""
    return "wrote" if (root / PACKAGE / path).exists() else "removed"


def compare(files: dict[str, str], root: Path = ROOT) -> list[str]:
    """Return the paths in which the tree differs from what would be generated; nothing is written to it."""
    target = root / PACKAGE
    with alone(target):
        recover(target)
    with tempfile.TemporaryDirectory(prefix="generated-") as folder:
        return _differences(_made(files, Path(folder), root), target)


def _made(files: dict[str, str], folder: Path, root: Path) -> Path:
    """Write the files to a folder, formatted; returns the folder.

    Raises:
        NotCarriedOver: One of them is no Python.
    """
    _, lock = lock_of(files, root)
    for name, text in {**files, **({LOCK: lock} if LOCK in files else {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if name.endswith(".py"):
            try:
                compile(text, name, "exec", dont_inherit=True)
            except (SyntaxError, ValueError) as error:
                raise NotCarriedOver(f"{name}: what was generated is no Python: {error}") from error
    _format(folder, root)
    return folder


def _format(folder: Path, root: Path) -> None:
    """Run ruff with the project's settings, whatever folder the files are in for now."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
    # Which imports are the package's own must not depend on what stands around the folder.
    own = f'lint.isort.known-first-party=["{PACKAGE}"]'
    config = ["--config", str(ROOT / "pyproject.toml"), "--config", own, "--no-cache", "--quiet"]
    for command in (["check", "--fix", "--select", "I,F401", "--exit-zero"], ["format"]):
        subprocess.run([ruff, *command, *config, str(folder)], check=True, cwd=root)  # noqa: S603  # our own tool


def _differences(made: Path, target: Path) -> list[str]:
    new = {p.relative_to(made).as_posix(): p for p in made.rglob("*") if p.is_file()}
    old = {
        p.relative_to(target).as_posix(): p
        for folder in FOLDERS
        for p in (target / folder).rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    old |= {name: target / name for name in (TABLES, LOCK) if (target / name).is_file()}
    changed = [n for n in new if n not in old or old[n].read_bytes() != new[n].read_bytes()]
    return sorted({*changed, *(n for n in old if n not in new)})


def prose(text: str, indent: int = 4, first: int = 0) -> str:
    """Return prose of the document as lines of a docstring: it can end no string and start no code."""
    # Controls and marks of direction make a reader see something else than what Python reads.
    seen = "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text)
    # Three quotes would end the docstring; those at the end would join its own.
    safe = re.sub(r'"{3,}|"+(?=\s*\Z)', lambda quotes: '\\"' * len(quotes[0]), seen.replace("\\", "\\\\"))
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", safe) if p.strip()]
    lines: list[str] = []
    for number, each in enumerate(paragraphs):
        width = _WIDTH - indent
        offset = " " * first if number == 0 else ""
        wrapped = textwrap.wrap(offset + each, width, break_long_words=False, break_on_hyphens=False)
        lines += ([""] if number else []) + ([w.lstrip() if i == 0 and offset else w for i, w in enumerate(wrapped)])
    return ("\n" + " " * indent).join(lines).replace("\n" + " " * indent + "\n", "\n\n")


def docstring(text: str, indent: int) -> str:
    """Return prose as a complete docstring: its first sentence on a line of its own, if that fits one."""
    one = prose(text, indent, first=3)
    if "\n" not in one and indent + len(one) + 6 <= _WIDTH:
        return f'"""{one}"""'
    sentence, *rest = re.split(r"(?<=\.)\s+", text.strip(), maxsplit=1)
    head = prose(sentence, indent, first=3)
    if rest and "\n" not in head:
        one = f"{head}\n\n{' ' * indent}{prose(rest[0], indent)}"
    return f'"""{one}\n{" " * indent}"""'


def paragraph(text: str, name: str, indent: int) -> str:
    """Return `name: text` as an entry of a docstring's section, hanging."""
    head = f"{name}: " if name else ""
    body = prose(text, indent + 4, first=max(len(head) - 4, 0))
    return f"{head}{body}"


def literal(value: Any) -> str:
    """Return a value as Python source."""
    return repr(value)


def read(kind: Type, prefix: str = "") -> str:
    """Return a type as the annotation of a decoded value."""
    return kind.read(prefix)


def write_type(kind: Type, prefix: str = "") -> str:
    """Return a type as the annotation of a value in a body."""
    return kind.write(prefix)


def annotation(field: Field) -> str:
    """Return the annotation of a model's field; one that may be absent may be unset."""
    return (field.type if field.required else union([field.type, UNSET])).read()


def uses(module: ModelModule, scalar: str) -> bool:
    """Whether a module of models has a field of a scalar."""
    return any(t.name == scalar for model in module.models for f in model.fields for t in f.type.walk())


def imports(module: Any, others: dict[str, str]) -> list[tuple[str, list[str]]]:
    """Return what a module of models needs of the others, by module."""
    needed: dict[str, set[str]] = {}
    for model in module.models:
        for each in (t for field in model.fields for t in field.type.walk()):
            for name in (each.name, f"{each.name}Fields" if model.has_fields and each.kind == "model" else ""):
                if name in others:
                    needed.setdefault(others[name], set()).add(name)
    for alias in module.aliases:
        for each in alias.type.walk():
            if each.name in others:
                needed.setdefault(others[each.name], set()).add(each.name)
    return [(name, sorted(names)) for name, names in sorted(needed.items())]
