"""From a document as it was written to one that says everything in one way, with everything named.

    resolve -> correct -> canonical form -> bodies one can send -> names

What comes out does not depend on how the document was factored or ordered. `for_parser` renders it as plain OpenAPI for
the parser of openapi-python-client; what that parser drops (scopes, prose, read-only marks, formats) is kept beside it.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final

import attrs

from generator import names
from generator.canonical import Canonical, Node
from generator.corrections import Corrections
from generator.hoist import Hoister
from generator.load import METHODS, Document
from generator.problems import BadDocument
from generator.resolve import RawOperation, Resolver
from generator.shapes import is_object, part

REF: Final = "#/components/schemas/"
# Headers that the client sends itself; never a function's parameter.
_CLIENT_HEADERS: Final = {"evenergy-user", "evenergy-version", "authorization"}
_USER_HEADER: Final = "evenergy-user"
_VERSION_HEADER: Final = "evenergy-version"
_BESIDE: Final = ("description", "readOnly", "writeOnly", "deprecated", "x-nullable")


@attrs.frozen
class Answer:
    """One answer that an operation declares; `schema` is None without a body."""

    description: str
    schema: Node | None
    headers: tuple[str, ...]


@attrs.frozen
class Operation:
    """An operation in its normal form."""

    name: str
    function: str
    method: str
    path: str
    operation_id: str
    tags: tuple[str, ...]
    summary: str
    description: str
    deprecated: bool
    parameters: tuple[Node, ...]
    body: Node | None
    body_description: str
    answers: dict[str, Answer]
    scopes: tuple[str, ...]
    public: bool
    user: str
    lists: bool

    @property
    def key(self) -> str:
        """How messages name it."""
        return f"{self.method.upper()} {self.path}"

    @property
    def success(self) -> Answer | None:
        """The first answer that means success and has a body."""
        found = [a for s, a in sorted(self.answers.items()) if s.startswith("2") and a.schema is not None]
        return found[0] if found else None


@attrs.frozen
class Normalised:
    """A document in its normal form.

    Attributes:
        source: The document it was made of.
        schemas: All schemas by name, in canonical form.
        own: Names of the schemas that the document itself names.
        operations: All operations, by path and method.
        webhooks: Tags and payload of each webhook, by name.
        api_version: The version of the API that the document describes.
        notes: What a maintainer may want to know of this run.
    """

    source: Document
    schemas: dict[str, Node]
    own: frozenset[str]
    operations: tuple[Operation, ...]
    webhooks: dict[str, tuple[tuple[str, ...], Node]]
    api_version: str
    notes: tuple[str, ...]


def normalise(document: Document, corrections: Corrections) -> Normalised:
    """Return the normal form of a document.

    Raises:
        BadDocument: It says something that cannot be carried over; says what and where.
    """
    resolver = Resolver(document.data)
    raw_schemas = resolver.schemas()
    raw_operations = resolver.operations()
    corrections.apply_to_schemas(raw_schemas)
    canonical = Canonical(raw_schemas)
    schemas = {name: copy.deepcopy(canonical.component(name)) for name in raw_schemas}
    for name in schemas:
        names.check_identifier(name, f"components.schemas.{name}")

    work = _Operations(document.data, canonical, corrections, schemas)
    operations = [work.operation(raw) for raw in raw_operations]
    schemas = Hoister(schemas).hoist(work.roots)
    operations = [work.with_names(o) for o in operations]
    _check_unique(operations)
    return Normalised(
        source=document,
        schemas=dict(sorted(schemas.items())),
        own=frozenset(raw_schemas),
        operations=tuple(sorted(operations, key=lambda o: (o.path, o.method))),
        webhooks={
            name: (tuple(raw.data.get("tags") or ("default",)), canonical.of(raw.body))
            for name, raw in resolver.webhooks()
        },
        api_version=_api_version(document.data, raw_operations),
        notes=tuple(work.notes),
    )


class _Operations:
    """Brings operations into normal form; collects the anonymous bodies and answers that need a name."""

    def __init__(
        self, data: dict[str, Any], canonical: Canonical, corrections: Corrections, schemas: dict[str, Node]
    ) -> None:
        self._data = data
        self._canonical = canonical
        self._corrections = corrections
        self._schemas = schemas
        self._by_lower_name = {name.lower(): name for name in sorted(schemas)}
        pairs = [(m, p) for p, item in data["paths"].items() for m in item if m in METHODS]
        self._paths = names.Paths(pairs)
        schemes = part(data, "components", "securitySchemes")
        flows: list[dict[str, Any]] = [flow for s in schemes.values() for flow in part(s, "flows").values()]
        self._schemes = set(schemes)
        self._declared_scopes = {scope for flow in flows for scope in part(flow, "scopes")}
        self.roots: dict[str, Node] = {}
        self.notes: list[str] = []

    def operation(self, raw: RawOperation) -> Operation:
        """Return the normal form of one operation, its body and answers not named yet."""
        answers = {
            status: Answer(a.description, None if a.schema is None else self._canonical.of(a.schema), a.headers)
            for status, a in raw.responses.items()
        }
        ok = [a for s, a in sorted(answers.items()) if s.startswith("2")]
        lists = raw.method == "get" and any(
            (a.schema or {}).get("type") == "array" or "Link" in a.headers for a in ok if a.schema is not None
        )
        corrected = self._corrections.find("names", raw.key)
        name = corrected["name"] if corrected else names.operation_name(raw.method, raw.path, self._paths, lists=lists)
        group, _, method = name.partition(".")
        names.check_identifier(group, raw.key)
        names.check_identifier(method, raw.key)
        if group in names.FACADE:
            raise BadDocument(
                f"{raw.key}: its group {group!r} is a name of the client itself; correct it in corrections.yaml"
            )
        function = names.function_name(name, self._paths)
        body, body_text = self._body(raw, name, function)
        answers = {s: self._named_answer(a, function, s) for s, a in answers.items()}
        scopes, public = self._security(raw)
        headers = {n.lower() for where, n in raw.parameters if where == "header"}
        required = self._corrections.find("user_required", raw.key)
        return Operation(
            name=name,
            function=function,
            method=raw.method,
            path=raw.path,
            operation_id=str(raw.data.get("operationId") or function),
            tags=tuple(raw.data.get("tags") or ("default",)),
            summary=str(raw.data.get("summary") or "").strip(),
            description=str(raw.data.get("description") or "").strip(),
            deprecated=bool(raw.data.get("deprecated")),
            parameters=tuple(self._parameters(raw)),
            body=body,
            body_description=body_text,
            answers=answers,
            scopes=scopes,
            public=public,
            user="required" if required else "optional" if _USER_HEADER in headers else "none",
            lists=lists,
        )

    def with_names(self, operation: Operation) -> Operation:
        """Return an operation whose anonymous body and answers have become references."""

        def named(node: Node | None) -> Node | None:
            root = (node or {}).get("x-root")
            return self.roots[root] if root else node

        answers = {s: attrs.evolve(a, schema=named(a.schema)) for s, a in operation.answers.items()}
        return attrs.evolve(operation, body=named(operation.body), answers=answers)

    def _root(self, name: str, node: Node) -> Node:
        """Note a schema for naming; returns what stands for it until then."""
        if name in self.roots:
            raise BadDocument(f"two anonymous schemas would be called {name}")
        self.roots[name] = node
        return {"x-root": name}

    def _parameters(self, raw: RawOperation) -> list[Node]:
        found: list[Node] = []
        templated = re.findall(r"{([^}]+)}", raw.path)
        for (where, name), parameter in raw.parameters.items():
            if where == "header" and name.lower() in _CLIENT_HEADERS:
                continue
            if where == "cookie":
                raise BadDocument(f"{raw.key} ? {name}: cookie parameters cannot be sent")
            schema = self._canonical.of(parameter["schema"])
            if self._corrections.find("open_parameters", f"{raw.key} ? {name}"):
                schema.pop("enum", None)
            style = parameter.get("style", "form" if where == "query" else "simple")
            explode = parameter.get("explode", style == "form")
            if style != ("form" if where == "query" else "simple") or (schema.get("type") == "array" and not explode):
                raise BadDocument(f"{raw.key} ? {name}: style {style!r}, explode {explode}: cannot be sent")
            if schema.get("type") == "object" or "anyOf" in schema:
                raise BadDocument(f"{raw.key} ? {name}: objects and unions cannot be sent as a parameter")
            python = names.check_identifier(re.sub(r"\W+|__+", "_", name).lower(), f"{raw.key} ? {name}")
            found.append(
                {
                    "in": where,
                    "name": name,
                    "python": python,
                    "required": bool(parameter.get("required")) or where == "path",
                    "description": str(parameter.get("description") or "").strip(),
                    "schema": schema,
                    "prefix": self._prefix(name, schema),
                }
            )
        if {p["name"] for p in found if p["in"] == "path"} != set(templated):
            raise BadDocument(f"{raw.key}: the parameters of the path and its template differ")
        # Path parameters in the order of the template, the others by name: the document's order has no say.
        found.sort(
            key=lambda p: (p["in"] != "path", templated.index(p["name"]) if p["in"] == "path" else 0, p["python"])
        )
        clash = {p["python"] for p in found if sum(q["python"] == p["python"] for q in found) > 1}
        if clash:
            raise BadDocument(f"{raw.key}: two parameters would be called {min(clash)!r}")
        return found

    def _prefix(self, name: str, schema: Node) -> str | None:
        stated = re.search(r"([a-z]{4})\[A-Z", str(schema.get("pattern", "")))
        return stated[1] if stated else self._corrections.value("prefixes", name)

    def _body(self, raw: RawOperation, name: str, function: str) -> tuple[Node | None, str]:
        text = ""
        if is_object(raw.data.get("requestBody")):
            text = str(raw.data["requestBody"].get("description") or "").strip()
        if raw.body is None:
            return None, text
        body = self._canonical.of(raw.body)
        reference = body.get("$ref", "").removeprefix(REF)
        shape = self._canonical.component(reference) if reference else body
        suffix = {"post": "Create", "patch": "Update", "put": "Update"}.get(raw.method, "Body")
        is_write = re.match(r"(create|update|replace)(_|$)", name.partition(".")[2]) is not None
        resource = self._by_lower_name.get(names.pascal(names.singular(name.partition(".")[0])).lower())
        resource = reference or resource or names.pascal(names.singular(name.partition(".")[0]))
        own_name = resource + suffix if is_write else names.pascal(function) + "Request"
        properties: dict[str, Node] = shape.get("properties", {})
        read_only = {n for n, p in properties.items() if p.get("readOnly")}
        if read_only and self._corrections.has_rule("bodies_without_read_only"):
            kept = {n: copy.deepcopy(p) for n, p in properties.items() if n not in read_only}
            if not kept:
                self.notes.append(f"{raw.key}: its body has only properties that the server sets; none is sent")
                return None, text
            required = [] if raw.method == "patch" else [n for n in shape["required"] if n in kept]
            described = shape.get("description", "") or text
            variant: Node = {"type": "object", "description": described, "properties": kept, "required": required}
            return self._root(own_name, variant), text
        if not reference and properties:
            return self._root(own_name, {"description": text, **copy.deepcopy(body)}), text
        return body, text

    def _named_answer(self, answer: Answer, function: str, status: str) -> Answer:
        """Give an anonymous object that an operation returns a name to be."""
        schema = answer.schema
        if schema is None or not status.startswith("2"):
            return answer
        item = schema["items"] if schema.get("type") == "array" else schema
        if "properties" not in item:
            return answer
        verb, _, rest = function.partition("_")
        name = names.pascal(rest) if verb == "get" and rest else names.pascal(function) + "Response"
        described = {"description": answer.description, **copy.deepcopy(item)}
        root = self._root(name, described)
        made = root if item is schema else {**schema, "items": root}
        return attrs.evolve(answer, schema=made)

    def _security(self, raw: RawOperation) -> tuple[tuple[str, ...], bool]:
        requirements: list[dict[str, list[str]]] = raw.data.get("security", self._data.get("security") or [])
        scopes: set[str] = set()
        for requirement in requirements:
            for scheme, needed in requirement.items():
                known = scheme
                if scheme not in self._schemes:
                    entry = self._corrections.find("security_schemes", scheme)
                    known = entry["means"] if entry else scheme
                    if not entry:
                        self.notes.append(f"{raw.key}: security scheme {scheme!r} is not declared")
                scopes |= set(needed) if known else set()
        undeclared = sorted(scopes - self._declared_scopes)
        if undeclared:
            self.notes.append(f"{raw.key}: scopes that are not declared: {', '.join(undeclared)}")
        return tuple(sorted(scopes)), not requirements


def _api_version(data: dict[str, Any], operations: list[RawOperation]) -> str:
    """Return the version that requests can ask for; the document's own where it lists none."""
    for operation in operations:
        for (where, name), parameter in sorted(operation.parameters.items()):
            if where == "header" and name.lower() == _VERSION_HEADER and parameter["schema"].get("enum"):
                return str(max(parameter["schema"]["enum"]))
    return str(data["info"]["version"])


