"""The nodes of a decoded document, with guards that type checkers understand."""

from __future__ import annotations

from typing import Any, TypeGuard


class Located(dict[str, Any]):
    """An object of a document that knows the JSON pointer (RFC 6901) it was read from."""

    __slots__ = ("at",)

    def __init__(self, node: dict[str, Any], at: str) -> None:
        super().__init__(node)
        self.at = at


def escaped(key: object) -> str:
    """Return a key as a part of a JSON pointer (RFC 6901, section 3)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def is_object(node: object) -> TypeGuard[dict[str, Any]]:
    """Whether a node is an object."""
    return isinstance(node, dict)


def part(node: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return an object inside of an object; an empty one if it is missing."""
    for key in keys:
        inner = node.get(key)
        if not is_object(inner):
            return {}
        node = inner
    return node


def is_array(node: object) -> TypeGuard[list[Any]]:
    """Whether a node is an array."""
    return isinstance(node, list)
