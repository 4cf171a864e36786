"""Small documents, and what is generated from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from generator.agreement import check_agreement
from generator.build import Builder
from generator.document.load import read
from generator.emit import render
from generator.nodes import is_object
from generator.normal import Corrections, normalise
from generator.parse import parse
from generator.problems import Report

if TYPE_CHECKING:
    from generator import ir

Node = dict[str, Any]
NONE = "rules: {bodies_without_read_only: {why: Servers set them.}}\n"


def ref(name: str, kind: str = "schemas") -> Node:
    return {"$ref": f"#/components/{kind}/{name}"}


def body(schema: Any) -> Node:
    return {"content": {"application/json": {"schema": schema}}}


def ok(schema: Any) -> Node:
    return {"200": {"description": "Fine.", **body(schema)}}


def thing(**properties: Any) -> Node:
    return {"type": "object", "properties": properties}


def document(paths: Node | None = None, schemas: Node | None = None, **rest: Any) -> Node:
    """A document of a few lines; without paths, one operation that returns the schema `Thing`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Small", "version": "1"},
        "paths": paths
        if paths is not None
        else {"/things/{thing_id}": item(get=operation(ok(ref("Thing")), "thing_id"))},
        "components": {"schemas": schemas or {}},
        **rest,
    }


def operation(responses: Node | None = None, *path_parameters: str, **rest: Any) -> Node:
    parameters = [{"in": "path", "name": n, "required": True, "schema": {"type": "string"}} for n in path_parameters]
    parameters += rest.pop("parameters", [])
    return {"responses": responses or {"204": {"description": "Done."}}, "parameters": parameters, **rest}


def item(**operations: Any) -> Node:
    """A path; operations without an ID get one each."""
    for method, each in operations.items():
        if method != "parameters" and is_object(each):
            each.setdefault("operationId", f"op-{method}-{id(each)}")
    return operations


@attrs.frozen
class Made:
    """The result of generating from a document."""

    package: ir.Package
    report: Report
    files: dict[str, str]

    def fields(self, model: str) -> dict[str, str]:
        """Types of a model's fields by name."""
        return {f.name: f.type.read() for f in self.model(model).fields}

    def model(self, name: str) -> ir.Model:
        return next(m for module in self.package.modules for m in module.models if m.name == name)

    def enum(self, name: str) -> ir.Enum:
        return next(e for module in self.package.modules for e in module.enums if e.name == name)

    def endpoint(self, name: str) -> ir.Endpoint:
        return next(e for group in self.package.groups for e in group.endpoints if e.name == name)

    @property
    def classes(self) -> set[str]:
        """Names of everything that a module of models has."""
        return {name for module in self.package.modules for name in module.names}


def made(given: Node | str, corrections: str = NONE, folder: Path | None = None) -> Made:
    """Generate from a document, given as such or as text.

    Args:
        given: The document.
        corrections: Text of the corrections.
        folder: Where the corrections can be written; only the rules of `NONE` without it.
    """
    report = Report()
    path = (folder or Path(__file__).parent) / "corrections.yaml"
    if folder is not None:
        path.write_text(corrections, encoding="utf-8")
    corrected = Corrections(path)
    text = given if isinstance(given, str) else json.dumps(given)
    source = read(text.encode("utf-8", "surrogatepass"), "small.yaml")
    normalised = normalise(source, corrected, report)
    check_agreement(parse(normalised), normalised)
    package = Builder(source, normalised, corrected).package()
    if folder is not None:
        corrected.report(report)
    files = render(package, normalised)
    for name, content in files.items():
        if name.endswith(".py"):
            compile(content, name, "exec", dont_inherit=True)
    return Made(package, report, files)


def made_of(thing_schema: Any, **schemas: Any) -> Made:
    """Generate from a document whose one operation returns `Thing`."""
    return made(document(schemas={"Thing": thing_schema, **schemas}))
