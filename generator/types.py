"""Types of fields, parameters and answers: what the parser found, as a small tree that renders as Python.

`read` is the type of a value in a model; `write` is what a body given as a mapping may hold in its place, where JSON's
own values do as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias

import attrs
from openapi_python_client.parser import properties as oai
from openapi_python_client.parser.properties.any import AnyProperty
from openapi_python_client.parser.properties.boolean import BooleanProperty
from openapi_python_client.parser.properties.date import DateProperty
from openapi_python_client.parser.properties.datetime import DateTimeProperty
from openapi_python_client.parser.properties.float import FloatProperty
from openapi_python_client.parser.properties.int import IntProperty
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.none import NoneProperty
from openapi_python_client.parser.properties.string import StringProperty
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.parser.properties.uuid import UuidProperty

from generator.nodes import is_object
from generator.normal import Node
from generator.problems import NotCarriedOver

Kind: TypeAlias = Literal["scalar", "model", "enum", "list", "map", "union", "literal", "null"]

# Scalars whose JSON form is a string: a mapping may hold either.
_TEXTUAL: Final = ("dt.datetime", "dt.date", "Decimal", "UUID")
_SCALARS: Final[tuple[tuple[type[Any], str], ...]] = (
    (AnyProperty, "Any"),
    (BooleanProperty, "bool"),
    (IntProperty, "int"),
    (FloatProperty, "float"),
    (DateTimeProperty, "dt.datetime"),
    (DateProperty, "dt.date"),
    (UuidProperty, "UUID"),
)


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
        """Render as an annotation of a value that was decoded; models and enums are looked up in a prefix."""
        if self.kind == "scalar":
            return "AwareDatetime" if self.name == "dt.datetime" and not prefix else self.name
        return self._render(prefix, lambda t: t.read(prefix))

    def write(self, prefix: str = "") -> str:
        """Render as an annotation of a value in a body that is given as a mapping or keywords."""
        if self.kind == "scalar":
            return f"{self.name} | str" if self.name in _TEXTUAL else self.name
        if self.kind == "model":
            return f"{prefix}{self.name} | {prefix}{self.name}Fields"
        if self.kind == "enum":
            return f"{prefix}{self.name} | {_literal(self.values)}"
        if self.kind == "list":
            return f"Sequence[{self.of[0].write(prefix)}]"
        if self.kind == "map":
            return f"Mapping[str, {self.of[0].write(prefix)}]"
        return self._render(prefix, lambda t: t.write(prefix))

    def _render(self, prefix: str, inner: Callable[[Type], str]) -> str:
        if self.kind == "list":
            return f"list[{inner(self.of[0])}]"
        if self.kind == "map":
            return f"dict[str, {inner(self.of[0])}]"
        if self.kind == "union":
            return " | ".join(dict.fromkeys(part for t in self.of for part in inner(t).split(" | ")))
        if self.kind == "literal":
            return _literal(self.values)
        return "None" if self.kind == "null" else prefix + self.name

    @property
    def members(self) -> tuple[Type, ...]:
        """The members of a union, or the type itself; without null."""
        return tuple(t for t in (self.of if self.kind == "union" else (self,)) if t.kind != "null")

    @property
    def nullable(self) -> bool:
        """Whether it takes null."""
        return any(t.kind == "null" for t in (self.of if self.kind == "union" else (self,)))

    def walk(self) -> Iterator[Type]:
        """Yield this type and all that it is made of."""
        yield self
        for each in self.of:
            yield from each.walk()


NULL: Final = Type("null")
ANY: Final = Type("scalar", "Any")


def _literal(values: tuple[Any, ...]) -> str:
    return f"Literal[{', '.join(_quoted(v) for v in values)}]"


def _quoted(value: Any) -> str:
    # Double quotes as ruff writes them; JSON's escapes are Python's. What cannot be seen is escaped as well.
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def union(members: list[Type]) -> Type:
    """Return the union of types: scalars first, then models, null last."""
    flat = list(dict.fromkeys(t for m in members for t in (m.of if m.kind == "union" else (m,))))
    if ANY in flat:
        return ANY
    flat.sort(key=lambda t: (t.kind == "null", t.kind in {"model", "list", "map"}, t.read()))
    return flat[0] if len(flat) == 1 else Type("union", of=tuple(flat))


@attrs.frozen
class Known:
    """What has a name.

    Attributes:
        schemas: All named schemas, in canonical form.
        models: What the parser made of classes and maps. Where one map refers to another, it keeps what it had read by
            then; what stands here is whole.
    """

    schemas: dict[str, Node]
    models: dict[str, oai.ModelProperty]


def type_of(prop: Any, node: Node, known: Known, inside: frozenset[str] = frozenset()) -> Type:
    """Return the type of a property that was parsed.

    Args:
        prop: What the parser made of it.
        node: Its canonical schema, for the formats that the parser drops.
        known: What has a name.
        inside: The maps that it is part of the values of.

    Raises:
        NotCarriedOver: It is of a kind that models do not have.
    """
    for kind, name in _SCALARS:
        if isinstance(prop, kind):
            return Type("scalar", name)
    if isinstance(prop, StringProperty):
        return Type("scalar", "Decimal" if "decimal" in _formats(node) else "str")
    if isinstance(prop, NoneProperty):
        return NULL
    if isinstance(prop, ListProperty):
        return Type("list", of=(type_of(prop.inner_property, node.get("items", node), known, inside),))
    if isinstance(prop, UnionProperty):
        return union([type_of(inner, node, known, inside) for inner in prop.inner_properties])
    if isinstance(prop, oai.EnumProperty | oai.LiteralEnumProperty):
        name = str(prop.class_info.name)
        if name in known.schemas:
            return Type("enum", name, values=tuple(known.schemas[name]["enum"]))
        values = prop.values.values() if isinstance(prop, oai.EnumProperty) else prop.values
        return Type("literal", values=tuple(sorted(_value(v) for v in values)))
    if isinstance(prop, oai.ModelProperty):
        name = str(prop.class_info.name)
        named = known.schemas.get(name, {})
        if "properties" in named:
            return Type("model", name)
        if "additionalProperties" in named:
            return map_of(name, known, inside)
        return Type("map", of=(_map_value(prop, node, known, inside),))
    raise NotCarriedOver(f"{type(prop).__name__} {prop.name}: no type of a model")


def map_of(name: str, known: Known, inside: frozenset[str] = frozenset()) -> Type:
    """Return the type of a map that has a name.

    Raises:
        NotCarriedOver: It is no map.
    """
    model = known.models.get(name)
    if model is None:
        raise NotCarriedOver(f"{name}: neither an object nor an enum")
    # A map of maps of its own kind has no end that could be written down.
    value = ANY if name in inside else _map_value(model, known.schemas[name], known, inside | {name})
    return Type("map", of=(value,))


def _map_value(prop: oai.ModelProperty, node: Node, known: Known, inside: frozenset[str]) -> Type:
    extra: Any = prop.additional_properties
    if extra is None or isinstance(extra, AnyProperty | bool):
        return ANY
    return type_of(extra, node.get("additionalProperties", {}), known, inside)


def _value(value: Any) -> Any:
    return value.get_untrusted_value() if hasattr(value, "get_untrusted_value") else value


def _formats(node: Any) -> set[str]:
    """Return the formats of all strings in a schema, references aside."""
    if not is_object(node):
        return set()
    found = {node["format"]} if "format" in node else set[str]()
    for each in [*node.get("anyOf", ()), node.get("items"), node.get("additionalProperties")]:
        found |= _formats(each)
    return found
