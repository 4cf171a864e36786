"""Read the OpenAPI document for the tests: what a request looks like, and its response.

It shares no code with the generator on purpose: if one of them misreads the document, a test fails. It reads only the
part of OpenAPI 3.1 that this document uses.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard
from urllib.parse import quote
from uuid import UUID

import attrs
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Iterator

Node: TypeAlias = dict[str, Any]

PATH: Final = Path(__file__).resolve().parent.parent / "openapi" / "ev-energy-v2.yaml"
URI: Final = "urn:document"
"""Where the references in an `absolute` schema point."""
JSON: Final = "application/json"
ULID: Final = "01HRFF3SEVSCRAV9B3CHVDFN0H"
TIME: Final = dt.datetime(2026, 3, 14, 7, 5, 0, 250_000, tzinfo=dt.UTC)
TIME_TEXT: Final = "2026-03-14T07:05:00.250000Z"
ODD_TEXT: Final = "50% off & more: a+b=é"
ODD_ID: Final = "a+b=é:&"
HEADER_TEXT: Final = "de-DE, en;q=0.8"

_METHODS: Final = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
_CLIENT_HEADERS: Final = frozenset({"EvEnergy-User", "EvEnergy-Version"})
# Parameters for which the document omits the pattern, although their IDs have a prefix.
_PREFIXES: Final = {
    "program_id": "prog",
    "home_battery_id": "hoba",
    "boundary_meter_id": "bmet",
    "boundary_meter_make_id": "bmma",
    "boundary_meter_model_id": "bmmo",
}
# Values for the other patterns: a country, a place.
_TEXTS: Final = ("GB", "53.4794,-2.2453")


class _Loader(yaml.CSafeLoader):
    """Loads times as text: only a schema makes them times."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def is_object(value: object) -> TypeGuard[Node]:
    """Return whether it is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Return whether it is a JSON array."""
    return isinstance(value, list)


FORMATS: Final = FormatChecker(("date", "date-time", "email", "uri", "uuid"))
"""Checks the formats that the document uses: those of JSON Schema, and `decimal`."""


@FORMATS.checks("decimal", raises=InvalidOperation)
def _is_decimal(value: object) -> bool:
    return not isinstance(value, str) or Decimal(value).is_finite()


@attrs.frozen
class Parameter:
    """A parameter and a value that matches its schema, as Python and as text on the wire (several for an array)."""

    name: str
    where: str
    required: bool
    description: str
    schema: Node
    value: Any
    texts: tuple[str, ...]

    @property
    def python(self) -> str:
        """The name in Python: double underscores folded, hyphens and capitals replaced."""
        return re.sub(r"_+", "_", self.name.replace("-", "_")).lower()


