"""Changes of schemas, and of what concerns no generated name."""

from __future__ import annotations

from tests.generator.diff.documents import ref, response
from tests.generator.diff.edits import (
    GET,
    HOME,
    STRING,
    VEHICLES,
    Case,
    both,
    parameter,
    put,
    rename_schema,
    require,
    respond,
    version,
)

SCHEMAS: dict[str, Case] = {
    "a schema": Case(
        lambda d: d["components"]["schemas"].update(Extra={"type": "object", "properties": {"a": STRING}}),
        {"schema-added": "models.Extra"},
        {"schema-removed": "models.Extra"},
    ),
    "a schema's name": Case(rename_schema, {"schema-renamed": "models.Home"}, {"schema-renamed": "models.House"}),
    "a schema's kind": Case(
        lambda d: d["components"]["schemas"].update(Kind={"type": "object", "properties": {"a": STRING}}),
        {"schema-kind-changed": "models.Kind"},
        {"schema-kind-changed": "models.Kind"},
    ),
    "what a map holds": Case(
        lambda d: d["components"]["schemas"].update(
            Codes={"type": "object", "additionalProperties": {"type": "integer"}}
        ),
        {"response-field-type-changed": "models.Codes"},
        {"response-field-type-changed": "models.Codes"},
    ),
    "a field of a response": Case(
        put("Vehicle", "vin", STRING),
        {"response-field-added": "models.Vehicle.vin"},
        {"response-field-removed": "models.Vehicle.vin"},
    ),
    "a field that every response has": Case(
        both(put("Vehicle", "vin", STRING), require("Vehicle", "vin")),
        {"required-response-field-added": "models.Vehicle.vin"},
        {"response-field-removed": "models.Vehicle.vin"},
    ),
    "a response's field that is always there": Case(
        require("Vehicle", "home"),
        {"response-field-required": "models.Vehicle.home"},
        {"response-field-optional": "models.Vehicle.home"},
    ),
    "null in a response": Case(
        put("Vehicle", "odometer_metres", {"type": ["integer", "null"]}),
        {"response-field-nullable": "models.Vehicle.odometer_metres"},
        {"response-field-not-nullable": "models.Vehicle.odometer_metres"},
    ),
    "one type more in a response": Case(
        put("Vehicle", "home", {"anyOf": [{"type": "string", "format": "uri"}, ref("Home")]}),
        {"response-field-widened": "models.Vehicle.home"},
        {"response-field-narrowed": "models.Vehicle.home"},
    ),
    "another type in a response": Case(
        put("Vehicle", "odometer_metres", STRING),
        {"response-field-type-changed": "models.Vehicle.odometer_metres"},
        {"response-field-type-changed": "models.Vehicle.odometer_metres"},
    ),
    "an enum that became text": Case(
        put("Vehicle", "state", STRING),
        {"response-field-opened": "models.Vehicle.state", "schema-removed": "models.VehicleState"},
        {"response-field-narrowed": "models.Vehicle.state", "schema-added": "models.VehicleState"},
    ),
    "a value of a response": Case(
        put("Vehicle", "state", {"type": "string", "enum": ["ACTIVE", "INACTIVE", "LOST"]}),
        {"response-value-added": "models.VehicleState.LOST"},
        {"response-value-removed": "models.VehicleState.LOST"},
    ),
    "a limit of a response": Case(
        put("Vehicle", "name", {"type": "string", "maxLength": 20}),
        {"response-limit-changed": "models.Vehicle.name"},
        {"response-limit-changed": "models.Vehicle.name"},
    ),
    "a field of a body": Case(
        put("NewVehicle", "vin", STRING),
        {"body-field-added": "models.NewVehicle.vin"},
        {"body-field-removed": "models.NewVehicle.vin"},
    ),
    "a required field of a body": Case(
        both(put("NewVehicle", "vin", STRING), require("NewVehicle", "vin")),
        {"required-body-field-added": "models.NewVehicle.vin"},
        {"body-field-removed": "models.NewVehicle.vin"},
    ),
    "a body's field that is required": Case(
        require("NewVehicle", "limit"),
        {"body-field-required": "models.NewVehicle.limit"},
        {"body-field-optional": "models.NewVehicle.limit"},
    ),
    "null in a body": Case(
        put("NewVehicle", "limit", {"type": ["integer", "null"]}),
        {"body-field-nullable": "models.NewVehicle.limit"},
        {"body-field-not-nullable": "models.NewVehicle.limit"},
    ),
    "one type more in a body": Case(
        put("NewVehicle", "limit", {"type": "number"}),
        {"body-field-widened": "models.NewVehicle.limit"},
        {"body-field-narrowed": "models.NewVehicle.limit"},
    ),
    "another type in a body": Case(
        put("NewVehicle", "limit", STRING),
        {"body-field-type-changed": "models.NewVehicle.limit"},
        {"body-field-type-changed": "models.NewVehicle.limit"},
    ),
    "a value of a body": Case(
        put("NewVehicle", "mode", {"type": "string", "enum": ["BOOST", "ECO", "SMART"]}),
        {"body-value-added": "models.NewVehicleMode.ECO"},
        {"body-value-removed": "models.NewVehicleMode.ECO"},
    ),
    "a limit of a body": Case(
        put("NewVehicle", "name", {"type": "string", "maxLength": 20}),
        {"body-limit-tightened": "models.NewVehicle.name"},
        {"body-limit-loosened": "models.NewVehicle.name"},
    ),
    "a format that is text all the same": Case(
        put("Vehicle", "home", {"type": "string", "format": "email"}),
        {"format-changed": "models.Vehicle.home"},
        {"format-changed": "models.Vehicle.home"},
    ),
    "a parameter's format that is text all the same": Case(
        parameter("callback", schema=STRING),
        {"parameter-format-changed": f"{VEHICLES}.list(callback=...)"},
        {"parameter-format-changed": f"{VEHICLES}.list(callback=...)"},
    ),
    "deprecation of a field": Case(
        put("Vehicle", "home", {"type": "string", "format": "uri", "deprecated": True}),
        {"field-deprecated": "models.Vehicle.home"},
        {"field-undeprecated": "models.Vehicle.home"},
    ),
    "an error": Case(
        respond(GET, s404={"description": "No such vehicle."}),
        {"status-added": f"{VEHICLES}.get"},
        {"status-removed": f"{VEHICLES}.get"},
    ),
    "what an error says": Case(
        respond(HOME, s404=response({"type": "object", "properties": {"title": STRING, "hint": STRING}})),
        {"error-body-changed": "ev.home.get"},
        {"error-body-changed": "ev.home.get"},
    ),
    "a header": Case(
        respond(GET, s200=response(ref("Vehicle"), "Retry-After")),
        {"headers-changed": f"{VEHICLES}.get"},
        {"headers-changed": f"{VEHICLES}.get"},
    ),
    "a default": Case(
        put("Vehicle", "odometer_metres", {"type": "integer", "default": 0}),
        {"constraint-changed": "models.Vehicle.odometer_metres"},
        {"constraint-changed": "models.Vehicle.odometer_metres"},
    ),
    "a default of a parameter": Case(
        parameter("page_size", schema={"type": "integer", "minimum": 1, "maximum": 100, "default": 25}),
        {"constraint-changed": f"{VEHICLES}.list(page_size=...)"},
        {"constraint-changed": f"{VEHICLES}.list(page_size=...)"},
    ),
    "the server": Case(
        lambda d: d.update(servers=[{"url": "https://api.ev.energy/v3"}]),
        {"by-hand": "servers"},
        {"by-hand": "servers"},
    ),
    "a webhook": Case(
        lambda d: d["webhooks"].update(
            {"vehicle.lost": {"post": {**d["webhooks"]["vehicle.created"]["post"], "operationId": "vehicle-lost"}}}
        ),
        {"webhook-added": "webhook vehicle.lost"},
        {"webhook-removed": "webhook vehicle.lost"},
    ),
    "a webhook's data": Case(
        lambda d: d["webhooks"]["vehicle.created"]["post"].update(
            requestBody={"content": {"application/json": {"schema": ref("Home")}}}
        ),
        {"webhook-payload-changed": "webhook vehicle.created"},
        {"webhook-payload-changed": "webhook vehicle.created"},
    ),
    "the version": Case(version, {"api-version-changed": "API_VERSION"}, {"api-version-changed": "API_VERSION"}),
}
