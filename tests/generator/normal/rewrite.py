"""Documents that state the same facts in another way."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

from generator.nodes import is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Callable

Node = dict[str, Any]
SCHEMAS = "#/components/schemas/"
_MAPS = ("properties", "patternProperties", "dependentSchemas")
_SUBSCHEMAS = ("items", "additionalProperties", "not", "if", "then", "else")
_UNIONS = ("allOf", "anyOf", "oneOf")


def each_schema(document: Node, visit: Callable[[Node], Any]) -> Node:
    """Return a document in which each schema has become what `visit` makes of it, the inner ones first."""
    made = copy.deepcopy(document)

    def schema(node: Any) -> Any:
        if not is_object(node):
            return node
        for key in _MAPS:
            if is_object(node.get(key)):
                node[key] = {name: schema(each) for name, each in node[key].items()}
        for key in _SUBSCHEMAS:
            if key in node:
                node[key] = schema(node[key])
        for key in _UNIONS:
            if key in node:
                node[key] = [schema(each) for each in node[key]]
        return visit(node)

    def walk(node: Any, key: str = "") -> None:
        if is_object(node):
            for name, value in node.items():
                if key == "schemas" or name == "schema":
                    node[name] = schema(value)
                elif name not in {"example", "examples"}:
                    walk(value, name)
        elif is_array(node):
            for each in node:
                walk(each)

    walk(made)
    return made


def other_prose(document: Node) -> Node:
    """Rewrite all prose; examples are prose as well."""

    def reworded(node: Node) -> Node:
        if "description" in node:
            node["description"] = "Said otherwise: «" + node["description"].upper() + "»"
        else:
            node["description"] = "Said at last."
        node.pop("example", None)
        node["examples"] = ["an example that fits nothing"]
        return node

    made = each_schema(document, reworded)

    def walk(node: Any, key: str = "") -> None:
        if is_object(node):
            if key != "schemas" and "responses" in node and "parameters" not in node.get("components", {}):
                node["summary"], node["description"] = "Something else", 'Other "prose".'
            for name, value in node.items():
                if name not in {"schema", "schemas"}:
                    walk(value, name)
        elif is_array(node):
            for each in node:
                walk(each)

    walk(made)
    return made


def other_order(document: Node, seed: int) -> Node:
    """Shuffle every object's keys, and the lists whose order says nothing."""
    shuffler = random.Random(seed)

    def shuffled(node: Any, key: str = "", *, is_data: bool = False) -> Any:
        if is_object(node):
            keys = list(node)
            shuffler.shuffle(keys)
            # Below `properties` the keys are names, and `required` is one of them.
            names = key in {"properties", "schemas"} and not is_data
            data = is_data or key in {"example", "examples", "default"}
            return {k: shuffled(node[k], "" if names else k, is_data=data) for k in keys}
        if is_array(node):
            made = [shuffled(each, is_data=is_data) for each in node]
            if key in {"enum", "required", "parameters", "type", "anyOf", "oneOf"} and not is_data:
                shuffler.shuffle(made)
            return made
        return node

    return dict(shuffled(document))


def with_titles(document: Node, *, equal: bool) -> Node:
    """Give each schema a title: one of its own, or the same for all."""
    count = iter(range(10**9))

    def titled(node: Node) -> Node:
        return {**node, "title": "Vehicle" if equal else f"Title {next(count)}"}

    return each_schema(document, titled)


def inlined(document: Node) -> Node:
    """Put shared parameters, headers, bodies and responses where they are used, and drop the shared ones."""
    made = copy.deepcopy(document)
    components: Node = made["components"]
    kinds = ("parameters", "headers", "responses", "requestBodies")

    def put(node: Any) -> Any:
        if is_array(node):
            return [put(each) for each in node]
        if not is_object(node):
            return node
        _, _, where = str(node.get("$ref", "")).partition("#/components/")
        kind, _, name = where.partition("/")
        if kind in kinds:
            return put(copy.deepcopy(components[kind][name]))
        return {key: put(value) for key, value in node.items()}

    placed = {key: put(made[key]) for key in ("paths", "webhooks")}
    return {**made, **placed, "components": {k: v for k, v in components.items() if k not in kinds}}


def shared(document: Node) -> Node:
    """Share what stands in place: each parameter, body, header and response becomes a component of its own."""
    made = copy.deepcopy(document)
    components: Node = made["components"]

    def share(kind: str, node: Node) -> Node:
        if "$ref" in node:
            return node
        home: Node = components.setdefault(kind, {})
        name = f"Shared{len(home)}"
        home[name] = node
        return {"$ref": f"#/components/{kind}/{name}"}

    for item in made["paths"].values():
        for operation in (v for k, v in item.items() if k != "parameters"):
            operation["parameters"] = [share("parameters", p) for p in operation.get("parameters", ())]
            operation["responses"] = {s: share("responses", r) for s, r in operation["responses"].items()}
            if operation.get("requestBody"):
                operation["requestBody"] = share("requestBodies", operation["requestBody"])
    return made


def on_the_path(document: Node) -> Node:
    """State parameters of the path once for all operations of it."""
    made = copy.deepcopy(document)

    def plain(node: Node) -> Node:
        reference = node.get("$ref")
        return made["components"]["parameters"][reference.rpartition("/")[2]] if reference else node

    for item in made["paths"].values():
        lists = [o.get("parameters", []) for k, o in item.items() if k != "parameters"]
        common = [p for p in lists[0] if plain(p)["in"] == "path" and all(p in each for each in lists)]
        item["parameters"] = [*item.get("parameters", []), *common]
        for each in lists:
            each[:] = [p for p in each if p not in common]
    return made


def hoisted(document: Node) -> Node:
    """Move every anonymous object, enum and array to a component marked `x-inline`."""
    found: Node = {}

    def hoist(node: Node) -> Node:
        if "$ref" in node or not node.keys() & {"properties", "enum", "items"}:
            return node
        name = f"Inline{len(found)}"
        found[name] = {**node, "x-inline": True}
        return {"$ref": SCHEMAS + name}

    made = each_schema(document, hoist)
    # The API's own schemas stay what they are; only what is inside of them has moved.
    own = {}
    for name, node in made["components"]["schemas"].items():
        hidden = str(node.get("$ref", "")).removeprefix(SCHEMAS)
        own[name] = {k: v for k, v in found.pop(hidden).items() if k != "x-inline"} if hidden in found else node
        if document["components"]["schemas"][name].get("x-inline"):
            own[name]["x-inline"] = True
    made["components"]["schemas"] = {**own, **found}
    return made
