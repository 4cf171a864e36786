"""Bodies of requests and responses: the schemas they reach, and where binary data has a form.

Called by `build`. Nothing here knows of Python source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from generator.document import FORMS, has_schema
from generator.nodes import is_array, is_object
from generator.normal import REF, Node, Normalised
from generator.problems import BadDocument
from generator.types import Type, type_of


def closure(roots: Iterable[Node], schemas: Mapping[str, Node]) -> set[str]:
    """Return the names of all schemas that can be reached from some."""
    found: set[str] = set()
    waiting: list[Any] = list(roots)
    while waiting:
        node = waiting.pop()
        if is_array(node):
            waiting += node
        elif is_object(node):
            name = node["$ref"].removeprefix(REF) if isinstance(node.get("$ref"), str) else None
            if name is not None and name not in found:
                found.add(name)
                waiting.append(schemas[name])
            waiting += [v for k, v in node.items() if k != "$ref"]
    return found


def is_raw(media: str, schema: Node) -> bool:
    """Whether a body is bytes: of no media type whose form is known."""
    return schema.get("format") == "binary" and not has_schema(media)


def check_binary(normalised: Normalised) -> None:
    """Refuse binary data where it has no form: in JSON, and inside the values of a form.

    Raises:
        BadDocument: There is some; says where.
    """
    schemas = normalised.schemas
    for operation in normalised.operations:
        bodies = [(r.media, r.schema) for r in operation.responses.values()]
        for media, schema in [*bodies, (operation.body_media, operation.body)]:
            if schema is None or not has_schema(media):
                continue
            roots: list[Node] = [schema]
            if media == FORMS[0]:
                # A part may be a file, or several parts of one name.
                shape = schemas.get(schema.get("$ref", "").removeprefix(REF), schema)
                parts = [p.get("items", p) for p in shape.get("properties", {}).values()]
                roots = [p for p in parts if p.get("format") != "binary"]
            nodes = [*roots, *(schemas[name] for name in closure(roots, schemas))]
            if any(kind.name == "File" for node in nodes for kind in _types(node, schemas)):
                raise BadDocument(f"{operation.key}: {media}: `format: binary` has no form in it")


def _types(node: Node, schemas: Mapping[str, Node]) -> Iterator[Type]:
    """Yield the types in a schema, those of its properties among them."""
    for each in [*node.get("properties", {}).values()] or [node]:
        yield from type_of(each, schemas).walk()
