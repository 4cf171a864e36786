"""What a decoded document is made of, in words that type checkers follow."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_object(node: object) -> TypeGuard[dict[str, Any]]:
    """Whether a node is an object."""
    return isinstance(node, dict)


def part(node: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return an object inside of an object; an empty one where there is none."""
    for key in keys:
        inner = node.get(key)
        if not is_object(inner):
            return {}
        node = inner
    return node


def is_array(node: object) -> TypeGuard[list[Any]]:
    """Whether a node is an array."""
    return isinstance(node, list)
