"""JSON pointers (RFC 6901) from the normal form into the document as it was written.

A document may be factored in many ways, so a pointer is looked for, not made: through references, compositions and
shared parameters. What cannot be found points to the nearest thing that holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.document import lookup
from generator.nodes import escaped, is_array, is_object, part
from generator.normal import REF, Node, Normalised, Operation


class Pointers:
    """Finds things in one document."""

    def __init__(self, data: dict[str, Any], normal: Normalised, classes: Mapping[str, str]) -> None:
        """Take a document.

        Args:
            data: The document as it was written.
            normal: Its normal form.
            classes: Names of components that corrections call otherwise, by the name they give.
        """
        self._data = data
        self._classes = classes
        self._schemas = normal.schemas
        self._own = normal.own
        self._operations = normal.operations

    def component(self, name: str) -> str:
        """Return what the document calls a schema that it names itself."""
        return self._classes.get(name, name)

    def node(self, pointer: str) -> dict[str, Any]:
        """Return the object at a pointer; an empty one if none is there."""
        found = _at(self._data, pointer)
        return found if is_object(found) else {}

    def operation(self, operation: Operation) -> str:
        """Return where an operation is."""
        return f"#/paths/{escaped(operation.path)}/{operation.method}"

    def parameter(self, operation: Operation, where: str, name: str) -> str:
        """Return where a parameter of an operation is listed, or defined if it is shared."""
        path = f"#/paths/{escaped(operation.path)}"
        item = self._followed(part(self._data, "paths", operation.path), path)
        for owner, pointer in ((part(item[0], operation.method), f"{item[1]}/{operation.method}"), item):
            for place, node in enumerate(owner.get("parameters") or ()):
                found, at = self._followed(node, f"{pointer}/parameters/{place}")
                if (found.get("in"), found.get("name")) == (where, name):
                    return at
        return self.operation(operation)

    def schema(self, name: str, seen: frozenset[str] = frozenset()) -> str:
        """Return the place of a schema: its component, or the property, body or response that holds it."""
        if name in self._own:
            return REF + escaped(self.component(name))
        for owner, node in sorted(self._schemas.items()):
            for prop, child in sorted(node.get("properties", {}).items()):
                if owner not in seen and _refers(child, name):
                    return self.field(owner, prop, seen | {name, owner})
        for operation in self._operations:
            pointer = self.operation(operation)
            if operation.body is not None and _refers(operation.body, name):
                return f"{pointer}/requestBody"
            for status, response in sorted(operation.responses.items()):
                if _refers(response.schema, name):
                    return f"{pointer}/responses/{status}"
        return "#/components/schemas"

    def field(self, schema: str, prop: str, seen: frozenset[str] = frozenset()) -> str:
        """Return where a property of a schema is."""
        start = self.schema(schema, seen)
        for pointer, node in self._composed(start, set()):
            if prop in part(node, "properties"):
                return f"{pointer}/properties/{escaped(prop)}"
        return start

    def _composed(self, pointer: str, seen: set[str]) -> Iterator[tuple[str, Node]]:
        """Yield a schema and all that it is made of, with their pointers."""
        node = _at(self._data, pointer)
        if not is_object(node) or pointer in seen:
            return
        seen.add(pointer)
        yield pointer, node
        if isinstance(node.get("$ref"), str):
            yield from self._composed(node["$ref"], seen)
        for key in ("allOf", "anyOf", "oneOf"):
            for place in range(len(node.get(key) or ())):
                yield from self._composed(f"{pointer}/{key}/{place}", seen)
        for key in ("items", "additionalProperties", "schema"):
            yield from self._composed(f"{pointer}/{key}", seen)
        for media in part(node, "content"):
            yield from self._composed(f"{pointer}/content/{escaped(media)}", seen)

    def _followed(self, node: dict[str, Any], pointer: str) -> tuple[dict[str, Any], str]:
        while isinstance(node.get("$ref"), str):
            pointer = node["$ref"]
            node = lookup(self._data, pointer)
        return node, pointer


def _at(data: dict[str, Any], pointer: str) -> Any:
    node: Any = data
    for raw in pointer.split("/")[1:]:
        key = raw.replace("~1", "/").replace("~0", "~")
        if is_array(node) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        elif is_object(node) and key in node:
            node = node[key]
        else:
            return None
    return node


def _refers(node: Any, name: str) -> bool:
    if is_array(node):
        return any(_refers(each, name) for each in node)
    if not is_object(node):
        return False
    return node.get("$ref") == REF + name or any(_refers(v, name) for k, v in node.items() if k != "properties")
