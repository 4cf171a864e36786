"""Read corrections.yaml and apply it to a document whose references are resolved.

Every entry is counted when it finds its place; what found none is reported at the end of a generation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from generator.problems import BadDocument
from generator.shapes import is_array, is_object

FILE: Final = Path(__file__).with_name("corrections.yaml")


class Corrections:
    """The corrections, and which of them have been of use."""

    def __init__(self, path: Path = FILE) -> None:
        self._data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self._unused: dict[tuple[str, str], None] = {}
        for kind, entries in self._data.items():
            if is_array(entries):
                for entry in entries:
                    if not str(entry.get("why", "")).strip():
                        raise BadDocument(f"{path.name}: {kind}: {entry} has no reason (`why`)")
                    self._unused[kind, entry.get("at") or entry["name"]] = None
            elif kind != "rules":
                self._unused.update({(kind, key): None for key in entries})

    def has_rule(self, name: str) -> bool:
        """Whether a rule for the whole document is on."""
        return name in self._data["rules"]

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of a kind."""
        entries: list[dict[str, Any]] = self._data.get(kind, [])
        return entries

    def find(self, kind: str, at: str) -> dict[str, Any] | None:
        """Return the entry of a kind for an address, and count it as used."""
        for entry in self.entries(kind):
            if at in (entry.get("at"), entry.get("name") if "at" not in entry else None):
                self.used(kind, at)
                return entry
        return None

    def value(self, kind: str, key: str) -> str | None:
        """Return what a table of corrections says of a key, and count it as used."""
        value: str | None = self._data.get(kind, {}).get(key)
        if value is not None:
            self.used(kind, key)
        return value

    def used(self, kind: str, key: str) -> None:
        """Count a correction as used."""
        self._unused.pop((kind, key), None)

    def unused(self) -> list[str]:
        """Return the corrections that found nothing to correct."""
        return [f"{kind}: {key}" for kind, key in self._unused]

    def apply_to_schemas(self, schemas: dict[str, Any]) -> None:
        """Correct the types of properties in resolved component schemas, in place."""
        for entry in self.entries("nullable"):
            for owner, name in _places(schemas, entry["at"]):
                owner[name] = {"anyOf": [owner[name], {"type": "null"}]}
                self.used("nullable", entry["at"])
        for entry in self.entries("types"):
            if entry["also"] not in schemas:
                continue
            for owner, name in _places(schemas, entry["at"]):
                owner[name] = {"anyOf": [owner[name], {"$ref": f"#/components/schemas/{entry['also']}"}]}
                self.used("types", entry["at"])


def _places(schemas: dict[str, Any], at: str) -> list[tuple[dict[str, Any], str]]:
    """Return the `properties` objects that hold the property at an address, and its key."""
    schema, *path = at.split(".")
    nodes = [schemas.get(schema)]
    found: list[tuple[dict[str, Any], str]] = []
    for depth, name in enumerate(path):
        found = [(p, name) for node in nodes for p in _properties(node) if name in p]
        if depth < len(path) - 1:
            nodes = [owner[key] for owner, key in found]
    return found


def _properties(node: Any) -> list[dict[str, Any]]:
    """Return the `properties` objects of a schema and of what it is composed of."""
    if not is_object(node):
        return []
    found = [node["properties"]] if is_object(node.get("properties")) else []
    for key in ("allOf", "anyOf", "oneOf"):
        for member in node.get(key, ()):
            found += _properties(member)
    return found