def _check_unique(operations: list[Operation]) -> None:
    for attribute in ("name", "function", "operation_id"):
        seen: dict[str, Operation] = {}
        for operation in operations:
            value = getattr(operation, attribute)
            if value in seen:
                raise BadDocument(f"{seen[value].key} and {operation.key} have one {attribute}: {value!r}")
            seen[value] = operation


def for_parser(normalised: Normalised) -> dict[str, Any]:
    """Render the normal form as an OpenAPI document that openapi-python-client's parser reads without a loss."""
    paths: dict[str, Any] = {}
    for operation in normalised.operations:
        rendered: dict[str, Any] = {
            "operationId": operation.function,
            "tags": [operation.name.partition(".")[0]],
            "parameters": [
                {"in": p["in"], "name": p["name"], "required": p["required"], "schema": _plain(p["schema"])}
                for p in operation.parameters
            ],
            "responses": {
                status: {
                    "description": "-",
                    **({"content": {"application/json": {"schema": _plain(a.schema)}}} if a.schema is not None else {}),
                }
                for status, a in sorted(operation.answers.items())
                if status.startswith("2")
            }
            or {"default": {"description": "-"}},
        }
        if operation.body is not None:
            rendered["requestBody"] = {
                "required": True,
                "content": {"application/json": {"schema": _plain(operation.body)}},
            }
        paths.setdefault(operation.path, {})[operation.method] = rendered
    return {
        "openapi": "3.1.0",
        "info": {"title": "-", "version": normalised.source.version},
        "paths": paths,
        "components": {"schemas": {name: _plain(node) for name, node in normalised.schemas.items()}},
    }


def _plain(node: Node) -> Node:
    made: Node = {k: v for k, v in node.items() if k not in _BESIDE}
    if "properties" in made:
        made["properties"] = {name: _plain(each) for name, each in made["properties"].items()}
        # The models take no keys besides their own; the raw bytes stay on the response.
        made["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if is_object(made.get(key)):
            made[key] = _plain(made[key])
    if "anyOf" in made:
        made["anyOf"] = [_plain(each) for each in made["anyOf"]]
    if node.get("x-nullable") and made.get("type") != "null":
        members: list[Node] = made.get("anyOf", [made])
        made = {"anyOf": [*members, {"type": "null"}]}
    return made
