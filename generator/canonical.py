"""Bring schemas into one form, whichever of the many ways of saying a thing they use.

What comes out is one of: a reference; a scalar with its format; an enum; an array; an object with properties; a map; a
union of those (`anyOf`, never nested); or nothing at all, which is any value. Null is a flag beside it (`x-nullable`),
prose and read-only marks stand beside it too. Titles, examples, defaults and conditions are gone.
"""

from __future__ import annotations

import json
from typing import Any, Final

from generator.problems import BadDocument
from generator.shapes import is_object, part

_REF: Final = "#/components/schemas/"
_BESIDE: Final[tuple[str, ...]] = ("description", "readOnly", "writeOnly", "deprecated", "x-nullable")
_BOUNDS: Final[tuple[str, ...]] = ("pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_UNIONS: Final = ("oneOf", "anyOf")

Node = dict[str, Any]


class Canonical:
    """Canonical forms of the schemas of one document."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._raw = schemas
        self._done: dict[str, Node] = {}
        self._under_way: list[str] = []

    def component(self, name: str) -> Node:
        """Return the canonical form of one of the API's own schemas.

        Raises:
            BadDocument: It is composed of itself.
        """
        if name not in self._done:
            if name in self._under_way:
                raise BadDocument(f"components.schemas.{name}: allOf goes in a circle ({' -> '.join(self._under_way)})")
            self._under_way.append(name)
            self._done[name] = self.of(self._raw[name])
            self._under_way.pop()
        return self._done[name]

    def of(self, node: Any) -> Node:
        """Return the canonical form of a schema."""
        if node is True or node is None or node == {}:
            return {}
        if not is_object(node):
            raise BadDocument(f"not a schema: {json.dumps(node)[:80]}")
        beside = {k: node[k] for k in _BESIDE if node.get(k)}
        shape, nullable = self._shape(node)
        inner = {k: shape.pop(k) for k in _BESIDE if k in shape}
        made = {**shape, **inner, **beside}
        if nullable or inner.get("x-nullable") or node.get("nullable") is True:
            made["x-nullable"] = True
        return made

    def _shape(self, node: Node) -> tuple[Node, bool]:
        """Return the form without what stands beside it, and whether it takes null."""
        if "allOf" in node:
            return self._merged(node)
        for key in _UNIONS:
            if key in node:
                # A `$ref` or `type` beside a union says again what the union says; the union says more.
                return self._union(node[key])
        if "$ref" in node:
            return {"$ref": node["$ref"]}, False
        types = node.get("type")
        listed = [types] if isinstance(types, str) else list(types or ())
        nullable = "null" in listed
        listed = [t for t in listed if t != "null"]
        if "const" in node:
            node = {**node, "enum": [node["const"]]}
        if "enum" in node:
            return self._enum(node, listed, nullable=nullable)
        if len(listed) > 1:
            shape, inner = self._union([{**node, "type": t} for t in listed])
            return shape, nullable or inner
        if not listed and nullable:
            return {"type": "null"}, True
        kind = listed[0] if listed else self._implied(node)
        return self._typed(node, kind), nullable

    @staticmethod
    def _implied(node: Node) -> str | None:
        if "properties" in node or "additionalProperties" in node:
            return "object"
        return "array" if "items" in node else "string" if "format" in node else None

    def _typed(self, node: Node, kind: str | None) -> Node:
        bounds = {k: node[k] for k in _BOUNDS if k in node}
        if kind == "array":
            return {"type": "array", "items": self.of(node.get("items")), **bounds}
        if kind == "object":
            return self._object(node)
        if kind is None:
            return {}
        if kind == "null":
            return {"type": "null"}
        return {"type": kind, **({"format": node["format"]} if "format" in node else {}), **bounds}

    def _object(self, node: Node) -> Node:
        properties = part(node, "properties")
        if properties:
            return {
                "type": "object",
                "properties": {name: self.of(each) for name, each in properties.items()},
                "required": sorted(set(node.get("required", ())) & set(properties)),
            }
        extra = node.get("additionalProperties", True)
        if extra is False:
            return {"type": "object", "properties": {}, "required": []}
        return {"type": "object", "additionalProperties": self.of(extra)}

    @staticmethod
    def _enum(node: Node, listed: list[str], *, nullable: bool) -> tuple[Node, bool]:
        values = [v for v in node["enum"] if v is not None]
        if not values:
            return {"type": "null"}, True
        nullable = nullable or len(values) < len(node["enum"])
        kind = listed[0] if listed else "integer" if all(type(v) is int for v in values) else "string"
        return {"type": kind, "enum": sorted(values, key=str)}, nullable

    def _union(self, members: list[Any]) -> tuple[Node, bool]:
        forms: list[Node] = []
        nullable = False
        for member in members:
            form = self.of(member)
            nullable = nullable or bool(form.pop("x-nullable", False))
            for each in form.get("anyOf", [form]):
                if each.get("type") == "null":
                    nullable = True
                else:
                    forms.append(each)
        forms = self._without_subsets(_distinct(forms))
        arrays = [f for f in forms if f.get("type") == "array"]
        if len(arrays) > 1:
            # An empty array satisfies each of several array types; one array of either says the same.
            items, inner_null = self._union([f["items"] for f in arrays])
            merged = {"type": "array", "items": {**items, **({"x-nullable": True} if inner_null else {})}}
            forms = [*(f for f in forms if f.get("type") != "array"), merged]
        if not forms:
            return {"type": "null"}, True
        if {} in forms:
            return {}, nullable
        return (forms[0] if len(forms) == 1 else {"anyOf": sorted(forms, key=_order)}), nullable

    def _without_subsets(self, forms: list[Node]) -> list[Node]:
        """Drop references to a schema of which another member is the richer form."""
        refs = {f["$ref"].removeprefix(_REF): f for f in forms if "$ref" in f}
        if len(refs) < 2:  # noqa: PLR2004  # it takes two
            return forms
        poorer = {a for a in refs for b in refs if a != b and self._extends(b, a)}
        return [f for f in forms if f.get("$ref", "").removeprefix(_REF) not in poorer]

    def _extends(self, richer: str, poorer: str) -> bool:
        """Whether one schema has all that another has; looked up in the raw form, since cycles are allowed here."""
        return poorer in self._composed_of(richer, set())

    def _composed_of(self, name: str, seen: set[str]) -> set[str]:
        found: set[str] = set()
        for member in self._raw[name].get("allOf", ()):
            reference = member.get("$ref", "").removeprefix(_REF)
            if reference and reference not in seen:
                found |= {reference} | self._composed_of(reference, seen | {reference})
        return found

    def _merged(self, node: Node) -> tuple[Node, bool]:
        """Return what `allOf`, and what stands beside it, come to."""
        rest = {k: v for k, v in node.items() if k not in ("allOf", *_BESIDE, "nullable", "default", "title")}
        parts = [*node["allOf"], *([rest] if "properties" in rest or "$ref" in rest else [])]
        if len(parts) == 1:
            form = self.of(parts[0])
            return form, bool(form.pop("x-nullable", False))
        properties: dict[str, Node] = {}
        required: set[str] = set(node.get("required", ()))
        for each in parts:
            form = self.component(each["$ref"].removeprefix(_REF)) if "$ref" in each else self.of(each)
            if "properties" not in form:
                raise BadDocument(f"allOf of something that is no object: {json.dumps(each)[:120]}")
            properties.update(form["properties"])
            required |= set(form["required"])
        return {"type": "object", "properties": properties, "required": sorted(required & set(properties))}, False


def _bare(form: Node) -> str:
    return json.dumps({k: v for k, v in form.items() if k not in _BESIDE}, sort_keys=True)


def _distinct(forms: list[Node]) -> list[Node]:
    return list({_bare(form): {k: v for k, v in form.items() if k not in _BESIDE} for form in forms}.values())


def _order(form: Node) -> tuple[int, str]:
    """Scalars before models, so that a union reads the same whatever its order in the document."""
    return (1 if "$ref" in form else 2 if form.get("type") in {"array", "object"} else 0), _bare(form)
