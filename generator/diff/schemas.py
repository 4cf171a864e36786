"""Changes in the schemas of a document: models and their fields, enums and their values, maps.

What a change means depends on how a schema travels. In a response the server speaks and the client must cope; in a body
the client speaks and the server must. A schema that does both is reported once, as the worse change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import attrs

from generator.diff.change import Change
from generator.diff.renames import Renames
from generator.diff.rules import BUMPS, RULES
from generator.diff.side import Side
from generator.diff.types import Types, formats, limits, listed, relation, shape, tightened
from generator.nodes import is_array, is_object
from generator.normal import REF, Node, names

_RELATIONS: Final = {"wider": "widened", "narrower": "narrowed", "other": "type-changed"}


def find_renames(old: Side, new: Side, declared: Renames) -> tuple[Renames, frozenset[str]]:
    """Return the renames that were declared, with those of schemas that went and came again under another name.

    Returns:
        All renames, and the old names of those that were found and not declared.
    """
    gone = set(old.normal.schemas) - set(new.normal.schemas) - set(declared.schemas)
    come = set(new.normal.schemas) - set(old.normal.schemas) - set(declared.schemas.values())
    left, right = _by_signature(old, gone), _by_signature(new, come)
    found = {
        left[signature][0]: right[signature][0]
        for signature in left
        # Two that look the same could be either.
        if len(left[signature]) == len(right.get(signature, ())) == 1
    }
    return attrs.evolve(declared, schemas={**declared.schemas, **found}), frozenset(found)


def _by_signature(side: Side, among: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}

    def masked(node: Any) -> Any:
        if is_array(node):
            return [masked(each) for each in node]
        if not is_object(node):
            return node
        # What refers to a class that got another name as well is still the same.
        unknown = isinstance(node.get("$ref"), str) and node["$ref"].removeprefix(REF) in among
        return {k: "?" if k == "$ref" and unknown else masked(v) for k, v in node.items()}

    for name in sorted(among):
        node = side.normal.schemas[name]
        if node.get("enum") or node.get("properties"):
            found.setdefault(shape(masked(node)), []).append(name)
    return found


def compare_schemas(old: Side, new: Side, renames: Renames, undeclared: frozenset[str]) -> list[Change]:
    """Return what changed in the schemas.

    Args:
        old: The old side.
        new: The new side.
        renames: What is called otherwise now.
        undeclared: Old names of the renamed schemas that keep no alias.
    """
    before, after = old.normal.schemas, new.normal.schemas
    pairs = {name: renames.schemas.get(name, name) for name in before}
    changes = [
        Change(
            kind="schema-removed",
            python=f"models.{name}",
            at=name,
            pointer=old.pointers.schema(name),
            before=_kind(before[name]),
            touches=_all_of(name),
        )
        for name, now in pairs.items()
        if now not in after
    ]
    changes += [
        Change(
            kind="schema-added",
            python=f"models.{name}",
            at=name,
            pointer=new.pointers.schema(name),
            after=_kind(after[name]),
            touches=_all_of(name),
        )
        for name in after
        if name not in pairs.values()
    ]
    old_roles, new_roles = old.roles, new.roles
    for name, now in pairs.items():
        if now in after:
            roles = (old_roles[name] & new_roles[now]) or (old_roles[name] | new_roles[now])
            kept = name not in undeclared
            changes += _Pair(old, new, renames, name, now, roles).changes(alias=kept)
    return changes


def _all_of(name: str) -> frozenset[str]:
    return frozenset({f"models.{name}*", f"models.{name}Fields*"})


def _kind(node: Node) -> str:
    if "enum" in node:
        return "an enum of integers" if node.get("type") == "integer" else "an enum of strings"
    return "a model" if "properties" in node else "a map"


@attrs.frozen
class _Pair:
    """One schema, before and after."""

    old_side: Side
    new_side: Side
    renames: Renames
    old: str
    new: str
    roles: frozenset[str]

    def changes(self, *, alias: bool) -> Iterator[Change]:
        """Yield what changed in it."""
        old, new = self.old_side.normal.schemas[self.old], self.new_side.normal.schemas[self.new]
        if self.old != self.new:
            yield Change(
                kind="schema-renamed-alias" if alias else "schema-renamed",
                python=f"models.{self.old}",
                at=self.new,
                pointer=self.new_side.pointers.schema(self.new),
                before=f"models.{self.old}",
                after=f"models.{self.new}",
                touches=_all_of(self.old) | _all_of(self.new),
                mentions=self._mentions,
            )
        if _kind(old) != _kind(new):
            yield self._whole("schema-kind-changed", _kind(old), _kind(new))
        elif "enum" in new:
            yield from self._values(old, new)
        elif "properties" in new:
            yield from self._fields(old, new)
        else:
            found = relation(self._old_types.atoms(old), Types(self.new_side.normal.schemas).atoms(new))
            if found != "same":
                texts = [
                    side.api.annotation(f"models.{name}")
                    for side, name in ((self.old_side, self.old), (self.new_side, self.new))
                ]
                yield self._whole(self._pick(*_type_kinds(found)), *texts)

    @property
    def _mentions(self) -> frozenset[str]:
        return frozenset({self.old, self.new, f"{self.old}Fields", f"{self.new}Fields"})

    @property
    def _old_types(self) -> Types:
        return Types(self.old_side.normal.schemas, self.renames.schemas)

    def _whole(self, kind: str, before: str, after: str) -> Change:
        return Change(
            kind=kind,
            python=f"models.{self.new}",
            at=self.new,
            pointer=self.new_side.pointers.schema(self.new),
            before=before,
            after=after,
            touches=_all_of(self.new),
            mentions=self._mentions,
        )

    def _pick(self, response: str, body: str) -> str:
        """Return the kind of a change, by how the schema travels: of two, what is worse."""
        kinds = [kind for role, kind in (("response", response), ("body", body)) if role in self.roles]
        return max(kinds, key=lambda k: (RULES[k].wire + RULES[k].source, BUMPS.index(RULES[k].bump)))

    def _values(self, old: Node, new: Node) -> Iterator[Change]:
        for kind, values, name, side in (
            (self._pick("response-value-removed", "body-value-removed"), _less(old, new), self.old, self.old_side),
            (self._pick("response-value-added", "body-value-added"), _less(new, old), self.new, self.new_side),
        ):
            for value in values:
                member = _member(side, name, value)
                yield Change(
                    kind=kind,
                    python=member,
                    at=f"{name}={value}",
                    pointer=side.pointers.schema(name),
                    before=str(value) if side is self.old_side else "",
                    after=str(value) if side is self.new_side else "",
                    touches=frozenset({member}),
                    mentions=self._mentions,
                )

    def _fields(self, old: Node, new: Node) -> Iterator[Change]:
        fields = self.renames.fields
        now: dict[str, str] = {prop: fields.get((self.old, prop), prop) for prop in map(str, old["properties"])}
        for prop, raw in sorted(old["properties"].items()):
            if now[prop] not in new["properties"]:
                kind = self._pick("response-field-removed", "body-field-removed")
                yield self._field(kind, prop, before=self._hint(prop, old=True), old=True)
                continue
            if now[prop] != prop:
                yield attrs.evolve(
                    self._field(
                        self._pick("response-field-renamed-alias", "body-field-renamed"),
                        prop,
                        before=f"models.{self.old}.{prop}",
                        after=f"models.{self.new}.{now[prop]}",
                        old=True,
                    ),
                    touches=self._touches(self.old, prop) | self._touches(self.new, now[prop]),
                    pointer=self.new_side.pointers.field(self.new, now[prop]),
                )
            yield from self._within(prop, now[prop], raw, new["properties"][now[prop]], old, new)
        for prop in sorted(set(new["properties"]) - set(now.values())):
            required = "required-body-field-added" if prop in new["required"] else "body-field-added"
            response = "required-response-field-added" if prop in new["required"] else "response-field-added"
            yield self._field(self._pick(response, required), prop, after=self._hint(prop))

    def _within(self, was: str, prop: str, one: Node, other: Node, old: Node, new: Node) -> Iterator[Change]:
        """Yield what changed in a field that was there and is."""
        texts = self._hint(was, old=True), self._hint(prop)
        if (was in old["required"]) != (prop in new["required"]):
            state = "required" if prop in new["required"] else "optional"
            both = (texts[0], f"{texts[1]} | UnsetType") if state == "optional" else texts
            yield self._field(self._pick(f"response-field-{state}", f"body-field-{state}"), prop, *both)
        found = relation(self._old_types.atoms(one), Types(self.new_side.normal.schemas).atoms(other))
        if found != "same":
            yield self._field(self._pick(*_type_kinds(found)), prop, *texts)
        elif formats(one) != formats(other):
            yield self._field("format-changed", prop, listed(formats(one)), listed(formats(other)))
        if bool(one.get("x-nullable")) != bool(other.get("x-nullable")):
            state = "nullable" if other.get("x-nullable") else "not-nullable"
            yield self._field(self._pick(f"response-field-{state}", f"body-field-{state}"), prop, *texts)
        if limits(one) != limits(other):
            body = "body-limit-tightened" if tightened(limits(one), limits(other)) else "body-limit-loosened"
            both = listed(limits(one)), listed(limits(other))
            yield self._field(self._pick("response-limit-changed", body), prop, *both)
        if bool(one.get("deprecated")) != bool(other.get("deprecated")):
            yield self._field("field-deprecated" if other.get("deprecated") else "field-undeprecated", prop)

    def _hint(self, prop: str, *, old: bool = False) -> str:
        side, name = (self.old_side, self.old) if old else (self.new_side, self.new)
        return side.api.annotation(f"models.{name}.{prop}")

    def _field(self, kind: str, prop: str, before: str = "", after: str = "", *, old: bool = False) -> Change:
        side, name = (self.old_side, self.old) if old else (self.new_side, self.new)
        return Change(
            kind=kind,
            python=f"models.{name}.{prop}",
            at=f"{name}.{prop}",
            pointer=side.pointers.field(name, prop),
            before=before,
            after=after,
            touches=self._touches(name, prop),
        )

    @staticmethod
    def _touches(name: str, prop: str) -> frozenset[str]:
        return frozenset({f"models.{name}.{prop}", f"models.{name}Fields.{prop}"})


def _member(side: Side, name: str, value: Any) -> str:
    """Return the member of an enum that stands for a value, as generated; corrections may have named it."""
    prefix = f"models.{name}."
    facts = side.api.facts
    found = (each for each in facts if each.startswith(prefix) and facts[each].rest == repr(value))
    return next(found, prefix + names.member_name(value))


def _less(some: Node, others: Node) -> list[Any]:
    return [value for value in some["enum"] if value not in others["enum"]]


def _type_kinds(found: str) -> tuple[str, str]:
    if found == "opened":
        return "response-field-opened", "body-field-widened"
    return f"response-field-{_RELATIONS[found]}", f"body-field-{_RELATIONS[found]}"
