"""Example values for operations, taken from the document: its own examples first, else what its schemas allow."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from generator import ir
from generator.document import Document, lookup
from generator.nodes import is_array, is_object, part
from generator.normal import Operation

_ID: Final = re.compile(r"\b([a-z]{4})[A-Z\d]{26}\b")
_ULID: Final = "01HN2NJ9NMRZBXT1H6FT9N7735"
_TIME: Final = "2026-03-14T12:00:00Z"
_TEXTS: Final = {
    "date-time": _TIME,
    "date": "2026-03-14",
    "uuid": "5f0c6c0e-5c0b-4a55-9a54-0f2f4f0e7c11",
    "uri": "https://app.example.com/callback",
    "email": "driver@example.com",
    "decimal": "0.25",
}
_DEEPEST: Final = 8


class Samples:
    """Example values for the operations of one document."""

    def __init__(self, document: Document) -> None:
        self._data = document.data
        self._schemas = part(document.data, "components", "schemas")
        examples = {name: node["example"] for name, node in sorted(self._schemas.items()) if "example" in node}
        self._ids: dict[str, str] = {}
        for found in _ID.finditer(json.dumps(examples, default=str)):
            self._ids.setdefault(found[1], found[0])
        self._by_name = {name.lower(): each for name, each in examples.items() if is_object(each)}

    def response(self, operation: Operation) -> Any:
        """Return what an operation responds with; None if it has no body in JSON."""
        raw = self._raw(operation)
        for status, response in sorted(part(raw, "responses").items()):
            content = part(self._follow(response), "content", "application/json")
            if str(status).startswith("2") and content:
                return self._of_media(content)
        return None

    def body(self, operation: Operation, body: ir.Body) -> dict[str, Any]:
        """Return the keys that a call sends: those of the document's example of the body, or else what is required.

        Of an example of the schema of a body that requires nothing, as in a PATCH, it is the first key.
        """
        content = self._content(operation, body)
        names = {field.key for field in body.fields}
        whole = self._of_media(content)
        if not is_object(whole):
            return {}
        sent = {key: value for key, value in whole.items() if key in names or not names}
        required = {field.key for field in body.fields if field.required}
        if "example" in content or (required and "example" in self._follow(content.get("schema", {}))):
            return sent
        return {key: value for key, value in sent.items() if key in required} or dict(list(sent.items())[:1])

    def whole_body(self, operation: Operation, body: ir.Body) -> Any:
        """Return a body that is no object."""
        return self._of_media(self._content(operation, body))

    def _content(self, operation: Operation, body: ir.Body) -> dict[str, Any]:
        request = self._follow(self._raw(operation).get("requestBody", {}))
        content = part(request, "content")
        return part(content, body.media) or part(content, *list(content)[:1])

    def argument(self, parameter: ir.Parameter, operation: Operation) -> Any:
        """Return a value for a parameter: JSON's, as a caller may write it."""
        if parameter.prefix:
            return self._ids.get(parameter.prefix, parameter.prefix + _ULID)
        stated = self._of_name(parameter.name, operation)
        if parameter.values:
            first = stated if stated in parameter.values else parameter.values[0]
            return [first] if parameter.kind == "array" else first
        if stated is not None:
            return stated
        match parameter.kind:
            case "integer" | "number":
                return parameter.minimum or 1
            case "boolean":
                return True
            case "date-time" | "log-time":
                return _TIME
            case _:
                uri = parameter.name.endswith("uri")
                return _TEXTS["uri"] if uri else _ULID if parameter.kind == "id" else f"my-{parameter.name}"

    def _of_name(self, name: str, operation: Operation) -> Any:
        """Return what the response, or the schema that a parameter names, has under the name of the parameter."""
        owner, _, key = name.rpartition("_")
        resource = self._by_name.get(owner.replace("_", ""), {})
        if key == "id" and resource.get("id"):
            return resource["id"]
        response = self.response(operation)
        shown = response[0] if is_array(response) and response else response
        plain = re.sub(r"_(gte|lte|gt|lt)$", "", name)
        value = shown.get(plain) if is_object(shown) else None
        return value if isinstance(value, str | int | float) else None

    def _raw(self, operation: Operation) -> dict[str, Any]:
        return part(self._data["paths"], operation.path, operation.method)

    def _follow(self, node: Any) -> dict[str, Any]:
        while is_object(node) and "$ref" in node:
            node = lookup(self._data, node["$ref"])
        return node if is_object(node) else {}

    def _of_media(self, content: dict[str, Any]) -> Any:
        if "example" in content:
            return _json(content["example"])
        for named in part(content, "examples").values():
            return _json(self._follow(named).get("value"))
        return _json(self.of(content.get("schema", {})))

    def of(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """Return a value of a schema: its example, or one made of those of its parts."""
        node = self._follow(schema)
        if "example" in node:
            return node["example"]
        if "enum" in node or "const" in node:
            values: list[Any] = node.get("enum", [node.get("const")])
            return next((value for value in values if value is not None), None)
        if parts := node.get("allOf"):
            made: dict[str, Any] = {}
            for each in [*parts, {k: v for k, v in node.items() if k != "allOf"}]:
                value = self.of(each, name, depth)
                made |= value if is_object(value) else {}
            return made
        for union in ("oneOf", "anyOf"):
            if members := [m for m in node.get(union, ()) if self._follow(m).get("type") != "null"]:
                texts = [m for m in members if self._follow(m).get("format") == "uri"]
                return self.of((texts or members)[0], name, depth)
        kinds: list[str] = node["type"] if is_array(node.get("type")) else [node.get("type", "object")]
        kind = next((each for each in kinds if each != "null"), "null")
        match kind:
            case "object":
                inner = part(node, "properties").items() if depth < _DEEPEST else ()
                return {key: self.of(each, key, depth + 1) for key, each in inner}
            case "array":
                return [self.of(node.get("items", {}), name, depth + 1)]
            case "boolean":
                return True
            case "integer" | "number":
                return node.get("minimum", 1)
            case "string":
                return self._text(node, name)
            case _:
                return None

    def _text(self, node: dict[str, Any], name: str) -> str:
        prefix = re.match(r"\^?\(?([a-z]{4})\[A-Z", node.get("pattern", ""))
        if prefix:
            return self._ids.get(prefix[1], prefix[1] + _ULID)
        return _TEXTS.get(node.get("format", ""), name.replace("_", " ").capitalize() or "Text")


def _json(value: Any) -> Any:
    """Return a value as JSON has it: YAML reads times and dates."""
    return json.loads(json.dumps(value, default=lambda each: each.isoformat().replace("+00:00", "Z")))
