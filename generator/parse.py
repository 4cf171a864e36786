"""Parse the normal form with openapi-python-client, and make sure that nothing was dropped on the way.

The library reports trouble as warnings and leaves out what it could not parse; here every warning is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_python_client.parser.errors import GeneratorError
from openapi_python_client.parser.openapi import Endpoint, GeneratorData
from openapi_python_client.parser.properties import EnumProperty, LiteralEnumProperty, ModelProperty
from openapi_python_client.schema.untrusted_string import UntrustedString

from generator.nodes import is_object
from generator.normal import BESIDE, Node, Normalised
from generator.problems import NotCarriedOver


@attrs.frozen
class Parsed:
    """The normal form as the library parsed it.

    Attributes:
        models: Classes and maps by the name of their schema.
        enums: Enums by the name of their schema.
        endpoints: Endpoints by the name of their function.
    """

    models: dict[str, ModelProperty]
    enums: dict[str, EnumProperty | LiteralEnumProperty]
    endpoints: dict[str, Endpoint]


def plain(text: object) -> str:
    """Return a string of the library's as what it is; its own type refuses to be printed."""
    return text.get_untrusted_value() if isinstance(text, UntrustedString) else str(text)


def parse(normalised: Normalised) -> Parsed:
    """Parse the normal form of a document.

    Raises:
        NotCarriedOver: The library could not parse a part of it, or dropped one.
    """
    config = Config.from_sources(
        # Its own rule for class names folds acronyms; a model carries the name of its schema.
        ConfigFile.model_validate({"class_overrides": {n: {"class_name": n} for n in normalised.schemas}}),
        MetaType.NONE,
        document_source=Path(normalised.source.source),
        file_encoding="utf-8",
        overwrite=True,
        output_path=None,
    )
    data = GeneratorData.from_dict(for_parser(normalised), config=config)
    if isinstance(data, GeneratorError):
        raise NotCarriedOver(f"{data.header}: {data.detail}")
    errors = [f"{plain(e.header)}: {plain(e.detail)}" for e in data.errors]
    errors += [
        f"{plain(e.header)}: {plain(e.detail)}"
        for collection in data.endpoint_collections_by_tag.values()
        for e in collection.parse_errors
    ]
    if errors:
        raise NotCarriedOver("\n".join(["openapi-python-client could not parse:", *errors]))
    parsed = Parsed(
        models={str(m.class_info.name): m for m in data.models},
        enums={str(e.class_info.name): e for e in data.enums},
        endpoints={str(e.name): e for c in data.endpoint_collections_by_tag.values() for e in c.endpoints},
    )
    _check_complete(normalised, parsed)
    return parsed


def _check_complete(normalised: Normalised, parsed: Parsed) -> None:
    lost = [name for name in normalised.schemas if name not in parsed.models and name not in parsed.enums]
    lost += [o.key for o in normalised.operations if o.function not in parsed.endpoints]
    for operation in normalised.operations:
        endpoint = parsed.endpoints.get(operation.function)
        if endpoint is None:
            continue
        kept = {plain(p.name) for _, p in endpoint.iter_all_parameters()}
        lost += [f"{operation.key} ? {p['name']}" for p in operation.parameters if p["name"] not in kept]
        if operation.body is not None and not endpoint.bodies:
            lost.append(f"{operation.key}: its body")
    for name, node in normalised.schemas.items():
        model = parsed.models.get(name)
        properties = set(node.get("properties", ()))
        if model is not None:
            kept = {plain(p.name) for p in [*(model.required_properties or []), *(model.optional_properties or [])]}
            lost += [f"{name}.{p}" for p in sorted(properties - kept)]
    if lost:
        raise NotCarriedOver("\n".join(["openapi-python-client dropped:", *lost]))


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
                for status, a in sorted(operation.responses.items())
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
    made: Node = {k: v for k, v in node.items() if k not in BESIDE}
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
