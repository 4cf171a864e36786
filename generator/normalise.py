"""From a document as it was written to one that says everything in one way, with everything named.

    resolve -> correct -> canonical form -> bodies one can send -> names

What comes out does not depend on how the document was factored or ordered. `for_parser` renders it as plain OpenAPI for
the parser of openapi-python-client; what that parser drops (scopes, prose, read-only marks, formats) is kept beside it.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import attrs

from generator import names
from generator.canonical import Canonical, Node
from generator.corrections import Corrections
from generator.hoist import Hoister
from generator.load import Document
from generator.operations import Answer, Operation, Operations
from generator.parameters import VERSION_HEADER
from generator.problems import BadDocument, Report
from generator.resolve import RawOperation, Resolver
from generator.shapes import is_array, is_object
from generator.wellformed import SCHEMAS

__all__ = ["REF", "Answer", "Normalised", "Operation", "for_parser", "normalise"]

REF: Final = SCHEMAS
_BESIDE: Final = ("description", "readOnly", "writeOnly", "deprecated", "x-nullable")


@attrs.frozen
class Normalised:
    """A document in its normal form.

    Attributes:
        source: The document it was made of.
        schemas: All schemas by name, in canonical form.
        own: Names of the schemas that the document itself names.
        operations: All operations, by path and method.
        webhooks: Tags and payload of each webhook, by name.
        api_version: The version of the API that the document describes.
    """

    source: Document
    schemas: dict[str, Node]
    own: frozenset[str]
    operations: tuple[Operation, ...]
    webhooks: dict[str, tuple[tuple[str, ...], Node]]
    api_version: str


def normalise(document: Document, corrections: Corrections, report: Report | None = None) -> Normalised:
    """Return the normal form of a document.

    Raises:
        BadDocument: It says something that cannot be carried over; says what and where.
    """
    report = report if report is not None else Report()
    resolver = Resolver(document.data, report)
    raw_schemas = resolver.schemas()
    raw_operations = resolver.operations()
    corrections.apply_to_schemas(raw_schemas, Canonical(raw_schemas).takes_null)
    canonical = Canonical(raw_schemas, report)
    schemas = {name: copy.deepcopy(canonical.component(name)) for name in raw_schemas}

    work = Operations(document.data, canonical, corrections, schemas, raw_operations, report)
    operations = [work.operation(raw) for raw in raw_operations]
    schemas = Hoister(schemas).hoist(work.roots)
    operations = [work.with_names(o) for o in operations]
    _check_unique(operations)
    _say_what_has_no_id(operations, report)
    webhooks = {
        name: (tuple(raw.data.get("tags") or ("default",)), canonical.of(raw.body)) for name, raw in resolver.webhooks()
    }
    renamed = _Renamed(schemas, corrections)
    return Normalised(
        source=document,
        schemas=renamed.schemas,
        own=frozenset(renamed.name(name) for name in raw_schemas),
        operations=tuple(sorted((renamed.operation(o) for o in operations), key=lambda o: (o.path, o.method))),
        webhooks={name: (tags, renamed.node(payload)) for name, (tags, payload) in webhooks.items()},
        api_version=_api_version(document.data, raw_operations, canonical),
    )


class _Renamed:
    """Schemas and what refers to them, under the names that corrections give them."""

    def __init__(self, schemas: dict[str, Node], corrections: Corrections) -> None:
        self._names = {
            entry["at"]: entry["name"]
            for entry in corrections.entries("classes")
            if entry["at"] in schemas and corrections.find("classes", entry["at"])
        }
        self.schemas: dict[str, Node] = {}
        for name, node in sorted(schemas.items(), key=lambda item: self.name(item[0])):
            new = names.check_class(self.name(name), f"components.schemas.{name}")
            if new in self.schemas:
                raise BadDocument(f"components.schemas.{name}: two schemas would be called {new}")
            self.schemas[new] = self.node(node)

    def name(self, name: str) -> str:
        return str(self._names.get(name, name))

    def node(self, node: Any) -> Any:
        if not self._names:
            return node
        if is_array(node):
            return [self.node(each) for each in node]
        if not is_object(node):
            return node
        made = {key: self.node(value) for key, value in node.items()}
        if isinstance(node.get("$ref"), str):
            made["$ref"] = SCHEMAS + self.name(node["$ref"].removeprefix(SCHEMAS))
        return made

    def operation(self, operation: Operation) -> Operation:
        answers = {s: attrs.evolve(a, schema=self.node(a.schema)) for s, a in operation.answers.items()}
        parameters = tuple(self.node(p) for p in operation.parameters)
        return attrs.evolve(operation, body=self.node(operation.body), answers=answers, parameters=parameters)


def _api_version(data: dict[str, Any], operations: list[RawOperation], canonical: Canonical) -> str:
    """Return the version that requests can ask for; the document's own where it lists none."""
    for operation in operations:
        for (where, name), parameter in sorted(operation.parameters.items()):
            if where == "header" and name.lower() == VERSION_HEADER:
                form = canonical.of(parameter["schema"])
                form = canonical.component(form["$ref"].removeprefix(SCHEMAS)) if "$ref" in form else form
                if form.get("enum"):
                    return max(map(str, form["enum"]))
    return str(data["info"]["version"])


