"""The relation of one schema to another: the same to Python, wider, narrower, or something else.

Schemas are in canonical form. What is compared is what a value may be, as the types of Python that stand for it; limits
and formats that Python does not tell apart are compared on their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from generator.nodes import is_object
from generator.normal import REF, Node

Relation: TypeAlias = Literal["same", "wider", "narrower", "opened", "other"]

_TEXTS: Final = {"date-time": "datetime", "date": "date", "uuid": "UUID", "decimal": "Decimal"}
_SCALARS: Final = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_LIMITS: Final = (*_LOWER, *_UPPER, "pattern")


@attrs.frozen
class Atom:
    """One thing that a value may be.

    Attributes:
        kind: `Any`, a scalar, `enum`, `model`, `list`, `dict` or `object`.
        name: Name of a model or enum; the shape of an anonymous object.
        base: What values of an enum are.
        of: What items of a list, or values of a dict, may be.
    """

    kind: str
    name: str = ""
    base: str = ""
    of: frozenset[Atom] = frozenset()


@attrs.frozen
class Types:
    """Reads the schemas of one document.

    Attributes:
        schemas: All of its named schemas.
        now: What classes that were renamed are called in the document it is compared with.
    """

    schemas: Mapping[str, Node]
    now: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def atoms(self, node: Node) -> frozenset[Atom]:
        """Return what a value may be, null aside."""
        if "anyOf" in node:
            return frozenset[Atom]().union(*(self.atoms(each) for each in node["anyOf"]))
        if "$ref" in node:
            name: str = node["$ref"].removeprefix(REF)
            target = self.schemas[name]
            called = self.now.get(name, name)
            if "enum" in target:
                return frozenset({Atom("enum", called, _scalar(target))})
            return frozenset({Atom("model", called)}) if "properties" in target else self.atoms(target)
        if "enum" in node:
            return frozenset({Atom("enum", "", _scalar(node))})
        kind = node.get("type")
        if kind == "array":
            return frozenset({Atom("list", of=self._inner(node.get("items") or {}))})
        if kind == "object" and "properties" not in node:
            return frozenset({Atom("dict", of=self._inner(node.get("additionalProperties") or {}))})
        if kind == "object":
            return frozenset({Atom("object", shape(node))})
        return frozenset({Atom(_scalar(node) if kind else "Any")})

    def _inner(self, node: Node) -> frozenset[Atom]:
        return self.atoms(node) | (frozenset({Atom("None")}) if node.get("x-nullable") else frozenset[Atom]())


def relation(old: frozenset[Atom], new: frozenset[Atom]) -> Relation:
    """Return how what a value may be now relates to what it was."""
    if old == new:
        return "same"
    if _all_fit(old, new):
        opened = {atom for atom in old if atom.kind == "enum" and atom not in new}
        if opened and (old - opened) | {Atom(atom.base) for atom in opened} == new:
            return "opened"
        return "wider"
    return "narrower" if _all_fit(new, old) else "other"


def _all_fit(some: frozenset[Atom], into: frozenset[Atom]) -> bool:
    return all(any(_fits(each, other) for other in into) for each in some)


def _fits(one: Atom, other: Atom) -> bool:
    if one == other or other.kind == "Any":
        return True
    if one.kind in {"list", "dict"} and other.kind == one.kind:
        return _all_fit(one.of, other.of)
    return (one.kind, other.kind) == ("int", "float") or (one.kind == "enum" and one.base == other.kind)


def _scalar(node: Node) -> str:
    kind = node.get("type", "string")
    return _SCALARS[kind] if kind in _SCALARS else _TEXTS.get(node.get("format", ""), "str")


def shape(node: Any) -> str:
    """Return what a schema is, as text: without prose and marks, and in one order."""
    beside = {"description", "readOnly", "writeOnly", "deprecated"}

    def bare(each: Any, *, names: bool = False) -> Any:
        if isinstance(each, list):
            return [bare(item) for item in each]  # pyright: ignore[reportUnknownVariableType]  # JSON
        if not is_object(each):
            return each
        return {k: bare(v, names=k == "properties") for k, v in each.items() if names or k not in beside}

    return json.dumps(bare(node), sort_keys=True, ensure_ascii=False)


def limits(node: Node, at: str = "") -> dict[str, Any]:
    """Return the limits of a schema and of the items in it, by name."""
    found = {at + key: node[key] for key in _LIMITS if key in node}
    if is_object(node.get("items")):
        found |= limits(node["items"], f"{at}items ")
    for member in node.get("anyOf", ()):
        found |= limits(member, at)
    return found


def tightened(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a value that kept the old limits may break the new ones; another pattern counts as a tighter one."""
    for key, value in new.items():
        before, name = old.get(key), key.rpartition(" ")[2]
        if before is None or (name == "pattern" and before != value):
            return True
        if (name in _LOWER and value > before) or (name in _UPPER and value < before):
            return True
    return False


def formats(node: Node) -> list[str]:
    """Return the formats of strings that are plain text to Python."""
    stated = node.get("format")
    found = {str(stated)} if stated and node.get("type") == "string" and _scalar(node) == "str" else set[str]()
    for each in (node.get("items"), node.get("additionalProperties"), *node.get("anyOf", ())):
        found |= set(formats(each)) if is_object(each) else set()
    return sorted(found)


def listed(values: Mapping[str, Any] | list[str]) -> str:
    """Return limits or names as words."""
    if isinstance(values, list):
        return ", ".join(f"`{each}`" for each in values) or "none"
    return ", ".join(f"{key} `{value}`" for key, value in sorted(values.items())) or "none"