@attrs.frozen(eq=False)
class Operation:
    """An operation, with its references resolved."""

    document: Document
    method: str
    path: str
    node: Node

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters except the headers that the client sets itself."""
        nodes = [self.document.resolve(each) for each in self.node.get("parameters", ())]
        return tuple(self.document.parameter(each) for each in nodes if each["name"] not in _CLIENT_HEADERS)

    def placed(self, where: str) -> tuple[Parameter, ...]:
        """The parameters in one place; those of the path in the order of the path."""
        found = [each for each in self.parameters if each.where == where]
        return tuple(sorted(found, key=lambda each: self.path.find(f"{{{each.name}}}")))

    @property
    def target(self) -> str:
        """The path with its values filled in and percent-encoded."""
        target = self.path
        for each in self.placed("path"):
            target = target.replace(f"{{{each.name}}}", quote(each.texts[0], safe=""))
        return target

    @property
    def query(self) -> tuple[str, ...]:
        """The pairs of the query as the URL has them, sorted by name; equal names in order."""
        return tuple(
            f"{each.name}={quote(text, safe='')}"
            for each in sorted(self.placed("query"), key=lambda each: each.name)
            for text in each.texts
        )

    @property
    def body(self) -> Any:
        """The example of the request body without what is read-only; None if there is nothing to send."""
        media = self.node.get("requestBody", {}).get("content", {}).get(JSON)
        if media is None:
            return None
        example = self.document.example(media)
        writable = self.document.writable(media["schema"], example)
        return None if example and not writable else writable

    @cached_property
    def statuses(self) -> dict[int, Node]:
        """The responses below 400 by status."""
        responses: dict[str, Node] = self.node["responses"]
        resolved = {int(status): self.document.resolve(each) for status, each in responses.items()}
        return {status: each for status, each in resolved.items() if status < 400}

    @property
    def redirects(self) -> bool:
        """Whether it responds with a redirect."""
        return any(status >= 300 for status in self.statuses)

    @property
    def success(self) -> tuple[int, Node | None]:
        """The expected status, and the media type object of its JSON body; None if it has no body."""
        bodies = {status: each["content"][JSON] for status, each in self.statuses.items() if each.get("content")}
        status = min(bodies or self.statuses)
        return status, bodies.get(status)

    @property
    def is_list(self) -> bool:
        """Whether its response is a page of items."""
        status, media = self.success
        is_array = media is not None and self.document.resolve(media["schema"]).get("type") == "array"
        return self.method == "GET" and (is_array or "Link" in self.statuses[status].get("headers", {}))


class Document:
    """The document, with references resolved and values validated on demand."""

    def __init__(self, path: Path = PATH) -> None:
        self.data: Node = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506  # a safe loader, see above
        self.schemas: dict[str, Node] = self.data["components"]["schemas"]
        resource = DRAFT202012.create_resource(self.data)
        self._registry: Registry[Any] = Registry[Any]().with_resource(URI, resource)
        self._validators: dict[int, tuple[Node, Any]] = {}

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All operations, in the order of the document."""
        return tuple(
            Operation(self, method.upper(), path, node)
            for path, item in self.data["paths"].items()
            for method, node in item.items()
            if method in _METHODS
        )

    def operation(self, method: str, path: str) -> Operation:
        """One operation."""
        return next(each for each in self.operations if (each.method, each.path) == (method, path))

    def resolve(self, node: Node) -> Node:
        """Return the target of a reference; the node itself if it is none."""
        while "$ref" in node:
            target: Any = self.data
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def problems(self, schema: Node, value: object) -> list[str]:
        """Return the violations of a schema; empty if the value is valid."""
        # By identity, with the schema beside it: this keeps it alive, so no other can get its address.
        if id(schema) not in self._validators:
            compiled = Draft202012Validator(absolute(schema), registry=self._registry, format_checker=FORMATS)
            self._validators[id(schema)] = (schema, compiled)
        validator = self._validators[id(schema)][1]
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def example(self, holder: Node) -> Any:
        """Return the example of a media type object or a schema; for an array, one of its items."""
        if "example" in holder:
            return holder["example"]
        schema = self.resolve(holder.get("schema", holder))
        if "example" in schema:
            return schema["example"]
        if schema.get("type") == "array":
            return [self.example(schema["items"])]
        raise LookupError(f"no example for {holder}")

    def writable(self, schema: Node, value: Any) -> Any:
        """Return a value without the properties that its schema declares read-only."""
        schema = self.resolve(schema)
        if is_array(value):
            return [self.writable(schema.get("items", {}), each) for each in value]
        if not is_object(value):
            return value
        properties = self.properties(schema)
        return {
            key: self.writable(properties.get(key, {}), each)
            for key, each in value.items()
            if not properties.get(key, {}).get("readOnly")
        }

    def properties(self, schema: Node) -> dict[str, Node]:
        """Return all properties that an object of this schema may have."""
        schema = self.resolve(schema)
        found: dict[str, Node] = dict(schema.get("properties", {}))
        for each in (part for key in ("allOf", "anyOf", "oneOf") for part in schema.get(key, ())):
            found |= self.properties(each)
        return found

    def parameter(self, node: Node) -> Parameter:
        """Return a parameter with a value for it."""
        schema = self.resolve(node["schema"])
        value, texts = _value(node["name"], node["in"], schema, self.resolve(schema.get("items", {})))
        return Parameter(
            node["name"], node["in"], node.get("required", False), node.get("description", ""), schema, value, texts
        )

    def subschemas(self) -> Iterator[tuple[str, Node]]:
        """Yield each schema of the document, nested ones too, with its location."""
        waiting: list[tuple[str, Any, bool]] = [("#", self.data, False)]
        while waiting:
            where, node, is_schema = waiting.pop()
            if is_array(node):
                waiting += [(f"{where}/{i}", each, is_schema) for i, each in enumerate(node)]
            elif is_object(node):
                if is_schema:
                    yield where, node
                    waiting += _inner(where, node)
                else:
                    waiting += [
                        (f"{where}/{key}", each, key == "schema" or where == "#/components/schemas")
                        for key, each in node.items()
                        if key != "example"
                    ]


