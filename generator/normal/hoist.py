"""Give every anonymous object and enum a name, once for all places where it is the same.

The name is that of the owner and the property (`VehicleStatusLogState`). The same property with the same shape in a
resource and in what is named after it, as the body that changes it (`Vehicle`, `VehicleUpdate`), is one class, named
after the resource. The order of the document has no say.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from generator.nodes import is_array, is_object
from generator.normal.canonical import Node
from generator.normal.names import pascal
from generator.problems import BadDocument

_REF = "#/components/schemas/"


@attrs.frozen
class _Place:
    """Where an anonymous schema stands."""

    container: Any
    key: Any
    owner: str
    name: str


class Hoister:
    """Collects anonymous schemas, then names them all at once."""

    def __init__(self, named: dict[str, Node]) -> None:
        self._schemas = named
        self._taken = set(named)

    def hoist(self, roots: dict[str, Node]) -> dict[str, Node]:
        """Name what is anonymous below named schemas and below roots (bodies, answers) that have a name to be.

        Args:
            roots: Schemas by the name that they shall have if they need one; replaced by references in place.

        Returns:
            All named schemas.

        Raises:
            BadDocument: Two different schemas would get one name.
        """
        for name, node in list(roots.items()):
            if _needs_name(node):
                if name in self._schemas and _shape(self._schemas[name]) != _shape(node):
                    raise BadDocument(f"two schemas would be called {name}; name one in corrections.yaml (`bodies`)")
                self._schemas[name] = node
                roots[name] = {"$ref": _REF + name}
        waiting: list[tuple[str, Node]] = list(self._schemas.items())
        waiting += [(name, node) for name, node in roots.items() if "$ref" not in node]
        # Level by level: a nested schema is named after its owner, whose name must stand first.
        while waiting:
            places: dict[tuple[str, str], list[_Place]] = {}
            for name, node in waiting:
                for place in _places(node, name):
                    places.setdefault((place.name, _shape(place.container[place.key])), []).append(place)
            waiting = []
            for (_, shape), found in sorted(places.items()):
                waiting += [self._name(family, shape) for family in _families(found)]
        return self._schemas

    def _name(self, places: list[_Place], shape: str) -> tuple[str, Node]:
        name = places[0].owner + pascal(places[0].name)
        node: Node = _without_flags(places[0].container[places[0].key])
        if name in self._schemas and _shape(self._schemas[name]) != shape:
            owners = ", ".join(sorted(p.owner for p in places))
            raise BadDocument(
                f"the anonymous schema of {places[0].name} in {owners} would be called {name}, which is taken"
            )
        self._schemas[name] = node
        for place in places:
            here = place.container[place.key]
            beside = {
                k: here[k] for k in ("description", "readOnly", "writeOnly", "deprecated", "x-nullable") if k in here
            }
            place.container[place.key] = {"$ref": _REF + name, **beside}
        return name, node


def _families(places: list[_Place]) -> list[list[_Place]]:
    """Group places by the owner that the other owners are named after."""
    families: dict[str, list[_Place]] = {}
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


def _places(node: Node, owner: str, name: str = "") -> list[_Place]:
    """Return the anonymous schemas right below a schema."""
    found: list[_Place] = []

    def look(container: Any, key: Any, name: str) -> None:
        child = container[key]
        if _needs_name(child):
            found.append(_Place(container, key, owner, name))
        else:
            found.extend(_places(child, owner, name))

    for prop in sorted(node.get("properties", {})):
        look(node["properties"], prop, prop)
    for key, unnamed in (("items", "item"), ("additionalProperties", "value")):
        if is_object(node.get(key)):
            look(node, key, name or unnamed)
    members: list[Node] = node.get("anyOf", [])
    several = sum(map(_needs_name, members)) > 1
    for i in range(len(members)):
        # The members stand in an order of their own by now, so that their numbers do not depend on the document's.
        look(members, i, f"{name}_option_{i + 1}" if several else name)
    return found


def _without_flags(node: Node) -> Node:
    return {k: v for k, v in node.items() if k not in {"readOnly", "writeOnly", "deprecated", "x-nullable"}}


def _shape(node: Any) -> str:
    """Return what a schema is, prose and bounds aside."""

    def bare(each: Any) -> Any:
        if is_array(each):
            return [bare(e) for e in each]
        if not is_object(each):
            return each
        aside = {
            "description",
            "readOnly",
            "writeOnly",
            "deprecated",
            "minimum",
            "maximum",
            "pattern",
            "minLength",
            "maxLength",
        }
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
