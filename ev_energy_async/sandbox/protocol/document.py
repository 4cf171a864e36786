"""The API's description as the sandbox reads it: operations by name, and the schemas they refer to.

`document.json` is beside this module, and is read on first use.
"""

import json
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import attrs

Schema = dict[str, Any]
"""A JSON Schema; references look like `#/schemas/Name`."""

_SCHEMAS: Final = "#/schemas/"


@attrs.frozen(eq=False)
class Parameter:
    """One parameter of an operation."""

    place: Literal["path", "query", "header"]
    name: str
    required: bool
    schema: Schema


@attrs.frozen(eq=False)
class Operation:
    """One operation of the API."""

    name: str
    """As on the client: `vehicles.list_status_logs`."""
    method: str
    path: str
    """The template below the base URL: `/vehicles/{vehicle_id}`."""
    public: bool
    scopes: tuple[str, ...]
    user: Literal["required", "optional", "none"]
    parameters: tuple[Parameter, ...]
    body: Schema | None
    body_required: bool
    responds_with_json: bool
    """Whether a successful response has a body, so that there is something to negotiate."""
    responses: dict[int, Schema | None]
    """The schema of each response by status; None is no body."""

    def placed(self, place: Literal["path", "query", "header"]) -> dict[str, Parameter]:
        """Return the parameters of one place by name."""
        return {parameter.name: parameter for parameter in self.parameters if parameter.place == place}


@attrs.frozen(eq=False)
class Document:
    """The complete description."""

    version: str
    operations: dict[str, Operation]
    schemas: dict[str, Schema]
    scopes: frozenset[str]
    """Every scope that some operation needs."""

    def resolve(self, schema: Schema) -> Schema:
        """Return the schema itself, or the one that it refers to."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].removeprefix(_SCHEMAS)]
        return schema


@cache
def load() -> Document:
    """Read the description, once per process."""
    raw: dict[str, Any] = json.loads(resources.files("ev_energy_async.sandbox").joinpath("document.json").read_bytes())
    operations = {name: _operation(name, facts) for name, facts in raw["operations"].items()}
    return Document(
        version=str(raw["version"]),
        operations=operations,
        schemas=raw["schemas"],
        scopes=frozenset(scope for operation in operations.values() for scope in operation.scopes),
    )


def _operation(name: str, facts: dict[str, Any]) -> Operation:
    body = facts.get("body")
    return Operation(
        name=name,
        method=facts["method"].upper(),
        path=facts["path"],
        public=facts["public"],
        scopes=tuple(facts["scopes"]),
        user=facts["user"],
        parameters=tuple(
            Parameter(place=raw["in"], name=raw["name"], required=raw["required"], schema=raw["schema"])
            for raw in facts["parameters"]
        ),
        body=body["schema"] if body else None,
        body_required=bool(body and body["required"]),
        responds_with_json=any(
            response["schema"] is not None for status, response in facts["responses"].items() if status.startswith("2")
        ),
        responses={int(status): response["schema"] for status, response in facts["responses"].items()},
    )
