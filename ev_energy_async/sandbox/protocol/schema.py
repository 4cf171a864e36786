"""Checks JSON values of requests against the document's schemas, as far as those schemas go.

Responses are not checked at run time.
"""

import re
from functools import lru_cache
from typing import Final

from ev_energy_async.sandbox.instants import parse
from ev_energy_async.sandbox.protocol.document import Document, Schema
from ev_energy_async.sandbox.protocol.problems import FieldErrors

Json = str | float | bool | None | list["Json"] | dict[str, "Json"]
"""Any JSON value."""

_LARGEST: Final = 2**53 - 1  # RFC 8259, section 6: what all implementations agree on
_SHAPES: Final = {
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
}


def mismatches(document: Document, schema: Schema, value: Json, path: str) -> FieldErrors:
    """Return the mismatches of a value with a schema, by member path; empty if it is valid."""
    for reference in _references(document, schema):
        if found := mismatches(document, reference, value, path):
            return found
    for alternatives in (schema.get("oneOf"), schema.get("anyOf")):
        if alternatives and all(mismatches(document, alternative, value, path) for alternative in alternatives):
            return mismatches(document, alternatives[0], value, path)
    if "type" in schema and not _is_of(schema["type"], value):
        return {path: [f"This is not of type {_types(schema['type'])}."]}
    if "enum" in schema and value not in schema["enum"]:
        return {path: [f"{value!r} is not one of {', '.join(str(known) for known in schema['enum'])}."]}
    if isinstance(value, str):
        return _named(path, _text_fault(schema, value))
    if isinstance(value, dict):
        return _object_faults(document, schema, value, path)
    if isinstance(value, list):
        return _list_faults(document, schema, value, path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _named(path, _number_fault(schema, value))
    return {}


def _references(document: Document, schema: Schema) -> list[Schema]:
    parts: list[Schema] = schema.get("allOf", [])
    return [document.resolve(schema), *parts] if "$ref" in schema else parts


def _object_faults(document: Document, schema: Schema, value: dict[str, Json], path: str) -> FieldErrors:
    found: FieldErrors = {}
    properties: dict[str, Schema] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value and not properties.get(name, {}).get("readOnly"):
            found[_below(path, name)] = ["This field is required."]
    for name, member in value.items():
        if name in properties:
            # What only the server sets is ignored in a request (OpenAPI 3.1, readOnly), so it can't be wrong.
            if not properties[name].get("readOnly"):
                found |= mismatches(document, properties[name], member, _below(path, name))
        elif schema.get("additionalProperties") is False:
            found[_below(path, name)] = ["This field is not known."]
        elif isinstance(schema.get("additionalProperties"), dict):
            found |= mismatches(document, schema["additionalProperties"], member, _below(path, name))
    return found


def _list_faults(document: Document, schema: Schema, value: list[Json], path: str) -> FieldErrors:
    longest: int | None = schema.get("maxItems")
    if longest is not None and len(value) > longest:
        return {path: [f"There are more than {longest} entries."]}
    fewest: int = schema.get("minItems", 0)
    if len(value) < fewest:
        return {path: [f"There are fewer than {fewest} entries."]}
    found: FieldErrors = {}
    for item in value:
        for name, wrong in mismatches(document, schema.get("items", {}), item, path).items():
            found.setdefault(name, []).extend(wrong)
    return found


def _text_fault(schema: Schema, value: str) -> str | None:
    if len(value) < schema.get("minLength", 0):
        return f"This is shorter than {schema['minLength']} characters."
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        return f"This is longer than {schema['maxLength']} characters."
    # JSON Schema (2020-12 validation, 6.3.3): a pattern is not anchored.
    if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        return f"This does not match {schema['pattern']}."
    form: str | None = schema.get("format")
    if form == "date-time":
        try:
            parse(value)
        except ValueError:
            return "This is not a time like 2026-03-14T07:05:00.123456Z."
    if form in _SHAPES and not _SHAPES[form].fullmatch(value):
        return f"This is not of the form {form}."
    return None


def _number_fault(schema: Schema, value: float) -> str | None:
    if not -_LARGEST <= value <= _LARGEST:
        return f"This is not a number from {-_LARGEST} to {_LARGEST}."
    if "minimum" in schema and value < schema["minimum"]:
        return f"This is less than {schema['minimum']}."
    if "maximum" in schema and value > schema["maximum"]:
        return f"This is greater than {schema['maximum']}."
    return None


def _is_of(types: str | list[str], value: Json) -> bool:
    if isinstance(types, list):
        return any(_is_of(one, value) for one in types)
    match types:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case _:
            return value is None


def _types(types: str | list[str]) -> str:
    return types if isinstance(types, str) else " or ".join(types)


def _named(path: str, fault: str | None) -> FieldErrors:
    return {} if fault is None else {path: [fault]}


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
