"""Undo the document's factoring: what is shared for the reader's sake is put back where it is used.

After this a document says everything in one way, whichever way it was written: parameters, responses, headers, bodies,
schemas marked `x-inline` and schemas that make no class stand in place; only references to the API's own classes are
left.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from generator.document.load import METHODS, lookup
from generator.document.wellformed import SCHEMAS, UNIONS, parts
from generator.nodes import Located, escaped, is_array, is_object, part
from generator.problems import BadDocument, Report

# With everything in place, our document has 7,000 schemas and parts of schemas.
_MOST_SCHEMAS: Final = 200_000
_LONGEST_CHAIN: Final = 50
JSON: Final = "application/json"
FORMS: Final = ("multipart/form-data", "application/x-www-form-urlencoded")
# Streams without an end.
_NEVER: Final = ("text/event-stream", "application/stream+json", "application/x-ndjson")
# Keywords that hold values of the API, not schemas.
_VALUES: Final = frozenset({"discriminator", "example", "examples", "default", "enum", "const", "required"})
# What a reference may not have beside it without saying more than the reference.
_STRUCTURE: Final = frozenset({"properties", "required", "enum", "const", "items", "additionalProperties", *UNIONS})


@attrs.define
class RawOperation:
    """One operation, its parameters resolved.

    Attributes:
        method: HTTP method, lower case.
        path: Path template.
        parameters: Its own parameters and those of its path, by location and name.
        body: Schema of its body; None if it takes none.
        body_media: Media type of its body.
        body_required: Whether the document marks the body as required.
        body_description: What the document says of its body.
        responses: By status: description, JSON schema (None without a body) and header names.
        data: The rest of it, as it stands.
        at: JSON pointer of it.
    """

    method: str
    path: str
    parameters: dict[tuple[str, str], dict[str, Any]]
    body: dict[str, Any] | None
    body_media: str
    body_required: bool
    body_description: str
    responses: dict[str, RawResponse]
    data: dict[str, Any]
    at: str

    @property
    def key(self) -> str:
        """Its address in corrections."""
        return f"{self.method.upper()} {self.path}"


@attrs.frozen
class RawResponse:
    """One response that an operation declares; `media` is empty without a body."""

    description: str
    schema: dict[str, Any] | None
    media: str
    headers: tuple[str, ...]


def has_schema(media: str) -> bool:
    """Whether the schema of a body of a media type is read: of JSON and forms; anything else is text, or bytes."""
    return media in {JSON, *FORMS} or media.endswith("+json")


class Resolver:
    """Resolves the references of one document."""

    def __init__(self, document: dict[str, Any], report: Report | None = None) -> None:
        self._document = document
        self._report = report if report is not None else Report()
        self._declared = part(document, "components", "schemas")
        self._inline = {name for name in self._declared if not self._makes_class(name)}
        self._made = 0

    def schemas(self) -> dict[str, Any]:
        """Return the API's own schemas, resolved, by name."""
        return {
            name: self.schema(node, f"/components/schemas/{escaped(name)}")
            for name, node in sorted(self._declared.items())
            if name not in self._inline
        }

    def operations(self) -> list[RawOperation]:
        """Return all operations, by path and method."""
        found: list[RawOperation] = []
        for path, raw in sorted(self._document["paths"].items()):
            if path.startswith("/"):
                item, at = self._follow(raw, f"/paths/{escaped(path)}")
                found += [self._operation(path, m, item, at) for m in METHODS if m in item]
        return found

    def webhooks(self) -> list[tuple[str, RawOperation]]:
        """Return the messages that the API sends, by name."""
        found: list[tuple[str, RawOperation]] = []
        for name, raw in sorted(part(self._document, "webhooks").items()):
            item, at = self._follow(raw, f"/webhooks/{escaped(name)}")
            found += [(name, self._operation("/", m, item, at)) for m in METHODS if m in item]
        return found

    def schema(self, node: Any, at: str, inside: tuple[str, ...] = ()) -> Any:
        """Return a schema in which only references to classes are left.

        Args:
            node: The schema.
            at: JSON pointer of it.
            inside: The inlined schemas that it is part of.
        """
        if is_array(node):
            return [self.schema(each, f"{at}/{i}", inside) for i, each in enumerate(node)]
        if not is_object(node):
            return node
        self._made += 1
        if self._made > _MOST_SCHEMAS:
            raise BadDocument(f"{at}: with its references put in place, more than {_MOST_SCHEMAS:,} schemas")
        reference = node.get("$ref")
        name = self._class_name(reference) if isinstance(reference, str) else None
        if isinstance(reference, str) and name is None:
            return self._inlined(node, reference, at, inside)
        made: dict[str, Any] = {}
        for key, value in node.items():
            if key in {"properties", "patternProperties", "dependentSchemas"} and is_object(value):
                made[key] = {p: self.schema(s, f"{at}/{key}/{escaped(p)}", inside) for p, s in value.items()}
            elif key in _VALUES or key.startswith("x-"):
                made[key] = value
            else:
                made[key] = self.schema(value, f"{at}/{key}", inside)
        if name is not None:
            made["$ref"] = SCHEMAS + name
        return Located(made, at)

    def _inlined(self, node: dict[str, Any], reference: str, at: str, inside: tuple[str, ...]) -> Any:
        """Return what a reference to no class refers to, with what stands beside the reference."""
        if reference in inside:
            raise BadDocument(f"{at}: {reference} contains itself, and is no class that could be referred to")
        if len(inside) >= _LONGEST_CHAIN:
            raise BadDocument(f"{at}: references are nested for more than {_LONGEST_CHAIN} steps")
        target = self.schema(lookup(self._document, reference, at), reference[1:], (*inside, reference))
        beside = {k: v for k, v in node.items() if k not in {"$ref", "x-inline"}}
        if not beside or not is_object(target):
            return target
        beside = self.schema(beside, at, inside)
        if beside.keys() & _STRUCTURE:
            return Located({**beside, "allOf": [target, *beside.get("allOf", ())]}, at)
        return Located({**target, **beside}, target.at if isinstance(target, Located) else at)

    def _class_name(self, reference: str) -> str | None:
        """Return the name of the class that a reference refers to; None if it is to be put in place."""
        keys = parts(reference)
        if keys[:2] != ["components", "schemas"] or len(keys) != 3 or keys[2] in self._inline:  # noqa: PLR2004  # components/schemas/Name
            return None
        return keys[2] if keys[2] in self._declared else None

    def _makes_class(self, name: str) -> bool:
        """Whether a component becomes a class, or the name of a map; others are names for a reader alone."""
        node = self._declared[name]
        if not is_object(node) or node.get("x-inline"):
            return False
        made = self._is_class(node)
        if not made:
            self._report.note(f"/components/schemas/{escaped(name)}", "no object and no enum; used in place, unnamed")
        return made

    def _is_class(self, node: Any, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a schema of its own, as written, is an object, an enum or a map."""
        if not is_object(node):
            return False
        if "$ref" in node and not node.keys() & {"properties", "allOf"}:
            # What gives no name itself is what refers to it; a class that is referred to has a name already.
            name = node["$ref"].removeprefix(SCHEMAS) if isinstance(node["$ref"], str) else ""
            target = self._declared.get(name)
            hidden = is_object(target) and bool(target.get("x-inline"))
            return hidden and name not in seen and self._is_class(target, seen | {name})
        if "enum" in node or "const" in node:
            values = node.get("enum", [node.get("const")])
            return any(isinstance(v, str | int) and not isinstance(v, bool) for v in values)
        types = node.get("type", [])
        listed = set(types if is_array(types) else [types]) - {"null"}
        if node.get("properties") or len(node.get("allOf", ())) > 1:
            return True
        for key in UNIONS:
            if key in node:
                members = [m for m in node[key] if not (is_object(m) and m.get("type") == "null")]
                return len(members) == 1 and self._is_class(members[0], seen)
        return listed == {"object"} or (not listed and "additionalProperties" in node)

    def _follow(self, node: dict[str, Any], at: str) -> tuple[dict[str, Any], str]:
        """Resolve a reference to anything but a schema; what stands beside it wins. Returns its place as well."""
        seen: set[str] = set()
        while isinstance(node.get("$ref"), str):
            reference: str = node["$ref"]
            if reference in seen:
                raise BadDocument(f"{at}: $ref {reference!r}: points to itself")
            seen.add(reference)
            beside = {k: v for k, v in node.items() if k != "$ref"}
            node, at = {**lookup(self._document, reference, at), **beside}, reference[1:]
        return node, at

    def _operation(self, path: str, method: str, item: dict[str, Any], item_at: str) -> RawOperation:
        data: dict[str, Any] = item[method]
        at = f"{item_at}/{method}"
        for owner, place in ((item, item_at), (data, at)):
            if owner.get("servers") and owner["servers"] != self._document.get("servers"):
                raise BadDocument(f"{place}/servers: an address of its own; the client has one for all operations")
        parameters: dict[tuple[str, str], dict[str, Any]] = {}
        for owner, place in ((item, item_at), (data, at)):
            own: set[tuple[str, str]] = set()
            for i, node in enumerate(owner.get("parameters") or ()):
                parameter, found_at = self._follow(node, f"{place}/parameters/{i}")
                key = parameter["in"], parameter["name"]
                if key in own:
                    raise BadDocument(f"{place}/parameters/{i}: a second {key[0]} parameter {key[1]!r}")
                own.add(key)
                schema = self.schema(parameter.get("schema") or {}, f"{found_at}/schema")
                parameters[key] = Located({**parameter, "schema": schema}, found_at)
        body, body_at = self._follow(data.get("requestBody", {}), f"{at}/requestBody")
        media, schema = self._content(body, body_at, FORMS)
        responses = {s: r for s, r in part(data, "responses").items() if not s.startswith("x-")}
        return RawOperation(
            method=method,
            path=path,
            parameters=parameters,
            body=schema,
            body_media=media,
            body_required=bool(body.get("required")),
            body_description=str(body.get("description") or "").strip(),
            responses={s: self._response(r, f"{at}/responses/{s}") for s, r in sorted(responses.items())},
            data=data,
            at=at,
        )

    def _response(self, raw: dict[str, Any], at: str) -> RawResponse:
        node, at = self._follow(raw, at)
        headers = tuple(sorted(part(node, "headers")))
        media, schema = self._content(node, at)
        return RawResponse(str(node.get("description") or ""), schema, media, headers)

    def _content(self, node: dict[str, Any], at: str, forms: tuple[str, ...] = ()) -> tuple[str, dict[str, Any] | None]:
        """Return the media type and the schema of a body: of its JSON form where it has one.

        Args:
            node: What has the body.
            at: JSON pointer of it.
            forms: Media types beside JSON whose schemas are read; anything else is text, or bytes.
        """
        content = part(node, "content")
        if not content:
            return "", None
        keys = {key.split(";")[0].strip().lower(): key for key in sorted(content, reverse=True)}

        def rank(media: str) -> tuple[bool, bool, bool, bool, str]:
            return media != JSON, not media.endswith("+json"), media not in forms, not media.startswith("text/"), media

        media = min(keys, key=rank)
        is_json = media == JSON or media.endswith("+json")
        others = sorted(content.keys() - {keys[media]})
        if others:
            enough = "JSON" if is_json else media
            self._report.note(f"{at}/content", f"{enough} is enough; left out: {', '.join(others)}")
        if media in _NEVER or ((media.startswith("multipart/") or media in FORMS) and media not in forms):
            raise BadDocument(f"{at}: a body of {media} can neither be sent nor read")
        if not has_schema(media):
            return media, {"type": "string"} if media.startswith("text/") else {"type": "string", "format": "binary"}
        place = f"{at}/content/{escaped(keys[media])}/schema"
        schema: dict[str, Any] = self.schema(content[keys[media]].get("schema") or {}, place)
        return media, schema
