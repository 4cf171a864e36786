"""Edits of the small document, and the changes that each makes."""

from __future__ import annotations

from typing import Any

import attrs

from tests.generator.diff.documents import (
    VEHICLE_ID,
    Edit,
    Json,
    operation,
    properties,
    query,
    ref,
    required,
    response,
)

LIST, GET, POST, DELETE = (
    "GET /vehicles",
    "GET /vehicles/{vehicle_id}",
    "POST /vehicles",
    "DELETE /vehicles/{vehicle_id}",
)
HOME, RECONNECT = "GET /home", "POST /vehicles/{vehicle_id}/reconnect"


@attrs.frozen
class Case:
    """An edit, what it comes to, and what taking it back comes to: kinds, each with the Python name."""

    edit: Edit
    there: dict[str, str]
    back: dict[str, str]


def put(schema: str, prop: str, node: Json) -> Edit:
    return lambda d: properties(d, schema).update({prop: node})


def parameter(name: str, **update: Any) -> Edit:
    """Change a query parameter of the list of vehicles."""

    def edit(document: Json) -> None:
        next(p for p in operation(document, LIST)["parameters"] if p["name"] == name).update(update)

    return edit


def add_parameter(**more: Any) -> Edit:
    return lambda d: operation(d, LIST)["parameters"].append(query("make", {"type": "string"}, **more))


def on(key: str, **update: Any) -> Edit:
    """Change an operation."""
    return lambda d: operation(d, key).update(update)


def respond(key: str, **responses: Json) -> Edit:
    """Change the responses of an operation; a status is given as `s404`."""
    return lambda d: operation(d, key)["responses"].update({s[1:]: a for s, a in responses.items()})


def body(key: str, schema: Json) -> Edit:
    return on(key, requestBody={"required": True, "content": {"application/json": {"schema": schema}}})


def require(schema: str, prop: str) -> Edit:
    return lambda d: required(d, schema).append(prop)


def move(old: str, new: str) -> Edit:
    """Give a path another name."""

    def edit(document: Json) -> None:
        document["paths"][new] = document["paths"].pop(old)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(document: Json) -> None:
        for each in edits:
            each(document)

    return edit


def rename_schema(document: Json) -> None:
    schemas = document["components"]["schemas"]
    schemas["House"] = schemas.pop("Home")
    for key in (HOME, RECONNECT):
        operation(document, key)["responses"]["200"] = response(ref("House"))


def rename_path_parameter(document: Json) -> None:
    item = document["paths"].pop("/vehicles/{vehicle_id}")
    document["paths"]["/vehicles/{id}"] = {**item, "parameters": [{**VEHICLE_ID, "name": "id"}]}


def nest(document: Json) -> None:
    """Move `reconnect` below a vehicle's connector, under the same name."""
    item = document["paths"].pop("/vehicles/{vehicle_id}/reconnect")
    connector = {**VEHICLE_ID, "name": "connector_id"}
    document["paths"]["/vehicles/{vehicle_id}/{connector_id}/reconnect"] = {
        **item,
        "parameters": [VEHICLE_ID, connector],
    }


def list_home(document: Json) -> None:
    """Page the home: its rooms are the items. The name follows the rule for lists."""
    operation(document, HOME)["responses"]["200"] = response(ref("Home"), "Link")


def version(document: Json) -> None:
    document["info"]["version"] = "3"


STRING: Json = {"type": "string"}
VEHICLES = "ev.vehicles"


def break_much(document: Json) -> None:
    """Change a bit of everything."""
    vehicle = properties(document, "Vehicle")
    vehicle["vin"] = {"type": ["string", "null"]}
    vehicle["state"]["enum"] += ["LOST", "SOLD"]
    del vehicle["home"]
    operation(document, "GET /vehicles")["parameters"].append(query("make", {"type": "string"}, required=True))
    operation(document, "GET /home")["security"] = [{"oauth2": ["vehicle:write"]}]
    operation(document, "GET /home")["operationId"] = "read-home"
