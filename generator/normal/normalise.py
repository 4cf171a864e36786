"""From a document as it was written to one that says everything in one way, with everything named.

    resolve -> correct -> canonical form -> bodies one can send -> names

What comes out does not depend on how the document was factored or ordered. `for_parser` renders it as plain OpenAPI for
the parser of openapi-python-client; what that parser drops (scopes, prose, read-only marks, formats) is kept beside it.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import attrs

from generator.document import SCHEMAS, Document, RawOperation, Resolver
from generator.nodes import is_array, is_object
from generator.normal import names
from generator.normal.canonical import Canonical
from generator.normal.corrections import Corrections
from generator.normal.forms import Node
from generator.normal.hoist import Hoister, Place
from generator.normal.operations import Operation, Operations, Response
from generator.normal.parameters import VERSION_HEADER
from generator.problems import BadDocument, Report

__all__ = ["REF", "Response", "Normalised", "Operation", "normalise"]

REF: Final = SCHEMAS


@attrs.frozen
class Normalised:
    """A document in its normal form.

    Attributes:
        source: The document it was made of.
        schemas: All schemas by name, in canonical form.
        own: Names of the schemas that the document itself names.
        places: Where each schema stands that the document does not name.
        operations: All operations, by path and method.
        tags: Values of a key by which a discriminator chooses each schema.
        webhooks: Tags and payload of each webhook, by name.
        api_version: The version of the API that the document describes.
    """

    source: Document
    schemas: dict[str, Node]
    own: frozenset[str]
    places: dict[str, tuple[Place, ...]]
    tags: dict[str, dict[str, tuple[str, ...]]]
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
    hoister = Hoister(schemas, report)
    schemas = hoister.hoist(work.roots)
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
        places={renamed.name(name): renamed.places(found) for name, found in hoister.places.items()},
        tags={
            renamed.name(name): {key: tuple(sorted(values)) for key, values in sorted(keys.items())}
            for name, keys in canonical.discriminators.tags.items()
        },
        webhooks={name: (tags, renamed.node(payload)) for name, (tags, payload) in webhooks.items()},
        api_version=_api_version(document.data, raw_operations, canonical),
    )


class _Renamed:
    """Schemas and what refers to them, under the names that corrections give them."""

    def __init__(self, schemas: dict[str, Node], corrections: Corrections) -> None:
        corrected = {
            entry["at"]: names.check_class(entry["name"], f"classes: {entry['at']}")
            for entry in corrections.entries("classes")
            if entry["at"] in schemas and corrections.find("classes", entry["at"])
        }
        self._names = names.classes(schemas, corrected)
        self.schemas = {self.name(name): self.node(schemas[name]) for name in sorted(schemas, key=self.name)}
        if len(self.schemas) < len(schemas):
            raise BadDocument(f"classes: two schemas would have one name of {', '.join(sorted(corrected.values()))}")

    def name(self, name: str) -> str:
        return str(self._names.get(name, name))

    def places(self, found: set[Place]) -> tuple[Place, ...]:
        return tuple(sorted(attrs.evolve(place, owner=self.name(place.owner)) for place in found))

    def node(self, node: Any) -> Any:
        if is_array(node):
            return [self.node(each) for each in node]
        if not is_object(node):
            return node
        made = {key: self.node(value) for key, value in node.items()}
        if isinstance(node.get("$ref"), str):
            made["$ref"] = SCHEMAS + self.name(node["$ref"].removeprefix(SCHEMAS))
        return made

    def operation(self, operation: Operation) -> Operation:
        responses = {s: attrs.evolve(a, schema=self.node(a.schema)) for s, a in operation.responses.items()}
        parameters = tuple(self.node(p) for p in operation.parameters)
        return attrs.evolve(operation, body=self.node(operation.body), responses=responses, parameters=parameters)


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