def _inner(where: str, schema: Node) -> list[tuple[str, Any, bool]]:
    lists = [(f"{where}/{key}", schema[key], True) for key in ("allOf", "anyOf", "oneOf") if key in schema]
    single = [
        (f"{where}/{key}", schema[key], True)
        for key in ("items", "additionalProperties")
        if isinstance(schema.get(key), dict)
    ]
    properties = [(f"{where}/{name}", each, True) for name, each in schema.get("properties", {}).items()]
    return lists + single + properties


def absolute(node: Any) -> Any:
    """Return a schema whose references name the document they point into."""
    if is_array(node):
        return [absolute(each) for each in node]
    if not is_object(node):
        return node
    return {
        key: f"{URI}{each}" if key == "$ref" and isinstance(each, str) else absolute(each) for key, each in node.items()
    }


def _value(name: str, where: str, schema: Node, items: Node) -> tuple[Any, tuple[str, ...]]:
    """Return a value for a parameter, and its texts on the wire."""
    kind = schema["type"]
    if kind == "array":
        several: list[str] = items.get("enum", [ODD_TEXT, "b"])[:2]
        return several, tuple(several)
    if "enum" in schema:
        return schema["enum"][0], (str(schema["enum"][0]),)
    if schema.get("format") == "date-time":
        return TIME, (TIME_TEXT,)
    if kind == "boolean":
        # `false`, since `true` might also be the result of sending a mere flag.
        return False, ("false",)
    if kind in {"integer", "number"}:
        number = schema.get("maximum", 7)
        return number, (str(number),)
    formats = {"email": "nerys+ev@example.com", "uri": "https://example.com/done?next=1&b=2"}
    text = formats.get(schema.get("format", ""), "") or _text(name, where, schema.get("pattern"))
    return text, (text,)


def _text(name: str, where: str, pattern: str | None) -> str:
    if name in _PREFIXES:
        return _PREFIXES[name] + ULID
    if pattern is None:
        return {"path": ODD_ID, "header": HEADER_TEXT}.get(where, ODD_TEXT)
    prefix = re.search(r"(?:^|\W)([a-z]{4})\[", pattern)
    candidates = ((prefix[1] if prefix else "abcd") + ULID, *_TEXTS)
    return next(each for each in candidates if re.search(pattern, each))


def differences(expected: Any, found: Any, where: str = "$") -> list[str]:
    """Return where two JSON values differ; times, numbers, UUIDs and decimals are compared by value."""
    if is_object(expected) and is_object(found):
        shared = sorted(expected.keys() & found.keys())
        keys = [f"{where}.{key}: only in one" for key in sorted(expected.keys() ^ found.keys())]
        return keys + [each for key in shared for each in differences(expected[key], found[key], f"{where}.{key}")]
    if is_array(expected) and is_array(found):
        if len(expected) != len(found):
            return [f"{where}: {len(expected)} items, not {len(found)}"]
        return [d for i, each in enumerate(expected) for d in differences(each, found[i], f"{where}[{i}]")]
    # In Python 1 equals True, and a decimal string could equal a number; not in JSON.
    alike = all(isinstance(expected, kind) == isinstance(found, kind) for kind in (bool, str))
    if alike and _meaning(expected) == _meaning(found):
        return []
    return [f"{where}: {expected!r} became {found!r}"]


def _meaning(value: object) -> object:
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ][\d:.]+([Zz]|[+-]\d\d:\d\d)?", value):
        time = dt.datetime.fromisoformat(value)
        return time.replace(tzinfo=time.tzinfo or dt.UTC)
    if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        return UUID(value)
    return Decimal(value) if re.fullmatch(r"-?\d+\.\d+", value) else value


@cache
def document() -> Document:
    """Return the document of this repository, read once."""
    return Document()
