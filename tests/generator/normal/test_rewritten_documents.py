"""The same facts give the same Python API, in whichever way a document states them."""

from __future__ import annotations

import ast
import functools
import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from generator import ir
from generator.__main__ import main
from generator.document import load
from generator.emit import FOLDERS, PACKAGE, ROOT, TABLES
from generator.generate import VENDORED, build
from generator.nodes import is_array, is_object
from generator.problems import Report
from tests.generator.normal import rewrite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from generator.normal import Normalised

Node = dict[str, Any]
REWRITES: dict[str, Callable[[Node], Node]] = {
    "other prose": rewrite.other_prose,
    "other order": functools.partial(rewrite.other_order, seed=1),
    "titles": functools.partial(rewrite.with_titles, equal=False),
    "equal titles": functools.partial(rewrite.with_titles, equal=True),
    "inlined": rewrite.inlined,
    "shared": rewrite.shared,
    "parameters of the path": rewrite.on_the_path,
    "hoisted": rewrite.hoisted,
}


def without_prose(given: object) -> Any:
    """Return the emitted code without docstrings."""
    value: Any = given
    kind: Any = type(given)
    if kind is tuple:
        return tuple(without_prose(each) for each in value)
    if attrs.has(kind):
        prose = (
            {"description", "footer", "summary", "title", "raises"}
            if not isinstance(value, ir.Group)
            else {"description"}
        )
        return (kind.__name__, *(
            (a.name, without_prose(getattr(value, a.name)))
            for a in attrs.fields(kind)
            if a.name not in prose and a.name != "tables"
        ))  # fmt: skip
    return value


def with_sorted_unions(node: Any) -> Any:
    """Decoded JSON, the members of unions in one order."""
    if is_object(node):
        plain = {key: with_sorted_unions(value) for key, value in node.items()}
        return {k: sorted(v, key=json.dumps) if k in {"anyOf", "oneOf"} else v for k, v in plain.items()}
    return [with_sorted_unions(each) for each in node] if is_array(node) else node


@pytest.fixture(scope="module")
def document() -> Node:
    return load(ROOT / VENDORED).data


@pytest.fixture(scope="module")
def published() -> tuple[ir.Package, Normalised]:
    return build(ROOT / VENDORED, "-")


@pytest.fixture(scope="module")
def package(published: tuple[ir.Package, Normalised]) -> ir.Package:
    return published[0]


def written(document: Node, folder: Path) -> Path:
    path = folder / "document.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", REWRITES)
def test_a_document_that_states_the_same_facts_gives_the_same_python_api(
    name: str, document: Node, published: tuple[ir.Package, Normalised], tmp_path: Path
) -> None:
    package, original = published
    rewritten = REWRITES[name](document)
    assert rewritten != document
    report = Report()
    made, normal = build(written(rewritten, tmp_path), "-", report)
    assert without_prose(made) == without_prose(package)
    # What the sandbox is told keeps the unions of the document, in whichever order it has them.
    assert with_sorted_unions(json.loads(made.tables)) == with_sorted_unions(json.loads(package.tables))
    assert report.warnings == ()
    assert normal.api_version == original.api_version


def code(path: Path) -> str:
    """Source without its docstrings, those below fields included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                each for each in node.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
            ]
    return ast.unparse(tree)


def test_everything_rewritten_at_once_is_emitted_to_the_same_code(document: Node, tmp_path: Path) -> None:
    for change in ("inlined", "hoisted", "parameters of the path", "equal titles", "other prose", "other order"):
        document = REWRITES[change](document)
    spec = tmp_path / "published.yaml"
    spec.write_text(json.dumps(document), encoding="utf-8")  # which is YAML too
    assert main(["--spec", str(spec)], root=tmp_path) == 0
    ours, theirs = ROOT / PACKAGE, tmp_path / PACKAGE
    names = {
        p.relative_to(root).as_posix()
        for root in (ours, theirs)
        for folder in FOLDERS
        for p in (root / folder).rglob("*.py")
    }
    assert {n for n in names if code(theirs / n) != code(ours / n)} == {"api/_document.py"}
    assert (theirs / TABLES).exists()
