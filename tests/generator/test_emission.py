"""Emission: prose stays prose, and the tree is the old or the new one at every moment."""

from __future__ import annotations

import ast
import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator import swap
from generator.__main__ import main
from generator.emit import ROOT
from tests.generator.small import Made, body, document, item, made, ok, operation, ref, thing

if TYPE_CHECKING:
    from collections.abc import Callable

Node = dict[str, Any]
OWNED = ("models", "api", "sandbox/document.json")
HOSTILE = [
    '"""\nimport os\nos.system("id")\n"""',
    'ends in a quote"',
    'ends in two""',
    'ends in three"""',
    'ends in four""""',
    'four """" and six """""" inside',
    "ends in a backslash\\",
    'a backslash and quotes \\"""',
    '\\\\"',
    "braces {x} {{ config }} {% raw %} {# x #} ${y} %s",
    "{% endraw %}{{ 7 * 7 }}",
    "'''",
    "nul \x00 escape \x1b[31m",
    "a line\u2028another\u2029one\x0cmore\rand\x85on",
    "\u202eright to left\u2066",
    "# comment\n# type: ignore",
    "\\N{BULLET} \\x41 \\u0041",
    "x" * 200 + '"',
    ". ",
    '"',
    "\\",
    '. "',
    'A sentence. "',
]


def strings(source: str) -> tuple[ast.Module, set[str]]:
    """The module without any string that stands by itself, and those strings."""
    tree = ast.parse(source)
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for each in node.body:
                if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                    found.add(str(each.value.value))
            node.body = [e for e in node.body if not (isinstance(e, ast.Expr) and isinstance(e.value, ast.Constant))]
    return tree, found


def full_of(text: str) -> Node:
    """A document with a text wherever prose can stand."""
    described: Node = {"description": text}
    fields: Node = {
        "a": {"type": "string", **described, "deprecated": True},
        "watts": {"type": "integer", **described},
        "s": ref("State"),
    }
    schemas: Node = {
        "Thing": {**thing(**fields), **described},
        "State": {"enum": ["A"], **described},
        "Map": {"type": "object", **described},
    }
    parameters = [{"in": "query", "name": "q", "schema": {"type": "string"}, **described}]
    responses = {**ok(ref("Thing")), "409": described}
    get = operation(responses, "thing_id", parameters=parameters, summary=text, tags=["T"], **described)
    post = operation(responses, tags=["T"], summary=text, requestBody={**body(ref("Thing")), **described}, **described)
    paths = {"/things/{thing_id}": item(get=get), "/things": item(post=post)}
    return document(paths, schemas, tags=[{"name": "T", **described}])


@functools.cache
def in_plain_words() -> Made:
    return made(full_of("Plain words."))


@pytest.mark.parametrize("text", HOSTILE)
def test_prose_stays_prose(text: str) -> None:
    plain, hostile = in_plain_words(), made(full_of(text))
    assert plain.files.keys() == hostile.files.keys()
    for name, source in hostile.files.items():
        if name.endswith(".py") and name != "api/_document.py":
            # With the strings that stand by themselves gone, the code is what it is with plain words.
            assert ast.dump(strings(source)[0]) == ast.dump(strings(plain.files[name])[0]), name


def test_prose_is_emitted_as_it_was_written() -> None:
    text = 'Say "hello" to C:\\dir and """x""" {{ y }}.'
    told = strings(made(full_of(text)).files["models/_t.py"])[1]
    assert text in {" ".join(each.split()) for each in told}


@pytest.mark.parametrize("text", HOSTILE)
def test_values_and_names_on_the_wire_stay_values(text: str) -> None:
    text = text[:50]
    query = {"in": "query", "name": f"q{text}", "schema": {"enum": [text, "b"]}}
    sent = operation(ok(ref("Thing")), parameters=[query], tags=[f"T{text}"], security=[{"o": [f"s{text}"]}])
    given = document({"/things": item(get=sent)}, {"Thing": thing(state={"enum": [f"v{text}"]})})
    found = made(given)
    parameter = found.endpoint("things.get").parameters[0]
    assert (parameter.wire, parameter.values) == (f"q{text}", tuple(sorted([text, "b"])))
    for name, source in found.files.items():
        if name.endswith(".py"):
            calls = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and "system" in ast.dump(n.func)]
            assert calls == []
    values = [n.value for n in ast.walk(ast.parse(found.files["api/things.py"])) if isinstance(n, ast.Constant)]
    assert f"q{text}" in values
    assert text in values
    assert f"s{text}" in values
    home = next(module.name for module in found.package.modules if "ThingState" in module.names)
    models = found.files[f"models/{home}.py"]
    assert f"v{text}" in [n.value for n in ast.walk(ast.parse(models)) if isinstance(n, ast.Constant)]


