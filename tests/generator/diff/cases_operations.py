"""Changes of operations and their parameters."""

from __future__ import annotations

from tests.generator.diff.documents import USER, VEHICLE_ID, ref, response
from tests.generator.diff.edits import (
    DELETE,
    GET,
    POST,
    RECONNECT,
    STRING,
    VEHICLES,
    Case,
    add_parameter,
    body,
    list_home,
    move,
    nest,
    on,
    parameter,
    rename_path_parameter,
    respond,
)

OPERATIONS: dict[str, Case] = {
    "an operation": Case(
        lambda d: d["paths"].update(
            {
                "/vehicles/{vehicle_id}/notes": {
                    "parameters": [VEHICLE_ID],
                    "get": {"operationId": "x", "responses": {"200": response({"type": "array", "items": STRING})}},
                }
            }
        ),
        {"operation-added": f"{VEHICLES}.list_notes"},
        {"operation-removed": f"{VEHICLES}.list_notes"},
    ),
    "an operation under another name": Case(
        move("/vehicles/{vehicle_id}/reconnect", "/vehicles/{vehicle_id}/renew"),
        {"operation-renamed": f"{VEHICLES}.reconnect", "operation-moved": f"{VEHICLES}.renew"},
        {"operation-renamed": f"{VEHICLES}.renew", "operation-moved": f"{VEHICLES}.reconnect"},
    ),
    "an operation with a path more": Case(
        nest,
        {"operation-moved": f"{VEHICLES}.reconnect", "path-parameters-changed": f"{VEHICLES}.reconnect"},
        {"operation-moved": f"{VEHICLES}.reconnect", "path-parameters-changed": f"{VEHICLES}.reconnect"},
    ),
    "deprecation of an operation": Case(
        on(GET, deprecated=True),
        {"operation-deprecated": f"{VEHICLES}.get"},
        {"operation-undeprecated": f"{VEHICLES}.get"},
    ),
    "a scope": Case(
        on(GET, security=[{"oauth2": ["vehicle:read", "vehicle:write"]}]),
        {"scope-added": f"{VEHICLES}.get"},
        {"scope-removed": f"{VEHICLES}.get"},
    ),
    "an operation without a token": Case(
        on(GET, security=[]),
        {"token-not-required": f"{VEHICLES}.get", "scope-removed": f"{VEHICLES}.get"},
        {"token-required": f"{VEHICLES}.get", "scope-added": f"{VEHICLES}.get"},
    ),
    "a user": Case(
        on(GET, parameters=[USER]), {"user-accepted": f"{VEHICLES}.get"}, {"user-ignored": f"{VEHICLES}.get"}
    ),
    "pages": Case(
        list_home,
        {"operation-renamed": "ev.home.get", "paging-added": "ev.home.list", "headers-changed": "ev.home.list"},
        {"operation-renamed": "ev.home.list", "paging-removed": "ev.home.get", "headers-changed": "ev.home.get"},
    ),
    "a response": Case(
        respond(DELETE, s204=response(ref("Vehicle"))),
        {"response-added": f"{VEHICLES}.delete"},
        {"response-removed": f"{VEHICLES}.delete"},
    ),
    "another kind of success": Case(
        respond(GET, s202=response(ref("Home"))),
        {"returns-widened": f"{VEHICLES}.get", "status-added": f"{VEHICLES}.get"},
        {"returns-narrowed": f"{VEHICLES}.get", "status-removed": f"{VEHICLES}.get"},
    ),
    "another media type of a response": Case(
        lambda d: d["paths"]["/home"]["get"]["responses"].update(
            {"200": {"description": "", "content": {"application/hal+json": {"schema": ref("Home")}}}}
        ),
        {"response-media-changed": "ev.home.get"},
        {"response-media-changed": "ev.home.get"},
    ),
    "another media type of a body": Case(
        lambda d: d["paths"]["/vehicles"]["post"].update(
            requestBody={
                "required": True,
                "content": {
                    "application/merge-patch+json": next(
                        iter(d["paths"]["/vehicles"]["post"]["requestBody"]["content"].values())
                    )
                },
            }
        ),
        {"body-media-changed": f"{VEHICLES}.create"},
        {"body-media-changed": f"{VEHICLES}.create"},
    ),
    "an empty response": Case(
        respond(GET, s204={"description": "Empty."}),
        {"response-may-be-empty": f"{VEHICLES}.get", "status-added": f"{VEHICLES}.get"},
        {"response-never-empty": f"{VEHICLES}.get", "status-removed": f"{VEHICLES}.get"},
    ),
    "a redirect": Case(
        respond(GET, s302={"description": "There."}),
        {"response-may-redirect": f"{VEHICLES}.get", "status-added": f"{VEHICLES}.get"},
        {"response-never-redirects": f"{VEHICLES}.get", "status-removed": f"{VEHICLES}.get"},
    ),
    "another response": Case(
        respond(GET, s200=response(ref("Home"))),
        {"returns-changed": f"{VEHICLES}.get"},
        {"returns-changed": f"{VEHICLES}.get"},
    ),
    "a response of two forms": Case(
        respond(GET, s200=response({"anyOf": [ref("Vehicle"), STRING]})),
        {"returns-widened": f"{VEHICLES}.get"},
        {"returns-narrowed": f"{VEHICLES}.get"},
    ),
    "a body": Case(
        body(RECONNECT, ref("NewVehicle")),
        {"required-body-added": f"{VEHICLES}.reconnect"},
        {"body-removed": f"{VEHICLES}.reconnect"},
    ),
    "a body without required keys": Case(
        body(RECONNECT, {"type": "object", "additionalProperties": True}),
        {"body-added": f"{VEHICLES}.reconnect"},
        {"body-removed": f"{VEHICLES}.reconnect"},
    ),
    "another body": Case(
        body(POST, {"type": "object", "additionalProperties": True}),
        {"body-type-changed": f"{VEHICLES}.create"},
        {"body-type-changed": f"{VEHICLES}.create"},
    ),
    "an operationId": Case(
        on(GET, operationId="read-vehicle"),
        {"operation-id-changed": f"{VEHICLES}.get"},
        {"operation-id-changed": f"{VEHICLES}.get"},
    ),
    "a parameter": Case(
        add_parameter(),
        {"parameter-added": f"{VEHICLES}.list(make=...)"},
        {"parameter-removed": f"{VEHICLES}.list(make=...)"},
    ),
    "a required parameter": Case(
        add_parameter(required=True),
        {"required-parameter-added": f"{VEHICLES}.list(make=...)"},
        {"parameter-removed": f"{VEHICLES}.list(make=...)"},
    ),
    "a parameter's being required": Case(
        parameter("since", required=True),
        {"parameter-required": f"{VEHICLES}.list(since=...)"},
        {"parameter-optional": f"{VEHICLES}.list(since=...)"},
    ),
    "a parameter's values": Case(
        parameter("colour", schema={"type": "string", "enum": ["blue", "green", "red"]}),
        {"parameter-value-added": f"{VEHICLES}.list(colour=...)"},
        {"parameter-value-removed": f"{VEHICLES}.list(colour=...)"},
    ),
    "a parameter that takes any text": Case(
        parameter("colour", schema=STRING),
        {"parameter-widened": f"{VEHICLES}.list(colour=...)"},
        {"parameter-narrowed": f"{VEHICLES}.list(colour=...)"},
    ),
    "a parameter's type": Case(
        parameter("since", schema={"type": "integer"}),
        {"parameter-type-changed": f"{VEHICLES}.list(since=...)"},
        {"parameter-type-changed": f"{VEHICLES}.list(since=...)"},
    ),
    "a parameter's limit": Case(
        parameter("page_size", schema={"type": "integer", "minimum": 1, "maximum": 50}),
        {"parameter-limit-tightened": f"{VEHICLES}.list(page_size=...)"},
        {"parameter-limit-loosened": f"{VEHICLES}.list(page_size=...)"},
    ),
    "a path parameter's limit": Case(
        lambda d: d["paths"]["/vehicles/{vehicle_id}"].update(
            parameters=[{**VEHICLE_ID, "schema": {"type": "string", "pattern": "vhcl[A-Z]{26}"}}]
        ),
        {"parameter-limit-tightened": f"{VEHICLES}.get(vehicle_id)"},
        {"parameter-limit-loosened": f"{VEHICLES}.get(vehicle_id)"},
    ),
    "deprecation of a parameter": Case(
        parameter("since", deprecated=True),
        {"parameter-deprecated": f"{VEHICLES}.list(since=...)"},
        {"parameter-undeprecated": f"{VEHICLES}.list(since=...)"},
    ),
    "a path parameter's name": Case(
        rename_path_parameter,
        {"path-parameter-renamed": f"{VEHICLES}.get(vehicle_id)"},
        {"path-parameter-renamed": f"{VEHICLES}.get(id)"},
    ),
}
