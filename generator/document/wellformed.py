"""Check that a document is built the way OpenAPI says, as far as the generator relies on it.

Whatever a document holds in the wrong place ends here, with the JSON pointer of the place; what comes after may take
structure for granted. Not a validation: that belongs to `make check`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from generator.nodes import escaped, is_array, is_object
from generator.problems import BadDocument

METHODS: Final = ("get", "put", "post", "patch", "delete", "head", "options", "trace")
SCHEMAS: Final = "#/components/schemas/"
UNIONS: Final = ("allOf", "anyOf", "oneOf")
_TYPES: Final = ("string", "integer", "number", "boolean", "array", "object", "null")
_NUMBERS: Final = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_PROSE: Final = ("description", "summary", "operationId")
_PLACES: Final = ("path", "query", "header", "cookie")

Check: TypeAlias = Callable[[Any, str], None]


def lookup(document: dict[str, Any], reference: str, at: str = "") -> Any:
    """Return what a local reference points to (RFC 6901, section 6).

    Raises:
        BadDocument: It points nowhere, or out of the document.
    """
    place = f"{at}: " if at else ""
    if not reference.startswith("#/"):
        raise BadDocument(f"{place}$ref {reference!r}: only references within the document are supported")
    node: Any = document
    for key in parts(reference):
        if is_array(node) and key.isascii() and key.isdigit() and len(key) < 8 and int(key) < len(node):  # noqa: PLR2004  # no index is longer
            node = node[int(key)]
        elif is_object(node) and key in node:
            node = node[key]
        else:
            raise BadDocument(f"{place}$ref {reference!r}: points to nothing")
    return node


def parts(reference: str) -> list[str]:
    """Return the keys that a local reference goes through."""
    return [unquote(p).replace("~1", "/").replace("~0", "~") for p in reference[2:].split("/")]


def check(document: dict[str, Any]) -> None:
    """Check a document, from its root down.

    Raises:
        BadDocument: Something is not what OpenAPI has in this place, or a reference is dangling.
    """
    _Checker(document).document()


class _Checker:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        # Places that references point into, below what is no component: checked once.
        self._seen: set[tuple[str, str]] = set()

    def document(self) -> None:
        document = self._document
        info = _object(document.get("info"), "/info")
        if not isinstance(info.get("version"), str | int | float) or isinstance(info.get("version"), bool):
            raise BadDocument("/info/version: missing, or no text")
        for i, tag in enumerate(_array(document.get("tags"), "/tags")):
            _strings(_object(tag, f"/tags/{i}"), f"/tags/{i}", "name", "description")
        self._security(document.get("security"), "/security")
        components = _object(document.get("components", {}), "/components")
        kinds: dict[str, Check] = {
            "schemas": self.schema,
            "parameters": self._parameter,
            "headers": self._header,
            "requestBodies": self._body,
            "responses": self._response,
            "pathItems": self._path_item,
            "securitySchemes": self._scheme,
        }
        for kind, function in kinds.items():
            self._each(components.get(kind), f"/components/{kind}", function)
        for path, item in _object(document.get("paths"), "/paths").items():
            if not path.startswith("x-"):
                if not path.startswith("/"):
                    raise BadDocument(f"/paths/{escaped(path)}: a path starts with a slash")
                self._path_item(item, f"/paths/{escaped(path)}")
        self._each(document.get("webhooks"), "/webhooks", self._path_item)

    def _each(self, node: Any, at: str, function: Check) -> None:
        for name, each in _object({} if node is None else node, at).items():
            if not name.startswith("x-"):
                function(each, f"{at}/{escaped(name)}")

    def _referring(self, node: Any, at: str, function: Check) -> bool:
        """Check what a node refers to in place of the node, if it is a reference."""
        reference = _object(node, at).get("$ref")
        if reference is None:
            return False
        if not isinstance(reference, str):
            raise BadDocument(f"{at}/$ref: expected text, found {_what(reference)}")
        target = lookup(self._document, reference, at)
        if (reference, function.__name__) not in self._seen:
            self._seen.add((reference, function.__name__))
            function(target, reference[1:])
        return True

    def _path_item(self, node: Any, at: str) -> None:
        self._referring(node, at, self._path_item)
        self._parameters(node.get("parameters"), f"{at}/parameters")
        for method in METHODS:
            if method in node:
                self._operation(node[method], f"{at}/{method}")

    def _operation(self, node: Any, at: str) -> None:
        _strings(_object(node, at), at, "operationId", "summary", "description")
        _booleans(node, at, "deprecated")
        for i, tag in enumerate(_array(node.get("tags"), f"{at}/tags")):
            if not isinstance(tag, str):
                raise BadDocument(f"{at}/tags/{i}: expected text, found {_what(tag)}")
        self._parameters(node.get("parameters"), f"{at}/parameters")
        if "requestBody" in node:
            self._body(node["requestBody"], f"{at}/requestBody")
        responses = _object(node.get("responses", {}), f"{at}/responses")
        for status in responses:
            if not re.fullmatch(r"[1-5](\d\d|XX)|default|x-.*", status):
                raise BadDocument(f"{at}/responses/{escaped(status)}: no status")
        self._each(responses, f"{at}/responses", self._response)
        self._security(node.get("security"), f"{at}/security")

    def _parameters(self, node: Any, at: str) -> None:
        for i, each in enumerate(_array(node, at)):
            self._parameter(each, f"{at}/{i}")

    def _parameter(self, node: Any, at: str) -> None:
        if self._referring(node, at, self._parameter):
            return
        if not isinstance(node.get("name"), str) or not node["name"]:
            raise BadDocument(f"{at}/name: missing, or no text")
        if node.get("in") not in _PLACES:
            raise BadDocument(f"{at}/in: expected one of {', '.join(_PLACES)}, found {_what(node.get('in'))}")
        self._header(node, at)

    def _header(self, node: Any, at: str) -> None:
        if self._referring(node, at, self._header):
            return
        _strings(node, at, "description", "style")
        _booleans(node, at, "required", "explode", "deprecated")
        if "schema" in node:
            self.schema(node["schema"], f"{at}/schema")
        self._content(node, at)

    def _content(self, node: dict[str, Any], at: str) -> None:
        def media(each: Any, place: str) -> None:
            if "schema" in _object(each, place):
                self.schema(each["schema"], f"{place}/schema")

        self._each(node.get("content"), f"{at}/content", media)

    def _body(self, node: Any, at: str) -> None:
        if not self._referring(node, at, self._body):
            _strings(node, at, "description")
            _booleans(node, at, "required")
            self._content(node, at)

    def _response(self, node: Any, at: str) -> None:
        if not self._referring(node, at, self._response):
            _strings(node, at, "description")
            self._each(node.get("headers"), f"{at}/headers", self._header)
            self._content(node, at)

    def _security(self, node: Any, at: str) -> None:
        for i, requirement in enumerate(_array(node, at)):
            for scheme, scopes in _object(requirement, f"{at}/{i}").items():
                place = f"{at}/{i}/{escaped(scheme)}"
                for scope in _array([] if scopes is None else scopes, place):
                    if not isinstance(scope, str):
                        raise BadDocument(f"{place}: expected names of scopes, found {_what(scope)}")

    @staticmethod
    def _scheme(node: Any, at: str) -> None:
        for name, flow in _object(_object(node, at).get("flows", {}), f"{at}/flows").items():
            if not name.startswith("x-"):
                _object(_object(flow, f"{at}/flows/{name}").get("scopes", {}), f"{at}/flows/{name}/scopes")

    def schema(self, node: Any, at: str) -> None:
        """Check a schema and all inside of it."""
        if isinstance(node, bool):
            return
        if isinstance(_object(node, at, "a schema").get("$ref"), str):
            self._referring(node, at, self.schema)
        elif "$ref" in node:
            raise BadDocument(f"{at}/$ref: expected text, found {_what(node['$ref'])}")
        _strings(node, at, "description", "format", "pattern")
        _booleans(node, at, "nullable", "readOnly", "writeOnly", "deprecated")
        types = node.get("type", [])
        for each in types if is_array(types) else [types]:
            if each not in _TYPES:
                raise BadDocument(f"{at}/type: expected one of {', '.join(_TYPES)}, found {_what(each)}")
        for key in _NUMBERS:
            if key in node and (not isinstance(node[key], int | float) or isinstance(node[key], bool)):
                raise BadDocument(f"{at}/{key}: expected a number, found {_what(node[key])}")
        for key in ("enum", *UNIONS):
            if key in node and not _array(node[key], f"{at}/{key}"):
                raise BadDocument(f"{at}/{key}: a list without anything in it")
        if "required" in node and node["required"] is None:
            raise BadDocument(f"{at}/required: expected a list, found nothing")
        for i, name in enumerate(_array(node.get("required"), f"{at}/required")):
            if not isinstance(name, str):
                raise BadDocument(f"{at}/required/{i}: expected the name of a property, found {_what(name)}")
        for key in ("properties", "patternProperties", "dependentSchemas"):
            for name, each in _object(node.get(key, {}), f"{at}/{key}").items():
                self.schema(each, f"{at}/{key}/{escaped(name)}")
        for key in ("items", "additionalProperties"):
            if key in node:
                self.schema(node[key], f"{at}/{key}")
        if "discriminator" in node:
            place = f"{at}/discriminator"
            if not isinstance(_object(node["discriminator"], place).get("propertyName"), str):
                raise BadDocument(f"{place}/propertyName: missing, or no text")
            mapping = _object(node["discriminator"].get("mapping", {}), f"{place}/mapping")
            _strings(mapping, f"{place}/mapping", *mapping)
        for key in UNIONS:
            for i, each in enumerate(_array(node.get(key), f"{at}/{key}")):
                self.schema(each, f"{at}/{key}/{i}")


def _what(node: Any) -> str:
    if node is None:
        return "nothing"
    text = repr(node)
    return text if len(text) <= 60 else "an object" if is_object(node) else "a list" if is_array(node) else text[:60]  # noqa: PLR2004  # a line


def _object(node: Any, at: str, what: str = "an object") -> dict[str, Any]:
    if not is_object(node):
        raise BadDocument(f"{at}: expected {what}, found {_what(node)}")
    return node


def _array(node: Any, at: str) -> list[Any]:
    if node is None:
        return []
    if not is_array(node):
        raise BadDocument(f"{at}: expected a list, found {_what(node)}")
    return node


def _strings(node: dict[str, Any], at: str, *keys: str) -> None:
    for key in keys:
        # YAML's `description:` with nothing behind it is no text and does no harm.
        if key in _PROSE and node.get(key) is None:
            continue
        if not isinstance(node.get(key, ""), str):
            raise BadDocument(f"{at}/{key}: expected text, found {_what(node[key])}")


def _booleans(node: dict[str, Any], at: str, *keys: str) -> None:
    for key in keys:
        if not isinstance(node.get(key, False), bool):
            raise BadDocument(f"{at}/{key}: expected true or false, found {_what(node[key])}")