@pytest.mark.parametrize("tag", ["../../etc/passwd", "/root", "..", "", "__init__", "_init__", "a/b\\c", "Shared", "é"])
def test_a_tag_names_a_module_and_no_path(tag: str) -> None:
    found = made(
        document({"/things": item(get=operation(ok(ref("Thing")), tags=[tag]))}, {"Thing": thing(a={"type": "string"})})
    )
    modules = [Path(name) for name in found.files if name.startswith("models/")]
    assert len(modules) == 2
    assert all(m.parent == Path("models") and m.stem.isidentifier() for m in modules)
    assert "Thing" in found.classes


# The tree


def write_package(folder: Path) -> Path:
    """A package with a generation in it, and files that are written by hand."""
    package = folder / "ev_energy_async"
    for name, text in {
        "client.py": "by hand", "sandbox/server.py": "by hand", "models/__init__.py": "old", "models/_gone.py": "old",
        "api/__init__.py": "old", "api/same.py": "same", "sandbox/document.json": "old",
    }.items():  # fmt: skip
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package


def write_new(folder: Path) -> Path:
    made = folder / ".made"
    for name, text in {
        "models/__init__.py": "new", "models/_added.py": "new", "api/__init__.py": "new", "api/same.py": "same",
        "sandbox/document.json": "new",
    }.items():  # fmt: skip
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    return made


def tree(package: Path) -> dict[str, str]:
    return {p.relative_to(package).as_posix(): p.read_text() for p in package.rglob("*") if p.is_file()}


