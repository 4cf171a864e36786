"""Types of fields, parameters and responses: read off the normal form, as a small tree that renders as Python.

`read` is the type of a value in a model; `write` is what a body given as a mapping may hold in its place, where JSON's
own values do as well. Text is made of a tree once, at the very end: nothing here takes rendered types apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from generator.nodes import is_object
from generator.normal import REF, Node

Kind: TypeAlias = Literal["scalar", "model", "enum", "list", "map", "union", "literal", "null", "unset", "further"]

# Scalars whose JSON form is a string: a mapping may hold either.
_TEXTUAL: Final = ("dt.datetime", "dt.date", "Decimal", "UUID")
_SCALARS: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_FORMATS: Final = {
    "date-time": "dt.datetime",
    "date": "dt.date",
    "uuid": "UUID",
    "decimal": "Decimal",
    "binary": "File",
}


@attrs.frozen
class Type:
    """A type.

    Attributes:
        kind: What sort of type it is.
        name: Name of a scalar, model or enum.
        of: Item of a list or map; members of a union, null among them.
        values: Values of a literal, or of an enum.
    """

    kind: Kind
    name: str = ""
    of: tuple[Type, ...] = ()
    values: tuple[Any, ...] = ()

    def read(self, prefix: str = "") -> str:
        """Render as an annotation of a decoded value; models and enums are looked up in a prefix."""
        return " | ".join(dict.fromkeys(part for t in self.alternatives for part in _read(t, prefix)))

    def write(self, prefix: str = "") -> str:
        """Render as an annotation of a value in a body that is given as a mapping or keywords."""
        parts = list(dict.fromkeys(part for t in self.alternatives for part in _written(t, prefix)))
        # One literal for all, and none of text where any text will do.
        values = [v for t in self.alternatives if t.kind in {"enum", "literal"} for v in t.values]
        values = [v for v in dict.fromkeys(values) if ("str" if isinstance(v, str) else "int") not in parts]
        literal = [_literal(tuple(values))] if values else []
        nothing = [part for part in parts if part == "None"]
        return " | ".join([*(part for part in parts if part != "None"), *literal, *nothing])

    @property
    def alternatives(self) -> tuple[Type, ...]:
        """The members of a union, null among them; of anything else, the type itself."""
        return self.of if self.kind == "union" else (self,)

    @property
    def members(self) -> tuple[Type, ...]:
        """The members of a union, or the type itself; without null."""
        return tuple(t for t in self.alternatives if t.kind != "null")

    @property
    def nullable(self) -> bool:
        """Whether it takes null."""
        return any(t.kind == "null" for t in self.alternatives)

    def walk(self) -> Iterator[Type]:
        """Yield this type and all that it is made of."""
        yield self
        for each in self.of:
            yield from each.walk()


NULL: Final = Type("null")
UNSET: Final = Type("unset")
ANY: Final = Type("scalar", "Any")


def _read(kind: Type, prefix: str) -> tuple[str, ...]:
    match kind.kind:
        case "scalar":
            return ("AwareDatetime" if kind.name == "dt.datetime" and not prefix else kind.name,)
        case "list":
            return (f"list[{kind.of[0].read(prefix)}]",)
        case "map":
            return (f"dict[str, {kind.of[0].read(prefix)}]",)
        case "further":
            return (f"Mapping[str, {kind.of[0].read(prefix)}]",)
        case "literal":
            return (_literal(kind.values),)
        case "null":
            return ("None",)
        case "unset":
            return ("UnsetType",)
        case _:
            return (prefix + kind.name,)


def _written(kind: Type, prefix: str) -> tuple[str, ...]:
    match kind.kind:
        case "scalar":
            if kind.name == "File":
                return ("File", "bytes")
            return (kind.name, "str") if kind.name in _TEXTUAL else (kind.name,)
        case "model":
            return (f"{prefix}{kind.name}", f"{prefix}{kind.name}Fields")
        case "enum":
            return (f"{prefix}{kind.name}",)
        case "literal":
            return ()
        case "list":
            return (f"Sequence[{kind.of[0].write(prefix)}]",)
        case "map":
            return (f"Mapping[str, {kind.of[0].write(prefix)}]",)
        case _:
            return _read(kind, prefix)


def _literal(values: tuple[Any, ...]) -> str:
    return f"Literal[{', '.join(_quoted(v) for v in values)}]"


def _quoted(value: Any) -> str:
    # Double quotes as ruff writes them; JSON's escapes are Python's. What cannot be seen is escaped as well.
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def union(members: Iterable[Type]) -> Type:
    """Return the union of types: scalars first, then models, then unset and null."""
    flat = list(dict.fromkeys(t for m in members for t in (m.of if m.kind == "union" else (m,))))
    if ANY in flat:
        return ANY
    flat.sort(key=lambda t: (t.kind == "null", t.kind == "unset", t.kind in {"model", "list", "map"}, t.read()))
    return flat[0] if len(flat) == 1 else Type("union", of=tuple(flat))


def type_of(node: Node, schemas: Mapping[str, Node], inside: frozenset[str] = frozenset()) -> Type:
    """Return the type of what a schema describes.

    Args:
        node: The schema, in canonical form.
        schemas: All named schemas.
        inside: The named schemas that it is part of and that are no classes: one that holds itself has no end.
    """
    found = _plain(node, schemas, inside)
    return union([found, NULL]) if node.get("x-nullable") else found


def _plain(node: Node, schemas: Mapping[str, Node], inside: frozenset[str]) -> Type:
    if "$ref" in node:
        return _named(node["$ref"].removeprefix(REF), schemas, inside)
    if "anyOf" in node:
        return union([type_of(each, schemas, inside) for each in node["anyOf"]])
    if "enum" in node:
        return Type("literal", values=tuple(sorted(node["enum"])))
    kind = node.get("type")
    if kind == "array":
        return Type("list", of=(type_of(node["items"], schemas, inside),))
    if kind == "object":
        extra = node.get("additionalProperties")
        return Type("map", of=(type_of(extra, schemas, inside) if is_object(extra) else ANY,))
    if kind == "null":
        return NULL
    if kind == "string":
        return Type("scalar", _FORMATS.get(node.get("format", ""), "str"))
    return Type("scalar", _SCALARS[kind]) if kind else ANY


def _named(name: str, schemas: Mapping[str, Node], inside: frozenset[str]) -> Type:
    node = schemas[name]
    if "properties" in node:
        return Type("model", name)
    if "enum" in node:
        return Type("enum", name, values=tuple(node["enum"]))
    if name in inside:
        # A map of maps of its own kind has no end that could be written down.
        return Type("map", of=(ANY,)) if node.get("type") == "object" else ANY
    return type_of(node, schemas, inside | {name})
