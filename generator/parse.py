"""Parse the normal form with openapi-python-client, and make sure that nothing was dropped on the way.

The library reports trouble as warnings and leaves out what it could not parse; here every warning is an error.
`agreement` then compares the types it read with ours.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import attrs
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser import openapi
from openapi_python_client.parser.errors import GeneratorError, ParseError
from openapi_python_client.parser.openapi import GeneratorData
from openapi_python_client.parser.properties import Property
from openapi_python_client.schema.untrusted_string import UntrustedString

from generator.document import has_schema
from generator.nodes import is_object
from generator.normal import BESIDE, REF, Node, Normalised, Operation
from generator.problems import NotCarriedOver

T = TypeVar("T")


@attrs.frozen
class Parsed:
    """The normal form as the library parsed it.

    Attributes:
        models: Properties by key, by the name of their schema.
        classes: Names of schemas, by what the library calls them.
        parameters: Parameters by place and name, by the name of their function.
        bodies: Names of the functions that send a body.
    """

    models: dict[str, dict[str, Property]]
    classes: dict[str, str]
    parameters: dict[str, dict[tuple[str, str], Property]]
    bodies: frozenset[str]


def parse(normalised: Normalised) -> Parsed:
    """Parse the normal form of a document.

    Raises:
        NotCarriedOver: The library could not parse a part of it, or dropped one.
    """
    config = Config.from_sources(
        # Values of its own enums have to differ in more than case; those of a literal need not.
        ConfigFile.model_validate({"literal_enums": True}),
        MetaType.NONE,
        document_source=Path(normalised.source.source),
        file_encoding="utf-8",
        overwrite=True,
        output_path=None,
    )
    rendered = _Rendered(normalised)
    # The library copies each endpoint several times, with all models that it refers to, and changes none of
    # them: a third of the time of a generation.
    with patch.object(openapi, "deepcopy", copy.copy):
        data = GeneratorData.from_dict(rendered.document(), config=config)
    if isinstance(data, GeneratorError):
        raise NotCarriedOver(rendered.readable(data))
    errors = [*data.errors, *(e for c in data.endpoint_collections_by_tag.values() for e in c.parse_errors)]
    if errors:
        told = map(rendered.readable, errors)
        raise NotCarriedOver("\n".join(["openapi-python-client could not parse:", *told]))
    parsed = rendered.parsed(data)
    _check_complete(normalised, parsed)
    return parsed


def _check_complete(normalised: Normalised, parsed: Parsed) -> None:
    lost = [name for name in normalised.schemas if name not in parsed.classes.values()]
    for name, properties in parsed.models.items():
        lost += [f"{name}.{key}" for key in normalised.schemas[name].get("properties", {}) if key not in properties]
    for operation in normalised.operations:
        found = parsed.parameters.get(operation.function)
        if found is None:
            lost.append(operation.key)
            continue
        lost += [f"{operation.key} ? {p['name']}" for p in operation.parameters if (p["in"], p["name"]) not in found]
        is_read = operation.body is not None and has_schema(operation.body_media)
        if is_read and operation.function not in parsed.bodies:
            lost.append(f"{operation.key}: its body")
    if lost:
        raise NotCarriedOver("\n".join(["openapi-python-client dropped:", *lost]))


class _Rendered:
    """The normal form as an OpenAPI document that the library parses without a loss.

    Schemas, keys and parameters have numbers for names in it: the library makes Python names by rules of its own, and
    what clashes there does not concern ours.
    """

    def __init__(self, normalised: Normalised) -> None:
        self._normalised = normalised
        self._paths = {path: f"/{n}" for n, path in enumerate(sorted({o.path for o in normalised.operations}))}
        self._names = dict(_numbered(sorted(normalised.schemas), "S"))
        self._numbers = {name: number for number, name in self._names.items()}
        self._maps = itertools.count()

    def document(self) -> dict[str, Any]:
        """Return the document."""
        paths: dict[str, Any] = {}
        for operation in self._normalised.operations:
            rendered: dict[str, Any] = {
                "operationId": operation.function,
                "tags": [operation.name.partition(".")[0]],
                "parameters": [
                    {"in": p["in"], "name": name, "required": p["required"], "schema": self._parameter(p)}
                    for name, p in _numbered(operation.parameters)
                ],
                "responses": {
                    status: {"description": "-", **self._content(response.schema, response.media)}
                    for status, response in sorted(operation.responses.items())
                    if status.startswith("2")
                }
                or {"default": {"description": "-"}},
            }
            if operation.body is not None and has_schema(operation.body_media):
                rendered["requestBody"] = {"required": True, **self._content(operation.body, operation.body_media)}
            paths.setdefault(self._path(operation), {})[operation.method] = rendered
        return {
            "openapi": "3.1.0",
            "info": {"title": "-", "version": self._normalised.source.version},
            "paths": paths,
            "components": {"schemas": {n: self._component(name) for n, name in self._names.items()}},
        }

    def parsed(self, data: GeneratorData) -> Parsed:
        """Return what the library parsed, under the names of the normal form."""
        endpoints = {str(e.name): e for c in data.endpoint_collections_by_tag.values() for e in c.endpoints}
        classes = {str(c.class_info.name) for c in (*data.models, *data.enums)}
        models: dict[str, dict[str, Property]] = {}
        for model in data.models:
            name = self._names.get(str(model.class_info.name))
            if name is not None:
                every = [*(model.required_properties or []), *(model.optional_properties or [])]
                found = {plain(p.name): p for p in every}
                keys = _numbered(sorted(self._normalised.schemas[name].get("properties", {})))
                models[name] = {key: found[n] for n, key in keys if n in found}
        parameters: dict[str, dict[tuple[str, str], Property]] = {}
        for operation in self._normalised.operations:
            if operation.function in endpoints:
                endpoint = endpoints[operation.function]
                by_number = {plain(p.name): p for _, p in endpoint.iter_all_parameters()}
                parameters[operation.function] = {
                    (p["in"], p["name"]): by_number[n] for n, p in _numbered(operation.parameters) if n in by_number
                }
        return Parsed(
            models=models,
            classes={number: name for number, name in self._names.items() if number in classes},
            parameters=parameters,
            bodies=frozenset(name for name, endpoint in endpoints.items() if endpoint.bodies),
        )

    def readable(self, error: ParseError | GeneratorError) -> str:
        """Return a message of the library's that names places of the document."""
        text = f"{plain(error.header)}: {plain(error.detail)}"
        for operation in self._normalised.operations:
            text = text.replace(f"{operation.method.upper()} {self._path(operation)} ", f"{operation.key} ")
        text = re.sub(r"(?<=/schemas/)S\d+", lambda m: self._names.get(m[0], m[0]), text)
        # Its strings cannot be printed: their text is a placeholder.
        return re.sub(r"<[\w.]*UntrustedString object at 0x[0-9a-f]+>", "...", text)

    def _parameter(self, parameter: Node) -> Node:
        # The library takes no lists and no times in headers; of text it makes no mistake.
        return {"type": "string"} if parameter["in"] == "header" else self._plain(parameter["schema"])

    def _component(self, name: str) -> Node:
        return {k: v for k, v in self._plain(self._normalised.schemas[name]).items() if k != "title"}

    def _path(self, operation: Operation) -> str:
        numbers = "".join(f"/{{{n}}}" for n, p in _numbered(operation.parameters) if p["in"] == "path")
        return self._paths[operation.path] + numbers

    def _content(self, schema: Node | None, media: str) -> dict[str, Any]:
        if schema is None or not has_schema(media):
            return {}
        return {"content": {"application/json": {"schema": self._plain(schema)}}}

    def _plain(self, node: Node) -> Node:
        made: Node = {k: v for k, v in node.items() if k not in BESIDE}
        if "$ref" in made:
            made["$ref"] = REF + self._numbers[made["$ref"].removeprefix(REF)]
        if "properties" in made:
            keys = _numbered(sorted(made["properties"]))
            required = made.get("required", ())
            made["properties"] = {n: self._plain(node["properties"][key]) for n, key in keys}
            made["required"] = [n for n, key in keys if key in required]
            # `types` reads the further keys; here they would be a class of their own.
            made["additionalProperties"] = False
        elif "additionalProperties" in made:
            # Maps that are alike in name would be one class to it, or an error.
            made["title"] = f"Map{next(self._maps)}"
        for key in ("items", "additionalProperties"):
            if is_object(made.get(key)):
                made[key] = self._plain(made[key])
        if "anyOf" in made:
            made["anyOf"] = [self._plain(each) for each in made["anyOf"]]
        if node.get("x-nullable") and made.get("type") != "null":
            members: list[Node] = made.get("anyOf", [made])
            made = {"anyOf": [*members, {"type": "null"}]}
        return made


def _numbered(each: Sequence[T], letter: str = "p") -> list[tuple[str, T]]:
    return [(f"{letter}{number}", one) for number, one in enumerate(each)]


def plain(text: object) -> str:
    """Return a string of the library's as what it is; its own type refuses to be printed."""
    return text.get_untrusted_value() if isinstance(text, UntrustedString) else str(text)
