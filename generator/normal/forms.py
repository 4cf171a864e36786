"""Canonical forms of schemas as values: compared, ordered, stripped of prose. `canonical` makes them."""

from __future__ import annotations

import json
from typing import Any, Final

from generator.nodes import Located, is_object

Node = dict[str, Any]

# Keywords beside a type that are not part of it.
BESIDE: Final[tuple[str, ...]] = ("description", "readOnly", "writeOnly", "deprecated", "x-nullable")
BOUNDS: Final[tuple[str, ...]] = ("pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def without(node: Node, *keys: str) -> Node:
    """Return a node without some of its keys, in its place."""
    made = {k: v for k, v in node.items() if k not in keys}
    return Located(made, node.at) if isinstance(node, Located) else made


def is_null(node: Any) -> bool:
    """Whether a schema takes nothing but null."""
    return is_object(node) and node.get("type") == "null"


def says_a_type(form: Node) -> bool:
    """Whether a form says more than prose and marks."""
    return any(key not in BESIDE for key in form)


def more_telling(first: Node | None, second: Node) -> Node:
    """Return the form of a property that two parts of an object state: the one that says more, the same either way."""
    if first is None or not says_a_type(first):
        return second
    return min(first, second, key=lambda f: (not says_a_type(f), -len(bare(f)), json.dumps(f, sort_keys=True)))


def bare(form: Node) -> str:
    """Return a form as text, prose and marks aside."""
    return json.dumps({k: v for k, v in form.items() if k not in BESIDE}, sort_keys=True)


def distinct(forms: list[Node]) -> list[Node]:
    """Return forms without prose and marks, each once."""
    return list({bare(form): {k: v for k, v in form.items() if k not in BESIDE} for form in forms}.values())


def order(form: Node) -> tuple[int, str]:
    """Scalars before models, so that a union reads the same whatever its order in the document."""
    return (1 if "$ref" in form else 2 if form.get("type") in {"array", "object"} else 0), bare(form)