def _check_unique(operations: list[Operation]) -> None:
    for attribute in ("operation_id", "name", "function"):
        seen: dict[str, Operation] = {}
        for operation in operations:
            value = getattr(operation, attribute)
            if value in seen:
                told = {"operation_id": "operationId", "name": "name", "function": "name of a function"}[attribute]
                cure = "" if attribute == "operation_id" else "; correct one in corrections.yaml (`names`)"
                raise BadDocument(f"{seen[value].key} and {operation.key} have one {told}: {value!r}{cure}")
            if value is not None:
                seen[value] = operation


def _say_what_has_no_id(operations: list[Operation], report: Report) -> None:
    without = [f"{o.key} ({o.name})" for o in operations if o.operation_id is None]
    if without:
        more = f" and {len(without) - 3} more" if len(without) > 3 else ""  # noqa: PLR2004  # as many as one reads
        report.warn("paths", f"no operationId, named after the path: {', '.join(without[:3])}{more}")


def for_parser(normalised: Normalised) -> dict[str, Any]:
    """Render the normal form as an OpenAPI document that openapi-python-client's parser reads without a loss."""
    paths: dict[str, Any] = {}
    for operation in normalised.operations:
        rendered: dict[str, Any] = {
            "operationId": operation.function,
            "tags": [operation.name.partition(".")[0]],
            "parameters": [
                {"in": p["in"], "name": p["name"], "required": p["required"], "schema": _plain(p["schema"])}
                for p in operation.parameters
            ],
            "responses": {
                status: {
                    "description": "-",
                    **({"content": {"application/json": {"schema": _plain(a.schema)}}} if a.schema is not None else {}),
                }
                for status, a in sorted(operation.answers.items())
                if status.startswith("2")
            }
            or {"default": {"description": "-"}},
        }
        if operation.body is not None:
            rendered["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": _plain(operation.body)}},
            }
        paths.setdefault(operation.path, {})[operation.method] = rendered
    return {
        "openapi": "3.1.0",
        "info": {"title": "-", "version": normalised.source.version},
        "paths": paths,
        "components": {"schemas": {name: _plain(node) for name, node in normalised.schemas.items()}},
    }


def _plain(node: Node) -> Node:
    made: Node = {k: v for k, v in node.items() if k not in _BESIDE}
    if "properties" in made:
        made["properties"] = {name: _plain(each) for name, each in made["properties"].items()}
        # The models take no keys besides their own; the raw bytes stay on the response.
        made["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if is_object(made.get(key)):
            made[key] = _plain(made[key])
    if "anyOf" in made:
        made["anyOf"] = [_plain(each) for each in made["anyOf"]]
    if node.get("x-nullable") and made.get("type") != "null":
        members: list[Node] = made.get("anyOf", [made])
        made = {"anyOf": [*members, {"type": "null"}]}
    return made
