"""Undo the document's factoring: what is shared for the reader's sake is put back where it is used.

After this a document says everything in one way, whichever way it was written: parameters, responses, headers, bodies
and schemas marked `x-inline` stand in place; only references to the API's own schemas are left.
"""

from __future__ import annotations

from typing import Any

import attrs

from generator.load import METHODS, lookup
from generator.problems import BadDocument
from generator.shapes import is_array, is_object, part

_SCHEMAS = "#/components/schemas/"


@attrs.define
class RawOperation:
    """One operation, its parameters resolved.

    Attributes:
        method: HTTP method, lower case.
        path: Path template.
        parameters: Its own parameters and those of its path, by location and name.
        body: Schema of its JSON body; None if it takes none.
        body_required: Whether the document marks the body as required.
        responses: By status: description, JSON schema (None without a body) and header names.
        data: The rest of it, as it stands.
    """

    method: str
    path: str
    parameters: dict[tuple[str, str], dict[str, Any]]
    body: dict[str, Any] | None
    body_required: bool
    responses: dict[str, RawResponse]
    data: dict[str, Any]

    @property
    def key(self) -> str:
        """How corrections address it."""
        return f"{self.method.upper()} {self.path}"


@attrs.frozen
class RawResponse:
    """One answer that an operation declares."""

    description: str
    schema: dict[str, Any] | None
    headers: tuple[str, ...]


class Resolver:
    """Resolves the references of one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        declared = part(document, "components", "schemas")
        self._inline = {name for name, node in declared.items() if is_object(node) and node.get("x-inline")}
        self._declared = declared

    def schemas(self) -> dict[str, Any]:
        """Return the API's own schemas, resolved, by name."""
        return {n: self.schema(node) for n, node in sorted(self._declared.items()) if n not in self._inline}

    def operations(self) -> list[RawOperation]:
        """Return all operations, by path and method."""
        found: list[RawOperation] = []
        for path, raw in sorted(self._document["paths"].items()):
            item = self._follow(raw)
            found += [self._operation(path, m, item) for m in METHODS if m in item]
        return found

    def webhooks(self) -> list[tuple[str, RawOperation]]:
        """Return the messages that the API sends, by name."""
        hooks: dict[str, Any] = self._document.get("webhooks") or {}
        return [(n, self._operation("/", m, item)) for n, item in sorted(hooks.items()) for m in METHODS if m in item]

    def schema(self, node: Any, inside: tuple[str, ...] = ()) -> Any:
        """Return a schema in which no reference to an inline component is left."""
        if is_array(node):
            return [self.schema(each, inside) for each in node]
        if not is_object(node):
            return node
        reference = node.get("$ref")
        name = reference.removeprefix(_SCHEMAS) if isinstance(reference, str) else None
        if name in self._inline and name is not None:
            if name in inside:
                raise BadDocument(f"components.schemas.{name}: an inline schema contains itself")
            target = self.schema(self._declared[name], (*inside, name))
            beside = {k: self.schema(v, inside) for k, v in node.items() if k != "$ref"}
            return {k: v for k, v in {**target, **beside}.items() if k != "x-inline"}
        return {
            k: {p: self.schema(s, inside) for p, s in v.items()}
            if k in {"properties", "patternProperties"} and is_object(v)
            else v
            if k in {"example", "examples", "default", "enum", "const"}
            else self.schema(v, inside)
            for k, v in node.items()
        }

    def _follow(self, node: dict[str, Any]) -> dict[str, Any]:
        """Resolve a reference to anything but a schema; what stands beside it wins."""
        seen: set[str] = set()
        while isinstance(node.get("$ref"), str):
            reference: str = node["$ref"]
            if reference in seen:
                raise BadDocument(f"$ref {reference!r}: points to itself")
            seen.add(reference)
            beside = {k: v for k, v in node.items() if k != "$ref"}
            node = {**lookup(self._document, reference), **beside}
        return node

    def _operation(self, path: str, method: str, item: dict[str, Any]) -> RawOperation:
        data: dict[str, Any] = item[method]
        parameters: dict[tuple[str, str], dict[str, Any]] = {}
        for node in [*item.get("parameters", ()), *data.get("parameters", ())]:
            parameter = self._follow(node)
            parameters[parameter["in"], parameter["name"]] = {
                **parameter,
                "schema": self.schema(parameter.get("schema") or {}),
            }
        body = self._follow(data["requestBody"]) if is_object(data.get("requestBody")) else {}
        return RawOperation(
            method=method,
            path=path,
            parameters=parameters,
            body=self._json(body, path),
            body_required=bool(body.get("required")),
            responses={str(s): self._response(self._follow(r), path) for s, r in part(data, "responses").items()},
            data=data,
        )

    def _response(self, node: dict[str, Any], path: str) -> RawResponse:
        headers = tuple(sorted(node.get("headers") or {}))
        return RawResponse(str(node.get("description", "")), self._json(node, path), headers)

    def _json(self, node: dict[str, Any], path: str) -> dict[str, Any] | None:
        """Return the schema of the JSON form of a body; the other media types say the same."""
        content: dict[str, Any] = node.get("content") or {}
        json_types = [
            t for t in content if t.split(";")[0].strip() == "application/json" or t.split(";")[0].endswith("+json")
        ]
        if content and not json_types:
            raise BadDocument(f"{path}: a body without a JSON form ({', '.join(content)})")
        if not json_types:
            return None
        schema: dict[str, Any] = self.schema(content[min(json_types)].get("schema") or {})
        return schema
