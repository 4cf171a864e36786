"""Old names that live on for one minor release: the generated code for `renames` in corrections.yaml.

`build` asks here for the aliases of models, of fields of responses and of operations; using one warns. How an entry
looks, and what a comparison of documents makes of it, stands in `diff.renames`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from generator import ir
from generator.normal import Corrections, Normalised, names
from generator.problems import BadDocument

_RELEASE: Final = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?\Z")


class Aliases:
    """The renames that concern one document: those whose new name it has."""

    def __init__(self, corrections: Corrections, normalised: Normalised) -> None:
        schemas = normalised.schemas
        self._operations = {o.name: o for o in normalised.operations}
        self._paths = names.Paths((o.method, o.path) for o in normalised.operations)
        self._models: list[ir.Renamed] = []
        self._fields: dict[str, list[ir.Renamed]] = {}
        self._renamed_operations: list[ir.Renamed] = []
        for entry in corrections.entries("renames"):
            renamed = ir.Renamed(entry["was"], entry["now"], entry["since"])
            owner, _, prop = renamed.now.partition(".")
            if renamed.now in self._operations:
                self._renamed_operations.append(renamed)
            elif renamed.now in schemas:
                self._models.append(renamed)
            elif prop in schemas.get(owner, {}).get("properties", ()):
                self._fields.setdefault(owner, []).append(renamed)
            else:
                # Its new name is not there, so there is nothing to be an alias of; reported as unused.
                continue
            corrections.find("renames", renamed.was)
            if _RELEASE.match(renamed.since) is None:
                raise BadDocument(f"renames: {renamed.was}: `since` is a release, as in 0.2, not {renamed.since!r}")

    def models(self, taken: Collection[str]) -> tuple[ir.Renamed, ...]:
        """Return the old names of models, enums and maps.

        Raises:
            BadDocument: One of them is no name of a class, or still there.
        """
        for each in self._models:
            names.check_class(each.was, f"renames: {each.was}")
            _check_gone(each.was, each, taken)
        return tuple(sorted(self._models, key=lambda each: each.was))

    def fields(self, model: str, taken: Collection[str]) -> tuple[ir.Renamed, ...]:
        """Return the old names of the fields of a model, both names without that of their model.

        Raises:
            BadDocument: One of them is no name of a field, or still there.
        """
        found: dict[str, ir.Renamed] = {}
        for each in self._fields.get(model, ()):
            was, now = each.was.partition(".")[2], each.now.partition(".")[2]
            names.check_field(was, f"renames: {each.was}")
            _check_gone(was, each, {*taken, *found})
            found[was] = ir.Renamed(was, now, each.since)
        return tuple(found[was] for was in sorted(found))

    def endpoints(self) -> dict[str, tuple[ir.RenamedEndpoint, ...]]:
        """Return the old names of operations by the group that has them, which may have nothing else.

        Raises:
            BadDocument: One of them is no name of an operation, or still there.
        """
        found: dict[str, list[ir.RenamedEndpoint]] = {}
        for each in sorted(self._renamed_operations, key=lambda each: each.was):
            group, _, method = each.was.partition(".")
            for part in (group, method):
                names.check_name(part, f"renames: {each.was}")
            names.check_group(group, f"renames: {each.was}")
            _check_gone(each.was, each, self._operations)
            operation = self._operations[each.now]
            told = ir.Renamed(f"ev.{each.was}", f"ev.{each.now}", each.since)
            gets_item = operation.method == "get" and sum(p["in"] == "path" for p in operation.parameters) == 1
            home = operation.name.partition(".")[0]
            endpoint = ir.RenamedEndpoint(method, home, operation.function, gets_item, told)
            found.setdefault(group, []).append(endpoint)
        return {group: tuple(endpoints) for group, endpoints in found.items()}

    def functions(self, taken: Collection[str]) -> tuple[ir.Renamed, ...]:
        """Return the old names of functions, as the rule for names has them.

        Raises:
            BadDocument: One of them is the name of another function by now.
        """
        found: dict[str, ir.Renamed] = {}
        for each in self._renamed_operations:
            was, now = names.function_name(each.was, self._paths), self._operations[each.now].function
            # A new path may have the same function.
            if was != now:
                _check_gone(was, each, {*taken, *found})
                found[was] = ir.Renamed(names.check_name(was, f"renames: {each.was}"), now, each.since)
        return tuple(found[was] for was in sorted(found))


def _check_gone(name: str, renamed: ir.Renamed, taken: Collection[str]) -> None:
    if name in taken:
        raise BadDocument(f"renames: {renamed.was}: {name!r} is still there, and can be no alias of {renamed.now}")
