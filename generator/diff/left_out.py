"""Changes that concern no generated name: in what the normal form leaves out, and in what is hand-written.

Defaults, conditions and the like are neither sent nor checked by the SDK; servers and token addresses are stated by the
hand-written client. Changes to them are reported all the same, so that none goes unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from generator.diff.change import Change
from generator.diff.side import Side
from generator.diff.types import listed
from generator.document import lookup
from generator.nodes import escaped, is_array, is_object, part
from generator.normal import REF, Node, Operation

# Keywords of a schema that the normal form leaves out.
_LEFT_OUT: Final = (
    "default", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "minProperties", "maxProperties",
    "dependentSchemas", "dependentRequired", "if", "then", "else", "not", "contains", "propertyNames",
    "patternProperties", "contentEncoding", "contentMediaType", "readOnly", "writeOnly",
)  # fmt: skip

_MARKS: Final = ("readOnly", "writeOnly", "uniqueItems")

_Facts = dict[str, set[str]]


def compare_facts(old: Side, new: Side) -> list[Change]:
    """Return what changed beside the operations and schemas."""
    changes = _by_hand(old, new)
    if old.normal.api_version != new.normal.api_version:
        changes.append(
            Change(
                kind="api-version-changed",
                python="API_VERSION",
                at="EvEnergy-Version",
                pointer="#/info/version",
                before=old.normal.api_version,
                after=new.normal.api_version,
                touches=frozenset({"API_VERSION"}),
            )
        )
    before, after = old.normal.webhooks, new.normal.webhooks
    for name in sorted({*before, *after}):
        pointer = f"#/webhooks/{name}"
        was, does = (_payload(hooks[name][1]) if name in hooks else "" for hooks in (before, after))
        kind = "webhook-added" if name not in before else "webhook-removed" if name not in after else ""
        if not kind and before[name][1] != after[name][1]:
            kind = "webhook-payload-changed"
        if kind:
            changes.append(Change(kind, f"webhook {name}", f"webhooks.{name}", pointer, was, does))
    changes += _constraints(old, new)
    return changes


def _payload(node: Node) -> str:
    return str(node.get("$ref", "an object")).removeprefix(REF)


def _by_hand(old: Side, new: Side) -> list[Change]:
    found: list[Change] = []
    for key, one, other in (
        ("servers", _servers(old), _servers(new)),
        ("components/securitySchemes", _flows(old), _flows(new)),
    ):
        if one != other:
            gone, come = listed(sorted(one - other)), listed(sorted(other - one))
            found.append(Change("by-hand", key.rpartition("/")[2], key, f"#/{key}", gone, come))
    return found


def _servers(side: Side) -> set[str]:
    return {str(each.get("url")) for each in side.document.data.get("servers") or () if is_object(each)}


def _flows(side: Side) -> set[str]:
    schemes = part(side.document.data, "components", "securitySchemes")
    return {
        f"{name}: {key} {value}"
        for name, scheme in schemes.items()
        for flow in part(scheme, "flows").values()
        for key, value in flow.items()
        if key.endswith("Url")
    }


def _constraints(old: Side, new: Side) -> list[Change]:
    before, after = _of_document(old), _of_document(new)
    found: list[Change] = []
    for (at, python, pointer), facts in sorted(after.items()):
        was = before.get((at, python, pointer))
        if was is not None and was != facts:
            texts = listed(sorted(was - facts)), listed(sorted(facts - was))
            found.append(Change("constraint-changed", python, at, pointer, *texts))
    return found


def _of_document(side: Side) -> dict[tuple[str, str, str], set[str]]:
    """Return what is left out, by address, name and pointer; an empty set where nothing is."""
    found: dict[tuple[str, str, str], set[str]] = {}
    classes = {REF + escaped(side.pointers.component(name)): name for name in side.normal.own}
    data = side.document.data
    for reference, name in classes.items():
        for path, facts in _of_schema(data, {"$ref": reference}, set(classes) - {reference}).items():
            at = name + path
            found[at, f"models.{at}", side.pointers.schema(name)] = facts
    for operation in side.normal.operations:
        for at, python, facts in _of_operation(data, operation, set(classes)):
            found[at, python, side.pointers.operation(operation)] = facts
    return found


def _of_operation(data: dict[str, Any], operation: Operation, classes: set[str]) -> Iterator[tuple[str, str, set[str]]]:
    item = _followed(data, part(data, "paths", operation.path))
    raw = part(item, operation.method)
    for node in [*(item.get("parameters") or ()), *(raw.get("parameters") or ())]:
        parameter = _followed(data, node)
        python = str(parameter.get("name", "")).lower()
        facts = set[str]().union(*_of_schema(data, parameter.get("schema"), classes).values())
        yield f"{operation.key} ? {parameter.get('name')}", f"ev.{operation.name}({python}=...)", facts
    bodies = {"body": _followed(data, raw["requestBody"])} if "requestBody" in raw else {}
    bodies |= {str(status): _followed(data, node) for status, node in part(raw, "responses").items()}
    for where, body in bodies.items():
        facts = {"required"} if body.get("required") else set[str]()
        for media in part(body, "content").values():
            inner = _of_schema(data, media.get("schema") if is_object(media) else None, classes)
            facts |= {f"{path[1:]} {each}".strip() for path, some in inner.items() for each in some}
        yield f"{operation.key} {where}", f"ev.{operation.name}", facts


def _of_schema(data: dict[str, Any], node: Any, classes: set[str]) -> _Facts:
    """Return the keywords that are left out of the properties of a schema, by their path in it.

    A reference to one of some classes ends it, since those are reported on their own. Other references and compositions
    are looked through, so that the way they are written makes no difference.
    """
    found: _Facts = {}

    def walk(node: Any, path: str, inside: tuple[str, ...]) -> None:
        if not is_object(node):
            return
        here = found.setdefault(path, set())
        reference = node.get("$ref")
        if isinstance(reference, str) and reference not in classes and reference not in inside:
            walk(lookup(data, reference), path, (*inside, reference))
        here |= {
            f"{key}: {json.dumps(_in_order(node[key]), sort_keys=True)}"
            for key in _LEFT_OUT
            # A mark that is not set says what its absence says.
            if key in node and not (node[key] is False and key in _MARKS)
        }
        if node.get("properties") and isinstance(node.get("additionalProperties"), bool):
            here.add(f"additionalProperties: {json.dumps(node['additionalProperties'])}")
        for name, child in part(node, "properties").items():
            walk(child, f"{path}.{name}", inside)
        for key in ("allOf", "anyOf", "oneOf"):
            for child in node.get(key) or ():
                walk(child, path, inside)
        for key in ("items", "additionalProperties"):
            walk(node.get(key), path, inside)

    walk(node, "", ())
    return found


def _in_order(value: Any) -> Any:
    """Return a keyword's value with its lists in one order, where the order has no meaning."""
    if is_array(value):
        return [_in_order(each) for each in value]
    if not is_object(value):
        return value
    made = {key: _in_order(each) for key, each in value.items()}
    unordered = {key: each for key, each in made.items() if key in {"required", "enum", "type"} and is_array(each)}
    return {**made, **{key: sorted(each, key=json.dumps) for key, each in unordered.items()}}


def _followed(data: dict[str, Any], node: Any) -> dict[str, Any]:
    while is_object(node) and isinstance(node.get("$ref"), str):
        node = lookup(data, node["$ref"])
    return node if is_object(node) else {}