def trees(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    old = tree(write_package(folder / "example"))
    new = tree(write_new(folder / "example")) | {"client.py": "by hand", "sandbox/server.py": "by hand"}
    return old, new


def no_exchange(_one: Path, _other: Path) -> bool:
    return False


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_generation_takes_the_place_of_the_old_one_and_leaves_the_rest_alone(
    can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = trees(tmp_path)
    package, made = write_package(tmp_path), write_new(tmp_path)
    inode = (package / "client.py").stat().st_ino
    if not can_exchange:
        monkeypatch.setattr(swap, "_exchange", no_exchange)
    swap.put_in_place(made, package, OWNED)
    assert tree(package) == new != old
    assert (package / "client.py").stat().st_ino == inode
    assert not list(tmp_path.glob(".ev_energy_async-*"))


def test_what_an_editor_saves_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, made = write_package(tmp_path), write_new(tmp_path)
    exchange: Callable[[Path, Path], bool] = swap._exchange  # pyright: ignore[reportPrivateUsage]  # the moment in question

    def edited_first(one: Path, other: Path) -> bool:
        (package / "client.py.tmp").write_text("edited")
        (package / "client.py.tmp").replace(package / "client.py")
        (package / "added.py").write_text("added")
        return exchange(one, other)

    monkeypatch.setattr(swap, "_exchange", edited_first)
    swap.put_in_place(made, package, OWNED)
    assert (package / "client.py").read_text() == "edited"
    assert (package / "added.py").read_text() == "added"
    assert (package / "models/__init__.py").read_text() == "new"


# Runs a replacement and kills itself with SIGKILL before the n-th step that changes the disk.
KILLED = """
import os, pathlib, shutil, signal, sys
from generator import swap
package, made, fatal = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
if sys.argv[4] != "True":
    swap._exchange = lambda one, other: False
steps = 0
def counted(owner, name):
    function = getattr(owner, name)
    def step(*args, **kwargs):
        global steps
        steps += 1
        if steps == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    setattr(owner, name, step)
for owner, names in {
    os: ["link", "fsync"], shutil: ["copyfile", "rmtree"], swap: ["_exchange"],
    pathlib.Path: ["rename", "replace", "mkdir", "unlink", "write_text"],
}.items():
    for name in names:
        counted(owner, name)
swap.put_in_place(made, package, ("models", "api", "sandbox/document.json"))
print(steps)
"""


def killed_at(step: int, folder: Path, *, can_exchange: bool) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder.mkdir()
    package, made = write_package(folder), write_new(folder)
    command = [sys.executable, "-c", KILLED, str(package), str(made), str(step), str(can_exchange)]
    return package, subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.skipif(sys.platform not in {"linux", "darwin"}, reason="no system call that exchanges folders")
def test_killed_at_any_moment_the_tree_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    old, new = trees(tmp_path)
    _, whole = killed_at(0, tmp_path / "whole", can_exchange=True)
    steps = int(whole.stdout)
    found: list[dict[str, str]] = []
    for step in range(1, steps + 1):
        package, process = killed_at(step, tmp_path / str(step), can_exchange=True)
        assert process.returncode == -signal.SIGKILL
        found.append(tree(package))
        # What a killed run left beside the package does not stand in the way of the next one.
        swap.recover(package)
        assert not list(package.parent.glob(".ev_energy_async-*"))
        assert tree(package) == found[-1]
    assert all(each in (old, new) for each in found)
    assert found[0] == old
    assert found[-1] == new


def test_where_folders_cannot_be_exchanged_the_next_run_finishes_what_a_killed_one_began(tmp_path: Path) -> None:
    old, new = trees(tmp_path)
    _, whole = killed_at(0, tmp_path / "whole", can_exchange=False)
    steps = int(whole.stdout)
    found: list[dict[str, str]] = []
    for step in range(1, steps + 1, 4):
        package, process = killed_at(step, tmp_path / str(step), can_exchange=False)
        assert process.returncode == -signal.SIGKILL
        swap.recover(package)
        found.append({name: text for name, text in tree(package).items() if not name.endswith(".new")})
    assert all(each in (old, new) for each in found)
    assert found[-1] == new


def test_a_check_finishes_what_a_killed_run_began(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "small.json"
    spec.write_text(json.dumps(document(schemas={"Thing": thing(a={"type": "string"})})))
    assert main(["--spec", str(spec)], root=tmp_path) == 0
    package = tmp_path / "ev_energy_async"
    made = tmp_path / ".ev_energy_async-new"
    made.mkdir()
    for name in OWNED:
        os.renames(package / name, made / name)
    (made / ".complete").write_text("\n".join(OWNED))
    capsys.readouterr()
    assert main(["--spec", str(spec), "--check"], root=tmp_path) == 0
    assert capsys.readouterr().out == ""
    assert (package / "api/things.py").exists()


def test_what_has_not_changed_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "small.json"
    spec.write_text(json.dumps(document(schemas={"Thing": thing(a={"type": "string"})})))
    assert main(["--spec", str(spec)], root=tmp_path) == 0
    assert "wrote: ev_energy_async/api/things.py" in capsys.readouterr().out
    inode = (tmp_path / "ev_energy_async").stat().st_ino
    assert main(["--spec", str(spec)], root=tmp_path) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "ev_energy_async").stat().st_ino == inode


def test_check_names_the_files_that_are_out_of_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "small.json"
    spec.write_text(json.dumps(document(schemas={"Thing": thing(a={"type": "string"})})))
    assert main(["--spec", str(spec)], root=tmp_path) == 0
    capsys.readouterr()
    (tmp_path / "ev_energy_async/api/things.py").write_text("x = 1\n")
    (tmp_path / "ev_energy_async/models/extra.py").write_text("")
    assert main(["--spec", str(spec), "--check"], root=tmp_path) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "out of step: ev_energy_async/api/things.py",
        "out of step: ev_energy_async/models/extra.py",
    ]
    assert (tmp_path / "ev_energy_async/api/things.py").read_text() == "x = 1\n"


def test_warnings_are_always_shown_and_notes_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "small.json"
    given = document(schemas={"Thing": thing(a={"type": "string", "nullable": True}, b={"enum": [0.5]})})
    spec.write_text(json.dumps(given))
    assert main(["--spec", str(spec)], root=tmp_path) == 0
    told = capsys.readouterr()
    assert "warning: /components/schemas/Thing/properties/b: values of an enum" in told.err
    assert "note:" not in told.out
    assert main(["--spec", str(spec), "-v"], root=tmp_path) == 0
    assert "note: /components/schemas/Thing/properties/a: nullable: true taken as" in capsys.readouterr().out
