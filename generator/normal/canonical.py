"""Bring schemas into one form, whichever of the many ways of saying a thing they use.

What comes out is one of: a reference; a scalar with its format; an enum; an array; an object with properties; a map; a
union of those (`anyOf`, never nested); or nothing at all, which is any value. Null is a flag beside it (`x-nullable`),
prose and read-only marks stand beside it too. Titles, examples, defaults and conditions are gone.
"""

from __future__ import annotations

import json
from typing import Any, Final

from generator.document import SCHEMAS, UNIONS
from generator.nodes import Located, is_array, is_object, part
from generator.normal.discriminators import Discriminators
from generator.normal.forms import (
    BESIDE,
    BOUNDS,
    Node,
    distinct,
    is_null,
    more_telling,
    order,
    says_a_type,
    without,
)
from generator.problems import BadDocument, Report

# Conditions that no type can express; the server checks them.
_CONDITIONS: Final = ("dependentSchemas", "dependentRequired", "if", "not", "propertyNames")
_SAYS_SOMETHING: Final = ("$ref", "type", "properties", "enum", "const", "items", "additionalProperties", "format")
_MOST_FORMS: Final = 200_000
_LONGEST_CHAIN: Final = 50


class Canonical:
    """Canonical forms of the schemas of one document."""

    def __init__(self, schemas: dict[str, Any], report: Report | None = None) -> None:
        self._raw = schemas
        self._report = report if report is not None else Report()
        self._done: dict[str, Node] = {}
        self._under_way: list[str] = []
        self.discriminators = Discriminators(schemas)
        self._nullable = {name: self.takes_null(node) for name, node in schemas.items()}
        self._made = 0
        self._at = ""

    def component(self, name: str) -> Node:
        """Return the canonical form of one of the API's own schemas.

        Raises:
            BadDocument: It is composed of itself.
        """
        if name not in self._done:
            chain = " -> ".join([*self._under_way, name])
            if name in self._under_way:
                raise BadDocument(f"components.schemas.{name}: allOf goes in a circle ({chain})")
            if len(self._under_way) >= _LONGEST_CHAIN:
                raise BadDocument(
                    f"components.schemas.{self._under_way[0]}: allOf is nested for {_LONGEST_CHAIN} steps"
                )
            self._under_way.append(name)
            made = self.of(self._raw[name])
            # References say whether null is allowed: a class is not one of its own instances.
            self._done[name] = {k: v for k, v in made.items() if k != "x-nullable"}
            self._under_way.pop()
        return self._done[name]

    def of(self, node: Any) -> Node:
        """Return the canonical form of a schema."""
        if node is True or node is None or node == {}:
            return {}
        if not is_object(node):
            raise BadDocument(f"{self._at}: not a schema that takes a value: {json.dumps(node)[:80]}")
        outer = self._at
        self._at = node.at if isinstance(node, Located) else outer
        self._made += 1
        if self._made > _MOST_FORMS:
            raise BadDocument(f"{self._at}: with its parts put together, more than {_MOST_FORMS:,} schemas")
        beside = {k: node[k] for k in BESIDE if node.get(k)}
        self._note_what_is_left_out(node)
        shape, nullable = self._shape(node)
        inner = {k: shape.pop(k) for k in BESIDE if k in shape}
        made = {**shape, **inner, **beside}
        if nullable or inner.get("x-nullable") or node.get("nullable") is True:
            made["x-nullable"] = True
        self._at = outer
        return made

    def _note(self, text: str) -> None:
        self._report.note(self._at or "/", text)

    def _note_what_is_left_out(self, node: Node) -> None:
        left_out = [key for key in _CONDITIONS if key in node]
        if left_out:
            self._note(f"no type says it, the server checks it: {', '.join(left_out)}")
        if "default" in node:
            self._note("default left out: an absent key is absent")
        if node.get("nullable") is True:
            self._note("nullable: true taken as a type that may be null")

    def _shape(self, node: Node) -> tuple[Node, bool]:
        """Return the form without prose and marks, and whether it takes null."""
        if "allOf" in node:
            return self._merged(node)
        for key in ("oneOf", "anyOf"):
            if key in node:
                return self._beside_union(node, key)
        if "$ref" in node:
            return self._reference(node)
        types = node.get("type")
        listed = [types] if isinstance(types, str) else list(types or ())
        nullable = "null" in listed
        listed = list(dict.fromkeys(t for t in listed if t != "null"))
        if "const" in node:
            node = {**node, "enum": [node["const"]]}
        if "enum" in node:
            found = self._enum(node, nullable=nullable)
            if found is not None:
                return found
        if len(listed) > 1:
            shape, inner = self._union([{**without(node, "enum", "const"), "type": t} for t in listed])
            return shape, nullable or inner
        if not listed and nullable:
            return {"type": "null"}, True
        kind = listed[0] if listed else self._implied(node)
        return self._typed(node, kind), nullable

    def _reference(self, node: Node) -> tuple[Node, bool]:
        reference = node["$ref"]
        beside = sorted(node.keys() & {"type", "properties", "required", "format", "enum", "items"})
        if node.get("properties"):
            return self._merged({**without(node, "$ref"), "allOf": [{"$ref": reference}]})
        if beside:
            self._note(f"the reference says it all; left out beside it: {', '.join(beside)}")
        name = reference.removeprefix(SCHEMAS)
        extending = self.discriminators.extending(name)
        if extending:
            # What refers to a base schema takes whatever extends it.
            members = sorted(({"$ref": SCHEMAS + each} for each in [name, *extending]), key=order)
            return {"anyOf": members}, self._nullable[name]
        return {"$ref": reference}, self._nullable[name]

    def _beside_union(self, node: Node, key: str) -> tuple[Node, bool]:
        """Return the form of a union and the keywords beside it."""
        members: list[Any] = node[key]
        rest = without(node, key)
        if "discriminator" in node:
            named = [m["$ref"].removeprefix(SCHEMAS) for m in members if is_object(m) and "$ref" in m]
            self.discriminators.note(node["discriminator"], named)
            return self._union(members, told_apart=True)
        if all(is_object(m) and not any(k in m for k in (*_SAYS_SOMETHING, *UNIONS)) for m in members):
            if any(k in rest for k in (*_SAYS_SOMETHING, *UNIONS)):
                self._note(f"{key} of conditions left out: no type says them, the server checks them")
                return self._shape(rest)
        elif node.get("properties"):
            # A value has what stands beside the union, and what one of its members has.
            base = {k: rest[k] for k in ("type", "properties", "required") if k in rest}
            return self._union([m if is_null(m) else {"allOf": [base, m]} for m in members])
        elif any(k in rest for k in ("$ref", "type")):
            self._note(f"{key} says more than what stands beside it, which is left out")
        return self._union(members)

    @staticmethod
    def _implied(node: Node) -> str | None:
        if "properties" in node or "additionalProperties" in node:
            return "object"
        return "array" if "items" in node else "string" if "format" in node else None

    def _typed(self, node: Node, kind: str | None) -> Node:
        bounds = {k: node[k] for k in BOUNDS if k in node}
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
        more = self._further_keys(node)
        if properties:
            return {
                "type": "object",
                "properties": {name: self.of(each) for name, each in properties.items()},
                "required": sorted(set(node.get("required", ())) & set(properties)),
                **({"additionalProperties": more} if more is not None else {}),
            }
        if more is not None:
            return {"type": "object", "additionalProperties": more}
        if node.get("additionalProperties") is False:
            return {"type": "object", "properties": {}, "required": []}
        return {"type": "object", "additionalProperties": {}}

    def _further_keys(self, node: Node) -> Node | None:
        """Return the form of the values of keys that are no properties, where a schema speaks of them."""
        extra = node.get("additionalProperties")
        patterns = list(part(node, "patternProperties").values())
        if not patterns:
            return None if extra is None or extra is False else self.of(extra)
        # If nothing is said about other keys, they may hold anything.
        form, nullable = self._union([*patterns, *([] if extra is False else [True if extra is None else extra])])
        return {**form, "x-nullable": True} if nullable and form else form

    def _enum(self, node: Node, *, nullable: bool) -> tuple[Node, bool] | None:
        """Return the form of an enum; None if its values make none, and only its type is known."""
        values = [v for v in node["enum"] if v is not None]
        if not values:
            return {"type": "null"}, True
        if len(values) < len(node["enum"]):
            self._note("enum lists null: taken as a type that may be null")
        elif nullable:
            self._note("type takes null and enum does not list it: taken as a type that may be null")
        nullable = nullable or len(values) < len(node["enum"])
        kinds: set[type] = {type(v) for v in values}
        if kinds not in ({str}, {int}):
            self._report.warn(
                self._at, "values of an enum that are neither all text nor all integers: its type is kept"
            )
            return None
        kind = "integer" if kinds == {int} else "string"
        if node.get("type") is None:
            self._note(f"enum without a type: taken as {kind}")
        return {"type": kind, "enum": sorted(dict.fromkeys(values), key=str)}, nullable

    def _union(self, members: list[Any], *, told_apart: bool = False) -> tuple[Node, bool]:
        """Return the form of a union; `told_apart` if a discriminator chooses."""
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
        forms = distinct(forms) if told_apart else self._without_subsets(distinct(forms))
        arrays = [f for f in forms if f.get("type") == "array"]
        if len(arrays) > 1:
            # An empty array satisfies each of several array types; one array of either says the same.
            self._note("several arrays, of which an empty one is all: one array of either")
            items, inner_null = self._union([f["items"] for f in arrays])
            merged = {"type": "array", "items": {**items, **({"x-nullable": True} if inner_null else {})}}
            forms = [*(f for f in forms if f.get("type") != "array"), merged]
        if not forms:
            return {"type": "null"}, True
        if {} in forms:
            return {}, nullable
        return (forms[0] if len(forms) == 1 else {"anyOf": sorted(forms, key=order)}), nullable

    def _without_subsets(self, forms: list[Node]) -> list[Node]:
        """Drop references to a schema of which another member is the richer form, unless a discriminator chooses."""
        if any(f.get("$ref", "").removeprefix(SCHEMAS) in self.discriminators.tags for f in forms):
            return forms
        refs = {f["$ref"].removeprefix(SCHEMAS): f for f in forms if "$ref" in f}
        if len(refs) < 2:  # noqa: PLR2004  # it takes two
            return forms
        poorer = {a for a in refs for b in refs if a != b and self._extends(b, a)}
        if poorer:
            self._note(f"part of another member of the union, which is taken alone: {', '.join(sorted(poorer))}")
        return [f for f in forms if f.get("$ref", "").removeprefix(SCHEMAS) not in poorer]

    def _extends(self, richer: str, poorer: str) -> bool:
        """Whether one schema has all that another has; looked up in the raw form, since cycles are allowed here."""
        return poorer in self._composed_of(richer) and richer not in self._composed_of(poorer)

    def _composed_of(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for member in self._raw[waiting.pop()].get("allOf", ()):
                reference = member.get("$ref", "").removeprefix(SCHEMAS) if is_object(member) else ""
                if reference and reference not in found:
                    found.add(reference)
                    waiting.append(reference)
        return found

    def _merged(self, node: Node) -> tuple[Node, bool]:
        """Return the form of `allOf` merged with the keywords beside it."""
        rest = without(node, "allOf", *BESIDE, "nullable", "default", "title")
        listed: list[Any] = node["allOf"]
        # A member that only states a condition adds no property.
        members = [m for m in listed if is_object(m) and any(k in m for k in (*_SAYS_SOMETHING, *UNIONS))]
        required = {str(name) for m in [rest, *listed] if is_object(m) for name in m.get("required", ())}
        adds = ("properties", "additionalProperties", "$ref", *UNIONS)
        members += [rest] if any(rest.get(key) for key in adds) else []
        if not members:
            return self._shape(rest)
        nullable = all(self.takes_null(m) for m in members)
        if len(members) == 1 and not self._narrows(members[0], required) and not self._extends_base(node):
            form = self.of(members[0])
            return form, bool(form.pop("x-nullable", False))
        properties: dict[str, Node] = {}
        more: list[Node] = []
        # What is written here refines what is referred to, whichever stands first.
        for refers in (True, False):
            own: dict[str, Node] = {}
            for each in (m for m in members if ("$ref" in m) is refers):
                form = self._part(each)
                # A bare `type: object` says nothing of other keys, and takes them in its form alone.
                if "additionalProperties" in form and ("properties" in form or each.get("additionalProperties")):
                    more.append(form["additionalProperties"])
                if "properties" not in form:
                    if form.get("type") == "object" or not form:
                        continue
                    raise BadDocument(f"{self._at}: allOf of something that is no object: {json.dumps(each)[:120]}")
                for name, found in form["properties"].items():
                    own[name] = more_telling(own.get(name), found)
                required |= set(form["required"])
            properties |= {name: found for name, found in own.items() if name not in properties or says_a_type(found)}
        if not properties:
            return {"type": "object", "additionalProperties": {}}, nullable
        made = {"type": "object", "properties": properties, "required": sorted(required & set(properties))}
        if more:
            made["additionalProperties"] = more[0] if all(each == more[0] for each in more) else {}
        return made, nullable

    def _narrows(self, member: Node, required: set[str]) -> bool:
        """Whether properties are required beside a member that it does not require itself."""
        if not required or "$ref" not in member:
            return bool(required) and member.get("type") == "object"
        name = member["$ref"].removeprefix(SCHEMAS)
        form = self.component(name)
        return bool(required & set(form.get("properties", {})) - set(form.get("required", ())))

    def _part(self, member: Node) -> Node:
        """Return the form of a part of an object: of a reference, what it refers to."""
        if "$ref" in member and self.discriminators.extending(member["$ref"].removeprefix(SCHEMAS)):
            return self.component(member["$ref"].removeprefix(SCHEMAS))
        form = self.of(member)
        return self.component(form["$ref"].removeprefix(SCHEMAS)) if "$ref" in form else form

    def _extends_base(self, node: Node) -> bool:
        """Whether a node is a schema that extends a base with a discriminator, not a reference to one."""
        name = self._under_way[-1] if self._under_way else None
        return (
            name is not None
            and node is self._raw[name]
            and any(
                name in self.discriminators.extending(m.get("$ref", "").removeprefix(SCHEMAS))
                for m in node["allOf"]
                if is_object(m)
            )
        )

    def takes_null(self, node: Any, inside: frozenset[str] = frozenset()) -> bool:
        """Whether a schema, as written, takes null."""
        if not is_object(node):
            return False
        types = node.get("type", [])
        if node.get("nullable") is True or types == "null" or (is_array(types) and "null" in types):
            return True
        if None in node.get("enum", ()) or ("const" in node and node["const"] is None):
            return True
        for key in ("oneOf", "anyOf"):
            if key in node:
                return any(self.takes_null(m, inside) for m in node[key])
        name = node.get("$ref", "").removeprefix(SCHEMAS)
        if "allOf" in node:
            return all(self.takes_null(m, inside) for m in node["allOf"])
        return bool(name) and name not in inside and self.takes_null(self._raw.get(name), inside | {name})
