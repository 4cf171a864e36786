"""The `expand` parameter as a tree: `trim.model.make` is make below model below trim."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Tree = dict[str, "Tree"]
"""For each reference to replace, what to replace inside of it."""


def tree(paths: Iterable[str]) -> Tree:
    """Return the tree of dotted paths; a nested path brings those above it along.

    Example:
        >>> tree(["trim.model", "user"])
        {'trim': {'model': {}}, 'user': {}}
    """
    root: Tree = {}
    for path in paths:
        node = root
        for name in path.split("."):
            node = node.setdefault(name, {})
    return root
