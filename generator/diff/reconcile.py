"""Bring two listings together: what the documents say changed, and what changed in the Python API.

A change of the API that no change of the document explains is added on its own; a change of the document that the API
should show and does not is marked. An alias that corrections.yaml promises and the generated code lacks is no alias.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

from generator.diff.change import Change
from generator.diff.python_api import Fact, breakages
from generator.diff.side import Side

_ALIAS: Final = "-alias"


def reconcile(old: Side, new: Side, changes: list[Change]) -> list[Change]:
    """Return the changes, each checked against the Python API, with those that only the API shows."""
    before, after = old.api.facts, new.api.facts
    differing = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    told = [_checked(change, differing, set(after)) for change in changes]
    # A schema gains or loses its TypedDict as bodies begin or cease to hold it: the bodies' changes are reported.
    derived = {f"models.{name}Fields" for name in old.in_bodies ^ new.in_bodies}
    explained = _Explained([*told, Change("schema-added", "", "", touches=frozenset(f"{d}*" for d in derived))])
    extra = [
        _python_only(name, before.get(name), after.get(name))
        for name in sorted(differing)
        if not explained.has(name, before.get(name), after.get(name))
    ]
    listed = {change.at for change in extra}
    for name, how in sorted(breakages(old.api, new.api).items()):
        if name not in listed and not explained.has(name, None, None, below=True):
            extra.append(Change("python-changed", name, name, before="what it was", after=how))
    return [*told, *extra]


def _checked(change: Change, differing: set[str], names: set[str]) -> Change:
    """Return a change with what the API has to say of it."""
    if change.kind.endswith(_ALIAS) and not _has_alias(change, names):
        change = attrs.evolve(change, kind=change.kind.removesuffix(_ALIAS))
    # A notice of deprecation is in docstrings alone; what calls for no new name or type is seen by the server.
    visible = change.rule.bump in {"minor", "major"} and change.rule.section != "Deprecated"
    expected = visible and bool(change.touches)
    return attrs.evolve(change, shown=not expected or any(_covers(change.touches, name) for name in differing))


def _has_alias(change: Change, names: set[str]) -> bool:
    """Whether the old name is still there."""
    return change.before in names


def _covers(touches: Iterable[str], name: str, *, below: bool = False) -> bool:
    for touch in touches:
        base = touch.removesuffix("*")
        if name == base or (touch.endswith("*") and name.startswith(base) and name[len(base)] in ".(:"):
            return True
        if below and base.startswith(name) and base[len(name) : len(name) + 1] in {".", "(", ":"}:
            return True
    return False


class _Explained:
    """Finds the differences of the API that changes of the document explain."""

    def __init__(self, changes: list[Change]) -> None:
        self._touches = frozenset[str]().union(*(c.touches for c in changes))
        self._mentions = frozenset[str]().union(*(c.mentions for c in changes))

    def has(self, name: str, before: Fact | None, after: Fact | None, *, below: bool = False) -> bool:
        """Whether a difference is explained; with `below`, by what is below it too."""
        if _covers(self._touches, name, below=below):
            return True
        words: set[str] = set()
        for fact in (before, after):
            words |= set(re.findall(r"\w+", f"{fact.annotation} {fact.rest}")) if fact else set()
        # An annotation that names a class which changed differs with it, and is no change of its own.
        return before is not None and after is not None and bool(words & self._mentions)


def _python_only(name: str, before: Fact | None, after: Fact | None) -> Change:
    kind = "python-added" if before is None else "python-removed" if after is None else "python-changed"
    was, does = (str(fact or "") for fact in (before, after))
    if was == does:
        was, does = (f"{fact.annotation} ({fact.rest})" if fact else "" for fact in (before, after))
    return Change(kind, name, name, before=was, after=does)
