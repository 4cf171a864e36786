"""Parameters of operations in their normal form: named, in an order of their own, and of a kind that can be sent."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final

from generator.document import SCHEMAS, RawOperation
from generator.nodes import Located, is_object
from generator.normal import names
from generator.normal.canonical import Canonical
from generator.normal.corrections import Corrections
from generator.normal.forms import Node
from generator.problems import BadDocument, Report

USER_HEADER: Final = "evenergy-user"
VERSION_HEADER: Final = "evenergy-version"
# Headers that the client sends itself; never a function's parameter.
_CLIENT_HEADERS: Final = {USER_HEADER, VERSION_HEADER, "authorization"}
_SCALARS: Final = ("string", "integer", "number", "boolean")


def parameters_of(
    raw: RawOperation, canonical: Canonical, corrections: Corrections, report: Report, body_keys: Collection[str] = ()
) -> tuple[Node, ...]:
    """Return the parameters of an operation, those of the path first.

    Raises:
        BadDocument: One cannot be sent, two have one name, or the path and its parameters do not fit together.
    """
    found: list[Node] = []
    listed = [key for key in raw.parameters if not (key[0] == "header" and key[1].lower() in _CLIENT_HEADERS)]
    python = _python_names(raw, listed, body_keys, corrections)
    templated = re.findall(r"{([^}]*)}", raw.path)
    for where, name in listed:
        parameter = raw.parameters[where, name]
        place = f"{raw.key} ? {name}"
        if where == "header" and not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise BadDocument(f"{place}: no name of a header (RFC 9110, section 5.1)")
        schema = canonical.of(_schema_of(parameter, where, place))
        if schema.pop("x-nullable", False):
            report.note(_at(parameter, raw), "null cannot be sent as a parameter: left out")
        if corrections.find("open_parameters", place):
            schema = {k: v for k, v in _plain(schema, canonical).items() if k != "enum"}
            if not parameter["schema"] or "enum" not in _plain(canonical.of(parameter["schema"]), canonical):
                corrections.needless("open_parameters", place)
        _check_kind(schema, parameter, where, place, canonical)
        if where == "path" and not parameter.get("required"):
            report.note(_at(parameter, raw), "a parameter of the path is always required")
        told = str(parameter.get("description") or "").strip()
        found.append(
            {
                "in": where,
                "name": name,
                "python": python[where, name],
                "required": bool(parameter.get("required")) or where == "path",
                "description": f"{told} Deprecated.".strip() if parameter.get("deprecated") else told,
                "schema": schema,
                "prefix": _prefix(name, schema, corrections),
            }
        )
    if {p["name"] for p in found if p["in"] == "path"} != set(templated) or len(set(templated)) < len(templated):
        raise BadDocument(f"{raw.key}: the parameters of the path and its template differ")
    # Path parameters in the order of the template, the others by name: the document's order has no say.
    found.sort(
        key=lambda p: (
            p["in"] != "path",
            templated.index(p["name"]) if p["in"] == "path" else 0,
            p["python"],
            p["in"],
        )
    )
    return tuple(found)


def _at(parameter: dict[str, Any], raw: RawOperation) -> str:
    return parameter.at if isinstance(parameter, Located) else raw.at


def _plain(schema: Node, canonical: Canonical) -> Node:
    """Return the form of a schema, of a reference that of what it refers to."""
    return canonical.component(schema["$ref"].removeprefix(SCHEMAS)) if "$ref" in schema else schema


def _python_names(
    raw: RawOperation, keys: list[tuple[str, str]], body_keys: Collection[str], corrections: Corrections
) -> dict[tuple[str, str], str]:
    """Return what the function calls each parameter; a keyword of the body keeps its own name."""
    corrected: dict[tuple[str, str], str] = {}
    for key in keys:
        entry = corrections.find("parameters", f"{raw.key} ? {key[1]}")
        if entry:
            corrected[key] = entry["name"]
    return names.parameters(keys, corrected, body_keys)


def _schema_of(parameter: dict[str, Any], where: str, place: str) -> Any:
    """Return the schema of a parameter that can be sent at all."""
    if where == "cookie":
        raise BadDocument(f"{place}: cookie parameters cannot be sent")
    if "content" in parameter:
        raise BadDocument(f"{place}: a parameter that is a document of its own (`content`) cannot be sent")
    return parameter["schema"]


def _check_kind(schema: Node, parameter: dict[str, Any], where: str, place: str, canonical: Canonical) -> None:
    usual = "form" if where == "query" else "simple"
    style = parameter.get("style", usual)
    explode = parameter.get("explode", style == "form")
    is_array = schema.get("type") == "array"
    if style != usual or (is_array and (where == "path" or (where == "query" and not explode))):
        raise BadDocument(f"{place}: style {style!r}, explode {str(explode).lower()}: cannot be sent")
    items = schema.get("items", {}) if schema.get("type") == "array" else schema
    kind = _plain(items, canonical).get("type", "string") if is_object(items) else "string"
    if "anyOf" in items or kind not in _SCALARS:
        raise BadDocument(f"{place}: only text, numbers and lists of them can be sent as a parameter")


def _prefix(name: str, schema: Node, corrections: Corrections) -> str | None:
    stated = re.search(r"([a-z]{4})\[A-Z", str(schema.get("pattern", "")))
    return stated[1] if stated else corrections.value("prefixes", name)
