"""Operations in their normal form: named, with a body that one can send, and parameters that the SDK can.

What has no name yet (anonymous bodies and responses) is collected in `roots` for the hoister.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final

import attrs

from generator.document import FORMS, METHODS, SCHEMAS, RawOperation
from generator.nodes import escaped, part
from generator.normal import names
from generator.normal.canonical import Canonical
from generator.normal.corrections import Corrections
from generator.normal.forms import Node
from generator.normal.hoist import has_anonymous, same_shape
from generator.normal.parameters import USER_HEADER, parameters_of
from generator.problems import BadDocument, Report

# Methods that promise it themselves (RFC 9110, section 9.2.2).
_IDEMPOTENT: Final = frozenset({"get", "head", "options", "trace", "put", "delete"})
NOT_MODIFIED: Final = "304"
_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%{}/-]*\Z")


@attrs.frozen
class Response:
    """One response that an operation declares; `schema` is None without a body."""

    description: str
    schema: Node | None
    media: str
    headers: tuple[str, ...]


@attrs.frozen
class Operation:
    """An operation in its normal form."""

    name: str
    function: str
    method: str
    path: str
    operation_id: str | None
    tags: tuple[str, ...]
    summary: str
    description: str
    deprecated: bool
    parameters: tuple[Node, ...]
    body: Node | None
    body_media: str
    body_description: str
    responses: dict[str, Response]
    scopes: tuple[str, ...]
    public: bool
    user: str
    idempotent: bool
    lists: bool

    @property
    def key(self) -> str:
        """Its name in messages."""
        return f"{self.method.upper()} {self.path}"

    @property
    def successes(self) -> dict[str, Response]:
        """The responses that mean success, by status; `default` is one if there is no other, 304 if it is declared."""
        found = {s: r for s, r in sorted(self.responses.items()) if s.startswith("2")}
        if not found and "default" in self.responses:
            found["default"] = self.responses["default"]
        return {**found, **{s: r for s, r in self.responses.items() if s == NOT_MODIFIED}}

    @property
    def success(self) -> Response | None:
        """The first response that means success and has a body."""
        found = {s: r for s, r in self.successes.items() if r.schema is not None and s != NOT_MODIFIED}
        return found.get("2XX") or next(iter(found.values()), None)

    @property
    def redirects(self) -> bool:
        """Whether it may respond with another place."""
        return any(s.startswith("3") and s != NOT_MODIFIED for s in self.responses)


class Operations:
    """Brings operations into normal form; collects the anonymous bodies and responses that need a name."""

    def __init__(
        self,
        data: dict[str, Any],
        canonical: Canonical,
        corrections: Corrections,
        schemas: dict[str, Node],
        raw: list[RawOperation],
        report: Report,
    ) -> None:
        self._data = data
        self._canonical = canonical
        self._corrections = corrections
        self._report = report
        self._by_lower_name = {name.lower(): name for name in sorted(schemas)}
        self._paths = names.Paths((o.method, o.path) for o in raw if o.method in METHODS)
        schemes = part(data, "components", "securitySchemes")
        flows: list[dict[str, Any]] = [flow for s in schemes for flow in _flows(schemes[s])]
        self._schemes = schemes
        self._declared_scopes = {scope for flow in flows for scope in part(flow, "scopes")}
        self.roots: dict[str, Node] = {}

    def operation(self, raw: RawOperation) -> Operation:
        """Return the normal form of one operation, its body and responses not named yet."""
        if not _PATH.match(raw.path):
            raise BadDocument(f"{raw.key}: a path with characters that no URL has")
        responses = {
            # Nothing comes with a response to HEAD (RFC 9110, section 9.3.2).
            status: Response(
                a.description,
                None if a.schema is None or raw.method == "head" else self._canonical.of(a.schema),
                a.media,
                a.headers,
            )
            for status, a in raw.responses.items()
        }
        ok = [a for s, a in sorted(responses.items()) if s.startswith("2")]
        lists = raw.method == "get" and any(
            (a.schema or {}).get("type") == "array" or "link" in map(str.lower, a.headers)
            for a in ok
            if a.schema is not None
        )
        name = self._name(raw, lists=lists)
        function = names.check_name(names.function_name(name, self._paths), raw.key)
        body, body_text = self._body(raw, name, function)
        keywords: Node = {} if body is None else self._shape(body).get("properties", {})
        responses = {s: self._named_response(a, function, s) for s, a in responses.items()}
        scopes, public = self._security(raw)
        return Operation(
            name=name,
            function=function,
            method=raw.method,
            path=raw.path,
            operation_id=raw.data.get("operationId") or None,
            tags=tuple(raw.data.get("tags") or ("default",)),
            summary=str(raw.data.get("summary") or "").strip(),
            description=str(raw.data.get("description") or "").strip(),
            deprecated=bool(raw.data.get("deprecated")),
            parameters=parameters_of(raw, self._canonical, self._corrections, self._report, keywords),
            body=body,
            body_media=raw.body_media,
            body_description=body_text,
            responses=responses,
            scopes=scopes,
            public=public,
            user=self._user(raw),
            idempotent=self._idempotent(raw),
            lists=lists,
        )

    def _shape(self, node: Node) -> Node:
        """Return the form of a body, of a reference that of what it refers to."""
        if "x-root" in node:
            return self.roots[node["x-root"]]
        return self._canonical.component(node["$ref"].removeprefix(SCHEMAS)) if "$ref" in node else node

    def with_names(self, operation: Operation) -> Operation:
        """Return an operation whose anonymous body and responses have become references."""

        def named(node: Node | None) -> Node | None:
            if node is None:
                return None
            if "x-root" in node:
                return {**self.roots[node["x-root"]], **{k: v for k, v in node.items() if k != "x-root"}}
            # The collected schema is the value itself or the items of an array.
            return {**node, "items": named(node["items"])} if "x-root" in node.get("items", ()) else node

        responses = {s: attrs.evolve(a, schema=named(a.schema)) for s, a in operation.responses.items()}
        return attrs.evolve(operation, body=named(operation.body), responses=responses)

    def _name(self, raw: RawOperation, *, lists: bool) -> str:
        name = names.operation_name(raw.method, raw.path, self._paths, lists=lists)
        corrected = self._corrections.find("names", raw.key)
        if corrected:
            if corrected["name"] == name:
                self._corrections.needless("names", raw.key)
            name = corrected["name"]
        group, _, method = name.partition(".")
        for each in (group, method):
            names.check_name(each, f"{raw.key}: {name}")
        names.check_group(group, raw.key)
        return name

    def _user(self, raw: RawOperation) -> str:
        headers = {n.lower(): p for (where, n), p in raw.parameters.items() if where == "header"}
        stated = bool(headers.get(USER_HEADER, {}).get("required"))
        if self._corrections.find("user_required", raw.key):
            if stated:
                self._corrections.needless("user_required", raw.key)
            return "required"
        return "required" if stated else "optional" if USER_HEADER in headers else "none"

    def _idempotent(self, raw: RawOperation) -> bool:
        """Whether a second call changes nothing, although the method promises no such thing."""
        if self._corrections.find("idempotent", raw.key) is None:
            return False
        if raw.method in _IDEMPOTENT:
            self._corrections.needless("idempotent", raw.key)
        return True

    def _root(self, name: str, node: Node) -> Node:
        """Record a schema for naming, and return its placeholder."""
        free, number = name, 2
        while free in self.roots and not same_shape(self.roots[free], node):
            free, number = f"{name}{number}", number + 1
        if free != name:
            self._report.warn(name, f"another body or response has this name; one is called {free} (see `bodies`)")
        self.roots.setdefault(free, node)
        return {"x-root": free}

    def _body(self, raw: RawOperation, name: str, function: str) -> tuple[Node | None, str]:
        text = raw.body_description
        if raw.body is None:
            return None, text
        body = self._canonical.of(raw.body)
        if raw.body_media in FORMS and "properties" not in self._shape(body):
            raise BadDocument(f"{raw.at}/requestBody: a form ({raw.body_media}) has to be an object with properties")
        if body.pop("x-nullable", False):
            self._report.note(f"{raw.at}/requestBody", "a body of null left out: an absent body is absent")
        reference = body.get("$ref", "").removeprefix(SCHEMAS)
        shape = self._canonical.component(reference) if reference else body
        own_name = self._body_name(raw, name, function, reference)
        properties: dict[str, Node] = shape.get("properties", {})
        read_only = {n for n, p in properties.items() if p.get("readOnly")}
        if read_only and self._corrections.has_rule("bodies_without_read_only"):
            kept = {n: copy.deepcopy(p) for n, p in properties.items() if n not in read_only}
            place = f"{raw.at}/requestBody"
            if not kept:
                self._report.note(place, "only properties that the server sets; no body is sent")
                return None, text
            self._report.note(place, f"only the server sets them, left out: {', '.join(sorted(read_only))}")
            required = [] if raw.method == "patch" else [n for n in shape["required"] if n in kept]
            described = shape.get("description", "") or text
            variant: Node = {"type": "object", "description": described, "properties": kept, "required": required}
            return self._root(own_name, variant), text
        if not reference and properties:
            return self._root(own_name, {"description": text, **copy.deepcopy(body)}), text
        return body, text

    def _body_name(self, raw: RawOperation, name: str, function: str, reference: str) -> str:
        """Return what the class of a body is called, if it needs one of its own."""
        corrected = self._corrections.find("bodies", raw.key)
        if corrected:
            return str(corrected["name"])
        suffix = {"post": "Create", "patch": "Update", "put": "Update"}.get(raw.method, "Body")
        if re.match(r"(create|update|replace)(_|$)", name.partition(".")[2]) is None:
            return names.pascal(function) + "Request"
        singular = names.pascal(names.singular(name.partition(".")[0]))
        return (reference or self._by_lower_name.get(singular.lower()) or singular) + suffix

    def _named_response(self, response: Response, function: str, status: str) -> Response:
        """Give an anonymous object that an operation returns a name to be."""
        schema = response.schema
        if schema is None or not (status.startswith("2") or status == "default"):
            return response
        item = schema["items"] if schema.get("type") == "array" else schema
        if not has_anonymous(item):
            return response
        verb, _, rest = function.partition("_")
        name = names.pascal(rest) if verb == "get" and rest else names.pascal(function) + "Response"
        nullable = {"x-nullable": True} if item.get("x-nullable") else {}
        node = {k: v for k, v in copy.deepcopy(item).items() if k != "x-nullable"}
        root = {**self._root(name, {"description": response.description, **node}), **nullable}
        return attrs.evolve(response, schema=root if item is schema else {**schema, "items": root})

    def _security(self, raw: RawOperation) -> tuple[tuple[str, ...], bool]:
        stated = raw.data.get("security")
        requirements: list[dict[str, Any]] = (self._data.get("security") or []) if stated is None else stated
        scopes: set[str] = set()
        met = [r for r in requirements if not any(self._cannot_be_met(scheme) for scheme in r)]
        if requirements and not met:
            foreign = sorted({scheme for r in requirements for scheme in r if self._cannot_be_met(scheme)})
            raise BadDocument(f"{raw.key}: needs {', '.join(foreign)}; the client sends OAuth and bearer tokens alone")
        for requirement in met:
            for scheme, needed in requirement.items():
                if scheme not in self._schemes and not self._corrections.find("security_schemes", scheme):
                    # Accepted all the same: which token is sent is the client's business, and it has one kind.
                    self._report.warn(raw.key, f"security scheme {scheme!r} is not declared; see `security_schemes`")
                scopes |= set(needed or ())
        undeclared = sorted(scopes - self._declared_scopes)
        if undeclared:
            place = f"/paths/{escaped(raw.path)}/{raw.method}/security"
            self._report.note(place, f"scopes that are not declared: {', '.join(undeclared)}")
        return tuple(sorted(scopes)), not all(met) or not met

    def _cannot_be_met(self, scheme: str) -> bool:
        """Whether a security scheme asks for something else than a token in `Authorization`."""
        stated = self._schemes.get(scheme, {})
        kind = stated.get("type", "oauth2")
        is_bearer = kind == "http" and str(stated.get("scheme", "")).lower() == "bearer"
        return kind not in {"oauth2", "openIdConnect"} and not is_bearer


def _flows(scheme: dict[str, Any]) -> list[dict[str, Any]]:
    return [flow for name, flow in part(scheme, "flows").items() if not name.startswith("x-")]
