"""A small document, and ways to change it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from generator.diff import compare, read_side
from generator.normal import FILE

if TYPE_CHECKING:
    from pathlib import Path

    from generator.diff.change import Change, Report
    from generator.diff.side import Side

Json: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[Json], None]


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def response(schema: Json, *headers: str) -> Json:
    return {
        "description": "Fine.",
        "headers": {name: {"schema": {"type": "string"}} for name in headers},
        "content": {"application/json": {"schema": schema}},
    }


def query(name: str, schema: Json, **more: Any) -> Json:
    return {"in": "query", "name": name, "schema": schema, **more}


VEHICLE_ID: Json = {"in": "path", "name": "vehicle_id", "required": True, "schema": {"type": "string"}}
USER: Json = {"in": "header", "name": "EvEnergy-User", "schema": {"type": "string"}}
BASE: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Vehicles", "version": "2"},
    "servers": [{"url": "https://api.ev.energy/v2"}],
    "security": [{"oauth2": ["vehicle:read"]}],
    "paths": {
        "/vehicles": {
            "get": {
                "tags": ["Vehicles"],
                "operationId": "list-vehicles",
                "parameters": [
                    query("callback", {"type": "string", "format": "uri"}),
                    query("colour", {"type": "string", "enum": ["blue", "red"]}),
                    query("page_size", {"type": "integer", "minimum": 1, "maximum": 100}),
                    query("since", {"type": "string", "format": "date-time"}),
                ],
                "responses": {"200": response({"type": "array", "items": ref("Vehicle")}, "Link")},
            },
            "post": {
                "tags": ["Vehicles"],
                "operationId": "create-vehicle",
                "requestBody": {"required": True, "content": {"application/json": {"schema": ref("NewVehicle")}}},
                "responses": {"201": response(ref("Vehicle"))},
            },
        },
        "/vehicles/{vehicle_id}": {
            "parameters": [VEHICLE_ID],
            "get": {
                "tags": ["Vehicles"],
                "operationId": "get-vehicle",
                "responses": {"200": response(ref("Vehicle"))},
            },
            "delete": {
                "tags": ["Vehicles"],
                "operationId": "delete-vehicle",
                "responses": {"204": {"description": "Gone."}},
            },
        },
        "/vehicles/{vehicle_id}/reconnect": {
            "parameters": [VEHICLE_ID],
            "post": {
                "tags": ["Vehicles"],
                "operationId": "reconnect-vehicle",
                "responses": {"200": response(ref("Home"))},
            },
        },
        "/home": {
            "get": {
                "tags": ["Home"],
                "operationId": "get-home",
                "responses": {
                    "200": response(ref("Home")),
                    "404": response({"type": "object", "properties": {"title": {"type": "string"}}}),
                },
            },
        },
    },
    "components": {
        "securitySchemes": {
            "oauth2": {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": "https://api.ev.energy/o/token/",
                        "scopes": {"vehicle:read": "Read.", "vehicle:write": "Write."},
                    }
                },
            }
        },
        "schemas": {
            "Vehicle": {
                "type": "object",
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "string"},
                    "name": {"type": "string", "maxLength": 40},
                    "odometer_metres": {"type": "integer"},
                    "state": {"type": "string", "enum": ["ACTIVE", "INACTIVE"]},
                    "home": {"type": "string", "format": "uri"},
                },
            },
            "NewVehicle": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 40},
                    "mode": {"type": "string", "enum": ["BOOST", "SMART"]},
                    "limit": {"type": "integer"},
                },
            },
            "Home": {
                "type": "object",
                "properties": {"rooms": {"type": "array", "items": {"type": "string"}}, "codes": ref("Codes")},
            },
            "Codes": {"type": "object", "additionalProperties": {"type": "string"}},
            "Kind": {"type": "string", "enum": ["HOUSE", "FLAT"]},
        },
    },
    "webhooks": {
        "vehicle.created": {
            "post": {
                "tags": ["Vehicles"],
                "operationId": "vehicle-created",
                "requestBody": {"content": {"application/json": {"schema": ref("Vehicle")}}},
                "responses": {"204": {"description": "Taken."}},
            }
        }
    },
}


def changed(edit: Edit) -> Json:
    """Return the document after an edit."""
    document = copy.deepcopy(BASE)
    edit(document)
    return document


def side(document: Json, name: str = "new.yaml", corrections: Path = FILE) -> Side:
    return read_side(json.dumps(document).encode(), name, corrections)


@cache
def base() -> Side:
    return side(BASE, "old.yaml")


def forward(edit: Edit) -> Report:
    """Return what an edit of the document changes."""
    return compare(base(), side(changed(edit)))


def told(changes: tuple[Change, ...]) -> set[tuple[str, str]]:
    """Return kind and Python name of changes."""
    return {(change.kind, change.python) for change in changes}


def operation(document: Json, key: str) -> Json:
    """Return an operation by method and path."""
    method, path = key.split()
    found: Json = document["paths"][path][method.lower()]
    return found


def properties(document: Json, schema: str) -> Json:
    """Return the properties of a schema."""
    found: Json = document["components"]["schemas"][schema]["properties"]
    return found


def required(document: Json, schema: str) -> list[str]:
    """Return the required properties of a schema."""
    found: list[str] = document["components"]["schemas"][schema].setdefault("required", [])
    return found
