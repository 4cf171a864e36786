"""The document as the sandbox needs it, as compact JSON: routes, parameters, scopes, schemas; no prose."""

from __future__ import annotations

import json
from typing import Any, Final

from generator.document import Document, Resolver
from generator.nodes import is_array, is_object
from generator.normal import Normalised

_PROSE: Final = ("title", "summary", "description", "example", "examples", "externalDocs")
_CLIENT_HEADERS: Final = ("evenergy-user", "evenergy-version")
_REF: Final = "#/components/schemas/"


def tables(document: Document, normalised: Normalised) -> str:
    """Return the document's facts, with the names that the client has for its operations.

    The schemas are those that the document states, since a response must match the document, corrected or not.
    """
    resolver = Resolver(document.data)
    by_key = {o.key: o for o in normalised.operations}
    operations: dict[str, Any] = {}
    for raw in resolver.operations():
        operation = by_key[raw.key]
        operations[operation.name] = {
            "method": raw.method.upper(),
            "path": raw.path,
            "public": operation.public,
            "scopes": list(operation.scopes),
            "user": operation.user,
            "parameters": [
                {"in": where, "name": name, "required": bool(p.get("required")), "schema": _bare(p["schema"])}
                for (where, name), p in sorted(raw.parameters.items())
                if name.lower() not in _CLIENT_HEADERS
            ],
            "responses": {
                status: {"schema": _bare(response.schema), "headers": list(response.headers)}
                for status, response in sorted(raw.responses.items())
            },
        }
        if raw.body is not None:
            operations[operation.name]["body"] = {"required": raw.body_required, "schema": _bare(raw.body)}
    made = {
        "version": normalised.source.version,
        "operations": operations,
        "schemas": {name: _bare(node) for name, node in resolver.schemas().items()},
    }
    return json.dumps(made, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n"


def _bare(node: Any) -> Any:
    """Return a schema without prose, its references rewritten for the table."""
    if is_array(node):
        return [_bare(each) for each in node]
    if not is_object(node):
        return node
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key in {"properties", "dependentSchemas", "patternProperties"} and is_object(value):
            made[key] = {name: _bare(each) for name, each in value.items()}
        elif key == "$ref" and isinstance(value, str):
            made[key] = "#/schemas/" + value.removeprefix(_REF)
        elif key in {"const", "default"}:
            made[key] = value
        elif key in {"enum", "required"} and is_array(value):
            made[key] = sorted(value, key=lambda v: (v is None, str(v)))
        elif key == "type" and is_array(value):
            made[key] = sorted(value)
        elif key not in _PROSE and not key.startswith("x-"):
            made[key] = _bare(value)
    return _with_null(made) if made.pop("nullable", None) is True else made


def _with_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what `nullable: true`, a keyword of OpenAPI 3.0, is in the schemas of 3.1."""
    if schema.get("type") == "null" or (is_array(schema.get("type")) and "null" in schema["type"]):
        return schema
    return {"anyOf": [schema, {"type": "null"}]}
