"""Changes in the operations of a document: names, paths, parameters, bodies, responses, who may call them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import attrs

from generator.diff.change import Change
from generator.diff.renames import Renames
from generator.diff.side import Side
from generator.diff.types import Types, formats, limits, listed, relation, shape, tightened
from generator.nodes import part
from generator.normal import REF, Node, Operation

_RELATIONS: Final = {"wider": "widened", "opened": "widened", "narrower": "narrowed", "other": "changed"}
_Mark: TypeAlias = Callable[[Operation], str | None]
_PARAMETER_RELATIONS: Final = {**_RELATIONS, "other": "type-changed"}


def compare_operations(old: Side, new: Side, renames: Renames) -> list[Change]:
    """Return what changed in the operations."""
    pairs = _pairs(old, new, renames)
    before, after = {o.key for o, _ in pairs}, {n.key for _, n in pairs}
    changes = [
        Change(
            kind="operation-removed",
            python=f"ev.{each.name}",
            at=each.key,
            pointer=old.pointers.operation(each),
            before=each.key,
            touches=_all_of(each),
        )
        for each in old.normal.operations
        if each.key not in before
    ]
    changes += [
        Change(
            kind="operation-added",
            python=f"ev.{each.name}",
            at=each.key,
            pointer=new.pointers.operation(each),
            after=each.key,
            touches=_all_of(each),
        )
        for each in new.normal.operations
        if each.key not in after
    ]
    for one, other in pairs:
        changes += _Pair(old, new, renames, one, other).changes()
    return changes


def _pairs(old: Side, new: Side, renames: Renames) -> list[tuple[Operation, Operation]]:
    """Match operations: by method and path, by a declared rename, by name, by operationId; the surest way first."""
    found: list[tuple[Operation, Operation]] = []
    before, after = list(old.normal.operations), list(new.normal.operations)
    ways: tuple[tuple[_Mark, _Mark], ...] = (
        (_key, _key),
        (lambda o: renames.operations.get(o.name), lambda o: o.name),
        (lambda o: o.name, lambda o: o.name),
        (lambda o: o.operation_id, lambda o: o.operation_id),
    )
    for left, right in ways:
        by_key = {right(each): each for each in after}
        for one in list(before):
            key = left(one)
            other = by_key.get(key) if key is not None else None
            if other is not None:
                found.append((one, other))
                before.remove(one)
                after.remove(other)
                del by_key[key]
    return found


def _key(operation: Operation) -> str:
    """Return method and path; the names of path parameters do not count."""
    return re.sub(r"{[^}]*}", "{}", operation.key)


def _all_of(operation: Operation) -> frozenset[str]:
    """Return all names of the Python API that an operation brings with it."""
    group, _, method = operation.name.partition(".")
    many = {f"ev.{group}.get_many"} if method == "get" else set[str]()
    return frozenset({f"api.{operation.function}*", f"ev.{operation.name}", *many})


@attrs.frozen
class _Pair:
    """One operation, before and after."""

    old_side: Side
    new_side: Side
    renames: Renames
    old: Operation
    new: Operation

    def changes(self) -> Iterator[Change]:
        """Yield what changed in it."""
        yield from self._names()
        yield from self._path_parameters()
        yield from self._parameters()
        yield from self._body()
        yield from self._callers()
        yield from self._responses()
        if self.old.deprecated != self.new.deprecated:
            kind = "operation-deprecated" if self.new.deprecated else "operation-undeprecated"
            yield self._change(kind, "", "", f"api.{self.new.function}", f"ev.{self.new.name}", *_many(self.new))
        if self.old.operation_id != self.new.operation_id:
            yield self._change("operation-id-changed", self.old.operation_id or "none", self.new.operation_id or "none")

    def _change(self, kind: str, before: str = "", after: str = "", *touches: str) -> Change:
        return Change(
            kind=kind,
            python=f"ev.{self.new.name}",
            at=self.new.key,
            pointer=self.new_side.pointers.operation(self.new),
            before=before,
            after=after,
            touches=frozenset({*touches, f"api.{self.new.function}:request"}),
        )

    def _names(self) -> Iterator[Change]:
        if self.old.name != self.new.name:
            kept = self.renames.operations.get(self.old.name) == self.new.name
            change = self._change(
                "operation-renamed-alias" if kept else "operation-renamed", after=f"ev.{self.new.name}"
            )
            touches = _all_of(self.old) | _all_of(self.new)
            yield attrs.evolve(change, python=f"ev.{self.old.name}", before=f"ev.{self.old.name}", touches=touches)
        if _key(self.old) != _key(self.new):
            yield self._change("operation-moved", self.old.key, self.new.key)

    def _path_parameters(self) -> Iterator[Change]:
        old, new = (_placed(o, "path") for o in (self.old, self.new))
        signatures = [self._side_fact(side, o) for side, o in ((self.old_side, self.old), (self.new_side, self.new))]
        if len(old) != len(new):
            was, does = (", ".join(f"`{p['python']}`" for p in each) for each in (old, new))
            yield self._change("path-parameters-changed", was, does, f"api.{self.new.function}", *_many(self.new))
            return
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            if one["name"] != other["name"]:
                change = self._parameter_change("path-parameter-renamed", one, one["python"], other["python"])
                yield attrs.evolve(change, pointer=self.new_side.pointers.parameter(self.new, "path", other["name"]))
            texts = (signatures[0][place : place + 1] or [""])[0], (signatures[1][place : place + 1] or [""])[0]
            yield from self._values_and_limits(one, other, *texts)

    def _side_fact(self, side: Side, operation: Operation) -> list[str]:
        """Return the types of the positional parameters of a function."""
        fact = side.api.facts.get(f"api.{operation.function}")
        inside = fact.rest.partition("(")[2].removesuffix(")") if fact else ""
        return [each.replace("m.", "") for each in re.split(r", (?![^\[]*\])", inside)]

    def _parameters(self) -> Iterator[Change]:
        old, new = ({(p["in"], p["name"]): p for p in _placed(o, "query", "header")} for o in (self.old, self.new))
        for key, node in old.items():
            if key not in new:
                yield self._parameter_change("parameter-removed", node, side=self.old_side)
        for key, node in new.items():
            if key not in old:
                kind = "required-parameter-added" if node["required"] else "parameter-added"
                yield self._parameter_change(kind, node, after=self._hint(self.new_side, node))
                continue
            if old[key]["required"] != node["required"]:
                yield self._parameter_change("parameter-required" if node["required"] else "parameter-optional", node)
            before = self.old_side.api.annotation(f"api.{self.old.function}({old[key]['python']})")
            yield from self._values_and_limits(old[key], node, before, self._hint(self.new_side, node))

    def _hint(self, side: Side, node: Node) -> str:
        return side.api.annotation(f"api.{self.new.function}({node['python']})")

    def _parameter_change(
        self, kind: str, node: Node, before: str = "", after: str = "", side: Side | None = None
    ) -> Change:
        side = side or self.new_side
        operation = self.old if side is self.old_side else self.new
        named = node["in"] != "path"
        own = f"api.{self.new.function}({node['python']})" if named else f"api.{self.new.function}"
        return attrs.evolve(
            self._change(kind, before, after, own),
            python=f"ev.{self.new.name}({node['python']}{'=...' if named else ''})",
            at=f"{self.new.key} ? {node['name']}",
            pointer=side.pointers.parameter(operation, node["in"], node["name"]),
        )

    def _values_and_limits(self, old: Node, new: Node, before: str, after: str) -> Iterator[Change]:
        one, other = old["schema"], new["schema"]
        old_types = Types(self.old_side.normal.schemas, self.renames.schemas)
        new_types = Types(self.new_side.normal.schemas)
        found = relation(old_types.atoms(one), new_types.atoms(other))
        if found != "same" or bool(one.get("x-nullable")) > bool(other.get("x-nullable")):
            yield self._parameter_change(f"parameter-{_PARAMETER_RELATIONS.get(found, 'narrowed')}", new, before, after)
        elif formats(one) != formats(other):
            yield self._parameter_change("parameter-format-changed", new, listed(formats(one)), listed(formats(other)))
        values = [_values(node) for node in (one, other)]
        gone, come = (sorted(values[i] - values[1 - i]) for i in (0, 1))
        if all(values) and come:
            yield self._parameter_change("parameter-value-added", new, after=listed(come))
        if all(values) and gone:
            yield self._parameter_change("parameter-value-removed", new, before=listed(gone))
        bounds = [
            {**limits(p["schema"]), **({"prefix": p["prefix"]} if p["prefix"] and not limits(p["schema"]) else {})}
            for p in (old, new)
        ]
        if bounds[0] != bounds[1]:
            # A prefix that is asked for shuts out other IDs as a pattern does.
            tighter = tightened(*bounds) or bounds[0].get("prefix") != bounds[1].get("prefix", bounds[0].get("prefix"))
            kind = "parameter-limit-tightened" if tighter else "parameter-limit-loosened"
            yield self._parameter_change(kind, new, listed(bounds[0]), listed(bounds[1]))
        marks = [
            bool(side.pointers.node(side.pointers.parameter(o, p["in"], p["name"])).get("deprecated"))
            or bool(p["schema"].get("deprecated"))
            for side, o, p in ((self.old_side, self.old, old), (self.new_side, self.new, new))
        ]
        if marks[0] != marks[1]:
            yield self._parameter_change("parameter-deprecated" if marks[1] else "parameter-undeprecated", new)

    def _body(self) -> Iterator[Change]:
        old, new = self.old.body, self.new.body
        if old is not None and new is not None and self.old.body_media != self.new.body_media:
            yield self._change("body-media-changed", self.old.body_media, self.new.body_media)
        if old == new:
            return
        touches = (f"api.{self.new.function}", f"api.{self.new.function}(fields)")
        texts = [
            _body_name(node, self.renames if side is self.old_side else None) for side, node in self._sided(old, new)
        ]
        if old is None and new is not None:
            required = self._required(new)
            yield self._change("required-body-added" if required else "body-added", "", texts[1], *touches)
        elif new is None:
            yield self._change("body-removed", texts[0], "", *touches)
        elif texts[0] != texts[1] or ("$ref" not in (old or {}) and shape(old) != shape(new)):
            yield self._change("body-type-changed", texts[0], texts[1], *touches)

    def _sided(self, old: Any, new: Any) -> tuple[tuple[Side, Any], tuple[Side, Any]]:
        return (self.old_side, old), (self.new_side, new)

    def _required(self, body: Node) -> bool:
        target = self.new_side.normal.schemas.get(body.get("$ref", "").removeprefix(REF), body)
        return bool(target.get("required"))

    def _callers(self) -> Iterator[Change]:
        if self.old.public != self.new.public:
            yield self._change("token-not-required" if self.new.public else "token-required")
        gone, come = (sorted(set(a.scopes) - set(b.scopes)) for a, b in ((self.old, self.new), (self.new, self.old)))
        if come:
            yield self._change("scope-added", after=listed(come))
        if gone:
            yield self._change("scope-removed", before=listed(gone))
        if self.old.user != self.new.user:
            if self.new.user == "required":
                kind = "user-required"
            elif self.new.user == "none":
                kind = "user-ignored"
            else:
                kind = "user-not-required" if self.old.user == "required" else "user-accepted"
            yield self._change(kind)

    def _responses(self) -> Iterator[Change]:
        here = (f"api.{self.new.function}", *_many(self.new))
        returns = [
            side.api.annotation(f"api.{o.function}")
            for side, o in ((self.old_side, self.old), (self.new_side, self.new))
        ]
        old, new = _success(self.old), _success(self.new)
        found = "same"
        if old is not None and new is not None:
            before = Types(self.old_side.normal.schemas, self.renames.schemas).atoms(old)
            found = relation(before, Types(self.new_side.normal.schemas).atoms(new))
            media = [listed(sorted(_media(o))) for o in (self.old, self.new)]
            if media[0] != media[1]:
                yield self._change("response-media-changed", *media)
        if old is None and new is not None:
            yield self._change("response-added", "", returns[1], *here)
        elif new is None and old is not None:
            yield self._change("response-removed", returns[0], "", *here)
        elif self.new.lists and not self.old.lists:
            yield self._change("paging-added", *returns, *here)
        elif self.old.lists and not self.new.lists and found == "same":
            yield self._change("paging-removed", *returns, *here)
        elif found != "same":
            yield self._change(f"returns-{_RELATIONS[found]}", *returns, *here)
        for (was, does), kinds in (
            ([_empty(o) for o in (self.old, self.new)], ("response-may-be-empty", "response-never-empty")),
            ([_located(o) for o in (self.old, self.new)], ("response-may-redirect", "response-never-redirects")),
        ):
            if was != does and old is not None and new is not None:
                yield self._change(kinds[0] if does else kinds[1], "", "", *here)
        yield from self._declared()

    def _declared(self) -> Iterator[Change]:
        """Yield what changed in responses and is no business of generated code."""
        old, new = self.old.responses, self.new.responses
        come, gone = sorted(set(new) - set(old)), sorted(set(old) - set(new))
        if come:
            yield self._change("status-added", after=listed(come))
        if gone:
            yield self._change("status-removed", before=listed(gone))
        both = sorted(set(old) & set(new))
        other = [s for s in both if not s.startswith("2") and shape(old[s].schema) != shape(new[s].schema)]
        if other:
            yield self._change("error-body-changed", after=listed(other))
        headers = [{(s, h) for s in both for h in responses[s].headers} for responses in (old, new)]
        if headers[0] != headers[1]:
            texts = [listed(sorted({f"{s} {h}" for s, h in headers[i] - headers[1 - i]})) for i in (0, 1)]
            yield self._change("headers-changed", *texts)


def _placed(operation: Operation, *where: str) -> list[Node]:
    return [p for p in operation.parameters if p["in"] in where]


def _many(operation: Operation) -> tuple[str, ...]:
    group, _, method = operation.name.partition(".")
    return (f"ev.{group}.get_many",) if method == "get" else ()


def _values(schema: Node) -> set[str]:
    listed_values: list[Any] = schema.get("enum") or part(schema, "items").get("enum") or []
    return {str(value) for value in listed_values}


def _body_name(node: Node | None, renames: Renames | None) -> str:
    if node is None:
        return ""
    name = node.get("$ref", "").removeprefix(REF)
    called = renames.schemas.get(name, name) if renames else name
    return f"models.{called}" if name else "a mapping" if "additionalProperties" in node else "nothing in it"


def _success(operation: Operation) -> Node | None:
    """Return what a call returns, whichever success it is; None without a body."""
    schemas = [each.schema for each in operation.successes.values() if each.schema is not None]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas} if schemas else None


def _media(operation: Operation) -> set[str]:
    return {each.media for each in operation.successes.values() if each.schema is not None}


def _empty(operation: Operation) -> bool:
    return not operation.lists and any(each.schema is None for each in operation.successes.values())


def _located(operation: Operation) -> bool:
    return operation.redirects
