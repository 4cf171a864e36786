"""Give every anonymous object and enum a name, once for all places where it is the same.

The name is that of the owner and the property (`VehicleStatusLogState`). The same property with the same shape in a
resource and in what is named after it, as the body that changes it (`Vehicle`, `VehicleUpdate`), is one class, named
after the resource. The order of the document has no say.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import attrs

from generator.nodes import is_array, is_object
from generator.normal.forms import BESIDE, BOUNDS, Node
from generator.normal.names import pascal
from generator.problems import Report

_REF = "#/components/schemas/"


@attrs.frozen(order=True)
class Place:
    """The place of an anonymous schema.

    Attributes:
        owner: The named schema that it is part of.
        prop: The property, of the owner or of a map or array right below it; empty if it is in none.
        is_value: Whether it is the value of the property itself, not an item or a member of a union.
    """

    owner: str
    prop: str
    is_value: bool


@attrs.frozen
class _Anonymous:
    """An anonymous schema: what holds it, and what it is called after its owner."""

    container: Any
    key: Any
    owner: str
    name: str
    place: Place


class Hoister:
    """Collects anonymous schemas, then names them all at once.

    Attributes:
        places: Where each schema stands that was given a name, by the name.
    """

    def __init__(self, named: dict[str, Node], report: Report) -> None:
        self._schemas = named
        self._report = report
        self.places: dict[str, set[Place]] = {}

    def hoist(self, roots: dict[str, Node]) -> dict[str, Node]:
        """Name what is anonymous below named schemas and below roots (bodies, responses) that have a name to be.

        Args:
            roots: Schemas by the name that they shall have if they need one; replaced by references in place.

        Returns:
            All named schemas.
        """
        for name, node in list(roots.items()):
            if _needs_name(node):
                free = self._free(name, node)
                self._schemas[free] = node
                roots[name] = {"$ref": _REF + free}
        waiting: list[tuple[str, Node]] = list(self._schemas.items())
        waiting += [(name, node) for name, node in roots.items() if "$ref" not in node]
        # Level by level: a nested schema is named after its owner, whose name must stand first.
        while waiting:
            places: dict[tuple[str, str], list[_Anonymous]] = {}
            for name, node in waiting:
                for place in _places(node, name):
                    places.setdefault((place.name, _shape(place.container[place.key])), []).append(place)
            waiting = []
            for _, found in sorted(places.items()):
                waiting += [self._name(family) for family in _families(found)]
        return self._schemas

    def _free(self, name: str, node: Node) -> str:
        """Return the name itself, or one with a number if another schema has it."""
        free = name
        for number in itertools.count(2):
            if free not in self._schemas or _shape(self._schemas[free]) == _shape(node):
                break
            free = f"{name}{number}"
        if free != name:
            self._report.warn(name, f"another schema has this name; one is called {free} (see `classes` and `bodies`)")
        return free

    def _name(self, places: list[_Anonymous]) -> tuple[str, Node]:
        name = self._free(places[0].owner + pascal(places[0].name), places[0].container[places[0].key])
        node: Node = {
            k: v for k, v in places[0].container[places[0].key].items() if k not in BESIDE or k == "description"
        }
        self._schemas[name] = node
        self.places.setdefault(name, set()).update(each.place for each in places)
        for place in places:
            here = place.container[place.key]
            beside = {k: here[k] for k in BESIDE if k in here}
            place.container[place.key] = {"$ref": _REF + name, **beside}
        return name, node


def _families(places: list[_Anonymous]) -> list[list[_Anonymous]]:
    """Group places by the owner that the other owners are named after."""
    families: dict[str, list[_Anonymous]] = {}
    for place in sorted(places, key=lambda p: (len(p.owner), p.owner)):
        head = next((owner for owner in families if place.owner.startswith(owner)), place.owner)
        families.setdefault(head, []).append(place)
    return list(families.values())


def has_anonymous(node: Node) -> bool:
    """Whether a schema is, or holds, an object or enum without a name."""
    return _needs_name(node) or bool(_places(node, ""))


def same_shape(one: Node, other: Node) -> bool:
    """Whether two schemas are the same, prose and bounds aside."""
    return _shape(one) == _shape(other)


def _needs_name(node: Node) -> bool:
    return "enum" in node or "properties" in node


def _places(node: Node, owner: str, name: str = "", prop: str = "") -> list[_Anonymous]:
    """Return the anonymous schemas right below a schema."""
    found: list[_Anonymous] = []

    def look(container: Any, key: Any, name: str, prop: str, *, is_value: bool = False) -> None:
        child = container[key]
        if _needs_name(child):
            found.append(_Anonymous(container, key, owner, name, Place(owner, prop, is_value)))
        else:
            found.extend(_places(child, owner, name, prop))

    for each in sorted(node.get("properties", {})):
        look(node["properties"], each, each, each, is_value=True)
    for key, unnamed in (("items", "item"), ("additionalProperties", "value")):
        if is_object(node.get(key)):
            look(node, key, name or unnamed, prop)
    members: list[Node] = node.get("anyOf", [])
    several = sum(map(_needs_name, members)) > 1
    for i in range(len(members)):
        # The members have an order of their own by now, so that their numbers do not depend on the document's.
        look(members, i, f"{name}_option_{i + 1}" if several else name, prop)
    return found


def _shape(node: Any) -> str:
    """Return what a schema is, prose and bounds aside."""

    def bare(each: Any) -> Any:
        if is_array(each):
            return [bare(e) for e in each]
        if not is_object(each):
            return each
        aside = {*BESIDE, *BOUNDS} - {"x-nullable", "minItems", "maxItems"}
        kept = {k: v for k, v in each.items() if k not in aside}
        if kept.get("type") == "number":
            kept.pop("format", None)
        if is_object(kept.get("properties")):
            kept["properties"] = {p: bare(s) for p, s in sorted(kept["properties"].items())}
            return {k: v if k == "properties" else bare(v) for k, v in kept.items()}
        return {k: bare(v) for k, v in kept.items()}

    plain = bare(node)
    if is_object(plain):
        plain.pop("x-nullable", None)
    return json.dumps(plain, sort_keys=True)
