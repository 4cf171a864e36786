"""From the normal form and what the parser made of it to what is emitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from generator import ir
from generator.aliases import Aliases
from generator.bodies import check_binary, closure, is_raw
from generator.document import JSON, Document
from generator.nodes import part
from generator.normal import (
    NOBODY,
    REF,
    Corrections,
    Node,
    Normalised,
    Operation,
    Response,
    looks_personal,
    names,
    states_unit,
    unit_of,
)
from generator.problems import BadDocument, NotCarriedOver
from generator.prose import Prose, class_text, footer
from generator.sandbox_document import tables
from generator.types import ANY, Type, type_of

# Statuses that only some operations declare; the others are documented once, in `errors`.
_SPECIAL = ("409", "413", "422", "503")
# The module of schemas that several tags share, or none reaches.
_SHARED = "shared"


class Builder:
    """Builds what is emitted for one document."""

    def __init__(self, document: Document, normalised: Normalised, corrections: Corrections) -> None:
        self._document = document
        self._normal = normalised
        self._corrections = corrections
        self._schemas = normalised.schemas
        self._prose = Prose(normalised.operations)
        self._aliases = Aliases(corrections, normalised)
        self._tag_texts: dict[str, str] = {
            t["name"]: str(t.get("description") or "") for t in document.data.get("tags") or () if "name" in t
        }

    def package(self) -> ir.Package:
        """Return all that is emitted.

        Raises:
            NotCarriedOver: A schema or an operation would be missing from it.
        """
        check_binary(self._normal)
        modules, groups = tuple(self._modules()), tuple(self._groups())
        emitted: set[str] = set()
        for name in (name for module in modules for name in module.names):
            if name in emitted:
                raise BadDocument(f"two classes would be called {name}; correct one in corrections.yaml (`classes`)")
            emitted.add(name)
        functions = {e.function for g in groups for e in g.endpoints}
        package = ir.Package(
            modules=modules,
            groups=groups,
            renamed_models=self._aliases.models(emitted),
            renamed_functions=self._aliases.functions(functions),
            tables=tables(self._document, self._normal),
        )
        _check_names(groups, functions | {r.was for r in package.renamed_functions})
        lost = sorted(set(self._schemas) - emitted)
        lost += sorted({o.function for o in self._normal.operations} - functions)
        if lost:
            raise NotCarriedOver(f"would not be emitted: {', '.join(lost)}")
        return package

    # Models

    def _modules(self) -> list[ir.ModelModule]:
        homes = self._homes()
        tags = sorted({o.tags[0] for o in self._normal.operations}, reverse=True)
        titles = {names.snake(tag): tag for tag in tags if names.snake(tag) != _SHARED}
        in_bodies = closure((o.body for o in self._normal.operations if o.body is not None), self._schemas)
        modules: list[ir.ModelModule] = []
        for home in sorted(set(homes.values()), key=lambda h: (titles.get(h, h), h)):
            mine = [name for name in sorted(self._schemas) if homes[name] == home]
            modules.append(
                ir.ModelModule(
                    name=f"_{home}",
                    title=titles.get(home, home),
                    enums=tuple(self._enum(n) for n in mine if "enum" in self._schemas[n]),
                    models=tuple(self._model(n, n in in_bodies) for n in mine if "properties" in self._schemas[n]),
                    aliases=tuple(self._alias(n) for n in mine if not {"enum", "properties"} & set(self._schemas[n])),
                )
            )
        return modules

    def _homes(self) -> dict[str, str]:
        """Return the module of each schema: the one tag whose operations reach it, or what several tags share."""
        reached: dict[str, set[str]] = {name: set() for name in self._schemas}
        for operation in self._normal.operations:
            roots = [a.schema for a in operation.responses.values() if a.schema is not None]
            roots += [operation.body] if operation.body is not None else []
            roots += [p["schema"] for p in operation.parameters]
            for name in closure(roots, self._schemas):
                reached[name].add(names.snake(operation.tags[0]))
        for tags, payload in self._normal.webhooks.values():
            for name in closure([payload], self._schemas):
                reached[name].add(names.snake(tags[0]))
        return {name: (next(iter(tags)) if len(tags) == 1 else "") or _SHARED for name, tags in reached.items()}

    def _enum(self, name: str) -> ir.Enum:
        node = self._schemas[name]
        values: list[Any] = node["enum"]
        corrected = self._named("members", {value: f"{name}={value}" for value in values}, names.member_name)
        called = names.members(values, corrected)
        members = {called[value]: value for value in values}
        base = "int" if node["type"] == "integer" else "str"
        return ir.Enum(name, self._class_text(name), base, tuple(members.items()))

    def _named(self, kind: str, places: Mapping[Any, str], rule: Callable[[Any], str]) -> dict[Any, str]:
        """Return the names that corrections of a kind give, by what they name."""
        found: dict[Any, str] = {}
        for key, at in places.items():
            entry = self._corrections.find(kind, at)
            if entry:
                found[key] = entry["name"]
                if entry["name"] == rule(key):
                    self._corrections.needless(kind, at)
        return found

    def _class_text(self, name: str) -> str:
        own = str(self._schemas[name].get("description", ""))
        return self._prose.of_python(class_text(own, self._normal.places.get(name, ())))

    def _model(self, name: str, has_fields: bool) -> ir.Model:
        node = self._schemas[name]
        return ir.Model(
            name=name,
            description=self._class_text(name),
            fields=self._fields(name),
            more=self._more(name),
            tags=tuple(self._normal.tags.get(name, {}).items()),
            has_fields=has_fields,
            renamed=self._aliases.fields(name, node["properties"]),
        )

    def _fields(self, name: str) -> tuple[ir.Field, ...]:
        node = self._schemas[name]
        corrected = self._named("fields", {prop: f"{name}.{prop}" for prop in node["properties"]}, str)
        called = names.fields(node["properties"], corrected)
        for taken in sorted(names.METHODS_OF_MODELS & set(called.values())):
            raise BadDocument(
                f"{name}.{taken}: a method of every model has this name; give the field another one "
                "in corrections.yaml (`fields`)"
            )
        made: list[ir.Field] = []
        # The ID, then required ones, then by name: the order of the document has no say.
        for prop, raw in sorted(
            node["properties"].items(),
            key=lambda item: (item[0] != "id", item[0] not in node["required"], item[0]),
        ):
            kind = type_of(raw, self._schemas)
            numeric = any(t.name in {"int", "float", "Decimal"} or t.kind == "enum" for t in kind.members)
            told = unit_of(prop) if numeric else None
            stated = self._corrections.value("units", f"{name}.{prop}")
            if stated is not None and stated == told:
                self._corrections.needless("units", f"{name}.{prop}")
            unit = stated or told
            personal = self._corrections.value("personal", f"{name}.{prop}")
            if personal is None and looks_personal(prop):
                self._corrections.unmarked(f"{name}.{prop}")
            said = self._prose.of_python(str(raw.get("description", "")))
            made.append(
                ir.Field(
                    name=called[prop],
                    key=prop,
                    type=kind,
                    required=prop in node["required"],
                    description=f"{said} Unit: {unit}.".strip() if unit and not states_unit(said, unit) else said,
                    unit=unit,
                    deprecated=bool(raw.get("deprecated")),
                    personal=None if personal == NOBODY else personal,
                )
            )
        return tuple(made)

    def _more(self, name: str) -> ir.Field | None:
        """Return the field of the keys that a model takes beyond those of its properties; None if it takes none."""
        node = self._schemas[name]
        if "additionalProperties" not in node:
            return None
        kind = Type("further", of=(type_of(node["additionalProperties"], self._schemas),))
        taken = {field.name for field in self._fields(name)}
        called = next(n for n in ("additional_properties", "additional_properties_") if n not in taken)
        said = "Keys beyond those above."
        return ir.Field(called, "", kind, required=False, description=said, unit=None, deprecated=False)

    def _alias(self, name: str) -> ir.Alias:
        node = self._schemas[name]
        return ir.Alias(name, self._class_text(name), type_of(node, self._schemas, frozenset({name})))

    # Operations

    def _groups(self) -> list[ir.Group]:
        by_group: dict[str, list[Operation]] = {}
        for operation in self._normal.operations:
            by_group.setdefault(operation.name.partition(".")[0], []).append(operation)
        renamed = self._aliases.endpoints()
        groups: list[ir.Group] = []
        for name in sorted({*by_group, *renamed}):
            operations = by_group.get(name, [])
            endpoints = [self._endpoint(o) for o in sorted(operations, key=lambda o: o.name)]
            # Items of a collection that can be fetched one by one can be fetched many at a time.
            many = [e.function for e in endpoints if e.attribute == "get" and len(e.placed("path")) == 1]
            many += [r.function for r in renamed.get(name, ()) if r.attribute == "get" and r.gets_item]
            groups.append(
                ir.Group(
                    name=name,
                    title=names.pascal(name),
                    description=self._group_text(operations),
                    endpoints=tuple(endpoints),
                    many=many[0] if many else None,
                    renamed=renamed.get(name, ()),
                )
            )
        return groups

    def _group_text(self, operations: list[Operation]) -> str:
        """Return what the document says of the operations of a group: of their tag, if they have one in common."""
        if not operations:
            return "Old names of operations that have moved to another group."
        tags = {o.tags[0] for o in operations}
        return self._prose.of_python(self._tag_texts.get(tags.pop(), "")) if len(tags) == 1 else ""

    def _endpoint(self, operation: Operation) -> ir.Endpoint:
        wire = [(p["name"], p["python"]) for p in operation.parameters]
        said = self._prose.of_python(operation.description, wire)
        parameters = tuple(self._parameter(p, wire) for p in operation.parameters)
        body = self._body(operation)
        if operation.lists and body is not None and any(f.key == "on_bad_item" for f in body.fields):
            raise BadDocument(
                f"{operation.key}: 'on_bad_item' cannot be a key of the body: a list has a parameter of it"
            )
        outcome = self._outcome(operation)
        return ir.Endpoint(
            name=operation.name,
            function=operation.function,
            method=operation.method.upper(),
            path=operation.path,
            summary=operation.summary,
            description=said,
            footer=footer(operation, said),
            deprecated=operation.deprecated,
            parameters=parameters,
            body=body,
            outcome=outcome,
            responses=tuple(int(status) for status in _SPECIAL if status in operation.responses),
            idempotent=operation.idempotent,
            raises=tuple(
                (_error_name(status), self._prose.of_python(operation.responses[status].description, wire))
                for status in _SPECIAL
                if status in operation.responses
            ),
            scopes=operation.scopes,
            public=operation.public,
            user=operation.user,
        )

    def _parameter(self, node: Node, wire: list[tuple[str, str]]) -> ir.Parameter:
        schema = node["schema"]
        where = node["in"]
        items: Node = schema.get("items", {}) if schema.get("type") == "array" else {}
        kind = "array" if items else self._kind(schema)
        if kind == "date-time" and where == "path":
            kind = "log-time"
        is_id = where == "path" and kind == "string" and "enum" not in schema
        is_id = is_id or (where == "query" and node["name"].endswith("_id") and node["prefix"] is not None)
        values: list[Any] = schema.get("enum") or part(schema, "items").get("enum") or []
        return ir.Parameter(
            name=node["python"],
            wire=node["name"],
            where=where,
            kind="id" if is_id else kind,
            type=type_of(schema, self._schemas),
            required=node["required"],
            description=self._prose.of_python(node["description"], wire),
            minimum=(items or schema).get("minimum"),
            maximum=(items or schema).get("maximum"),
            values=tuple(values),
            items=self._kind(items) if items else "string",
            prefix=node["prefix"] if is_id else None,
        )

    def _kind(self, schema: Node) -> str:
        """Return the kind of a value that is sent as text."""
        form = self._schemas[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema
        stated = form.get("format") if form.get("type") == "string" else None
        return str(stated if stated in {"date-time", "date", "uuid", "decimal"} else form.get("type", "string"))

    def _body(self, operation: Operation) -> ir.Body | None:
        node = operation.body
        if node is None:
            return None
        said = self._prose.of_python(operation.body_description)
        if is_raw(operation.body_media, node):
            return ir.Body(Type("scalar", "bytes"), operation.body_media, said, ())
        name = node.get("$ref", "").removeprefix(REF)
        if name and "properties" in self._schemas[name]:
            return ir.Body(Type("model", name), operation.body_media, said, self._fields(name))
        if node.get("properties") == {}:
            return ir.Body(None, operation.body_media, said, ())
        if "additionalProperties" in (self._schemas[name] if name else node):
            return ir.Body(Type("map", of=(ANY,)), operation.body_media, said, ())
        # Anything else has no keys that could be keywords.
        return ir.Body(type_of(node, self._schemas), operation.body_media, said, ())

    def _outcome(self, operation: Operation) -> ir.Outcome:
        """Return what comes of a call: types by status, and what one item of a list is.

        A page is an array of items, or an object with one array, which then holds the items.
        """
        response = operation.success
        into = None if response is None else self._response_type(response)
        kinds = {s: None if r.schema is None else self._response_type(r) for s, r in operation.successes.items()}
        others = {int(s): kind for s, kind in kinds.items() if kind != into and s.isdecimal()}
        # A page is what it is, and 204 is told by its body.
        lists = operation.lists and not any(others.values())
        item, items = self._item(operation, into) if lists else (None, None)
        media = {r.media for r in operation.successes.values() if r.schema is not None}
        return ir.Outcome(
            into=into if item is None or items is not None else item,
            item=item,
            items=items,
            by_status=tuple(sorted((s, kind) for s, kind in others.items() if s != HTTPStatus.NO_CONTENT or kind)),
            optional=into is not None and None in kinds.values() and not lists,
            location=operation.redirects,
            accept=", ".join(sorted(media)) if media - {JSON} else "",
        )

    def _response_type(self, response: Response) -> Type:
        schema: Node = response.schema or {}
        return Type("scalar", "bytes") if is_raw(response.media, schema) else type_of(schema, self._schemas)

    def _item(self, operation: Operation, into: Type | None) -> tuple[Type | None, str | None]:
        if into is None:
            return None, None
        if into.kind == "list":
            return into.of[0], None
        fields = self._fields(into.name) if into.kind == "model" else ()
        arrays = [f for f in fields if any(t.kind == "list" for t in f.type.members)]
        if len(arrays) != 1:
            raise NotCarriedOver(f"{operation.key}: pages that are objects, without one array of items")
        return next(t for t in arrays[0].type.members if t.kind == "list").of[0], arrays[0].key


def _check_names(groups: tuple[ir.Group, ...], functions: set[str]) -> None:
    """Make sure that modules, classes and functions of operations do not hide each other."""
    titles: dict[str, str] = {}
    for group in groups:
        names.check_class(group.title, f"the class of the group {group.name!r}")
        if group.title in titles:
            raise BadDocument(f"the groups {titles[group.title]!r} and {group.name!r} have one class: {group.title}")
        titles[group.title] = group.name
        attributes = [e.attribute for e in group.endpoints] + [r.attribute for r in group.renamed]
        for taken in sorted({"sender", "get_many"} & set(attributes)):
            raise BadDocument(f"{group.name}.{taken}: a name that every group has; correct it (`names`)")
        if group.name in functions:
            raise BadDocument(f"{group.name}: a group and a function of this name; correct one (`names`)")


def _error_name(status: str) -> str:
    return {"409": "Conflict", "413": "PayloadTooLarge", "422": "UnprocessableEntity", "503": "ServiceUnavailable"}.get(
        status, HTTPStatus(int(status)).phrase
    )
