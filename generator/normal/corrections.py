"""Read corrections.yaml and apply it to a document whose references are resolved.

Every entry is counted when it finds its place. What found none, and what the document says itself by now, is reported
at the end of a generation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from generator.document import SCHEMAS, decode
from generator.nodes import Located, is_array, is_object
from generator.normal.forms import BESIDE
from generator.problems import BadDocument, Report

FILE: Final = Path(__file__).resolve().parent.parent / "corrections.yaml"

# The keys of each kind of entry in addition to its reason; the first is its address.
_LISTS: Final[dict[str, tuple[str, ...]]] = {
    "nullable": ("at",),
    "types": ("at", "also"),
    "open_parameters": ("at",),
    "user_required": ("at",),
    "idempotent": ("at",),
    "security_schemes": ("name", "means"),
    "names": ("at", "name"),
    "classes": ("at", "name"),
    "bodies": ("at", "name"),
    "fields": ("at", "name"),
    "parameters": ("at", "name"),
    "members": ("at", "name"),
    "renames": ("was", "now", "since"),
}
# Tables of one reason for all their rows.
_TABLES: Final = ("prefixes", "units", "personal")
_RULES: Final = ("bodies_without_read_only",)


class Corrections:
    """The corrections, and which of them have been of use."""

    def __init__(self, path: Path = FILE) -> None:
        self._name = path.name
        self._lists: dict[str, dict[str, dict[str, str]]] = {}
        self._tables: dict[str, dict[str, str]] = {}
        self._rules: set[str] = set()
        self._unused: dict[tuple[str, str], None] = {}
        self._needless: dict[tuple[str, str], None] = {}
        self._unmarked: dict[str, None] = {}
        raw = path.read_bytes()
        # Nothing but comments is a file without corrections; to YAML it is no document at all.
        is_empty = all(not line.strip() or line.lstrip().startswith(b"#") for line in raw.splitlines())
        data = None if is_empty else decode(raw, path.name)
        for kind, entries in ({} if data is None else self._object(data, "the file")).items():
            if kind in _LISTS:
                self._lists[kind] = self._read_list(kind, entries)
                self._unused |= {(kind, at): None for at in self._lists[kind]}
            elif kind in _TABLES:
                self._tables[kind] = self._read_table(kind, entries)
                self._unused |= {(kind, at): None for at in self._tables[kind]}
            elif kind == "rules":
                self._rules = self._read_rules(entries)
                self._unused |= {(kind, name): None for name in self._rules}
            else:
                known = ", ".join([*_LISTS, *_TABLES, "rules"])
                raise BadDocument(f"{self._name}: no kind of correction: {kind!r} (there are {known})")

    def has_rule(self, name: str) -> bool:
        """Whether a rule for the whole document is on; asked when it has something to do."""
        self.used("rules", name)
        return name in self._rules

    def entries(self, kind: str) -> list[dict[str, str]]:
        """Return the entries of a kind."""
        return list(self._lists.get(kind, {}).values())

    def find(self, kind: str, at: str) -> dict[str, str] | None:
        """Return the entry of a kind for an address, and count it as used."""
        entry = self._lists.get(kind, {}).get(at)
        if entry is not None:
            self.used(kind, at)
        return entry

    def value(self, kind: str, key: str) -> str | None:
        """Return what a table of corrections says of a key, and count it as used."""
        value = self._tables.get(kind, {}).get(key)
        if value is not None:
            self.used(kind, key)
        return value

    def used(self, kind: str, key: str) -> None:
        """Count a correction as used."""
        self._unused.pop((kind, key), None)

    def needless(self, kind: str, key: str) -> None:
        """Count a correction as one that says what the document, or the rule for names, says as well."""
        self._needless[kind, key] = None

    def unmarked(self, at: str) -> None:
        """Take note of a property that looks personal, and of which the corrections say nothing."""
        self._unmarked[at] = None

    def report(self, report: Report) -> None:
        """Report what found nothing to correct, what is not needed any more, and what may be missing."""
        for kind, key in self._unused:
            report.warn(self._name, f"{kind}: {key}: finds nothing to correct; remove it, or mend its address")
        for kind, key in self._needless:
            report.warn(self._name, f"{kind}: {key}: not needed any more, that is how it is without it; remove it")
        for at in self._unmarked:
            report.warn(self._name, f"personal: {at} looks personal; add what it tells, or `nobody`")

    def apply_to_schemas(self, schemas: dict[str, Any], takes_null: Callable[[Any], bool]) -> None:
        """Correct the types of properties in resolved component schemas, in place."""
        for entry in self.entries("nullable"):
            at = entry["at"]
            places = _places(schemas, at)
            if places and all(takes_null(owner[name]) for owner, name in places):
                self.needless("nullable", at)
            for owner, name in places:
                owner[name] = _either(owner[name], {"type": "null"})
                self.used("nullable", at)
        for entry in self.entries("types"):
            at, reference = entry["at"], {"$ref": SCHEMAS + entry["also"]}
            places = _places(schemas, at) if entry["also"] in schemas else []
            if places and all(_mentions(owner[name], reference) for owner, name in places):
                self.needless("types", at)
            for owner, name in places:
                owner[name] = _either(owner[name], reference)
                self.used("types", at)

    def _object(self, node: Any, what: str) -> dict[str, Any]:
        if not is_object(node):
            raise BadDocument(f"{self._name}: {what}: expected keys with values")
        return node

    def _reason(self, node: Any, what: str) -> None:
        why = self._object(node, what).get("why")
        if not isinstance(why, str) or not why.strip():
            raise BadDocument(f"{self._name}: {what}: no reason is given (`why`)")

    def _read_list(self, kind: str, entries: Any) -> dict[str, dict[str, str]]:
        keys = _LISTS[kind]
        if not is_array(entries):
            raise BadDocument(f"{self._name}: {kind}: expected a list of entries")
        found: dict[str, dict[str, str]] = {}
        for number, entry in enumerate(entries, start=1):
            what = f"{kind}, entry {number}"
            self._reason(entry, what)
            if set(entry) != {*keys, "why"} or not all(isinstance(v, str) and v for v in entry.values()):
                raise BadDocument(f"{self._name}: {what}: expected text for {', '.join(keys)} and why, and no more")
            if entry[keys[0]] in found:
                raise BadDocument(f"{self._name}: {what}: a second one for {entry[keys[0]]}")
            found[entry[keys[0]]] = entry
        return found

    def _read_table(self, kind: str, node: Any) -> dict[str, str]:
        self._reason(node, kind)
        rows = self._object(node.get("rows"), f"{kind}: rows")
        if set(node) != {"why", "rows"} or not all(isinstance(v, str) and v for v in rows.values()):
            raise BadDocument(f"{self._name}: {kind}: expected a reason (`why`) and `rows` of text")
        return rows

    def _read_rules(self, node: Any) -> set[str]:
        for name, rule in self._object(node, "rules").items():
            if name not in _RULES:
                raise BadDocument(f"{self._name}: rules: no rule: {name!r} (there is {', '.join(_RULES)})")
            self._reason(rule, f"rules: {name}")
        return set(node)


def _either(node: Any, other: dict[str, Any]) -> dict[str, Any]:
    """Return a property that takes something else as well; the description of the property itself is kept."""
    beside = {key: node[key] for key in BESIDE if key in node} if is_object(node) else {}
    made = {"anyOf": [node, other], **beside}
    return Located(made, node.at) if isinstance(node, Located) else made


def _mentions(node: Any, reference: dict[str, str]) -> bool:
    """Whether a schema is a union with a reference among its members."""
    if not is_object(node):
        return False
    members = [m for key in ("anyOf", "oneOf") for m in node.get(key, ())]
    return node.get("$ref") == reference["$ref"] or any(_mentions(m, reference) for m in members)


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
