"""The check of requests against the document's schemas."""

from typing import Any

import pytest

from ev_energy_async.sandbox.protocol.document import Document
from ev_energy_async.sandbox.protocol.schema import mismatches

ROUTE = {"$ref": "#/schemas/SavedRouteCreate"}
POINT: dict[str, Any] = {"latitude": 51.5, "longitude": -0.1, "name": "Home"}


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "string", "pattern": "b"}, "abc", True),
        ({"type": "string", "pattern": "^b"}, "abc", False),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "a", False),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "abcd", False),
        ({"type": "string", "format": "uuid"}, "7b1c6f6e-9a0e-4b9e-8f43-0d5a1f0a7c11", True),
        ({"type": "string", "format": "uuid"}, "7b1c6f6e", False),
        ({"type": "string", "format": "date"}, "2026-03-14", True),
        ({"type": "string", "format": "uri"}, "vehicles/1", False),
        ({"type": "string", "format": "html"}, "<p>", True),
        ({"type": "integer"}, True, False),
        ({"type": "integer"}, 1.5, False),
        ({"type": "number"}, 1, True),
        ({"type": "number"}, float("nan"), False),
        ({"type": "number", "maximum": 3}, 3.1, False),
        ({"type": ["null", "string"]}, None, True),
        ({"type": "string"}, None, False),
        ({"type": "array", "items": {"type": "integer"}}, [1, "2"], False),
        ({"type": "array", "maxItems": 1}, [1, 2], False),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, None, True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, False),
        ({"allOf": [{"type": "integer"}, {"minimum": 5}]}, 4, False),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, True),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": "1"}, False),
        ({"type": "object", "additionalProperties": False}, {"a": 1}, False),
    ],
)
def test_single_values(document: Document, schema: dict[str, Any], value: Any, fits: bool) -> None:
    assert (mismatches(document, schema, value, "it") == {}) == fits


def test_faults_name_the_member_however_deep(document: Document) -> None:
    route: dict[str, Any] = {
        "name": "x",
        "arrive_with_min_percent": 10,
        "origin": POINT,
        "destination": {**POINT, "latitude": 91, "name": None},
    }
    assert set(mismatches(document, ROUTE, route, "")) == {"destination.latitude", "destination.name"}
    assert mismatches(document, ROUTE, {**route, "destination": POINT}, "") == {}
    half: dict[str, Any] = {"name": "x", "arrive_with_min_percent": 10}
    assert list(mismatches(document, ROUTE, {**half, "destination": POINT}, "")) == ["origin"]


def test_what_only_the_server_sets_is_neither_needed_nor_looked_at(document: Document) -> None:
    assert mismatches(document, {"$ref": "#/schemas/User"}, {"id": 5, "full_name": None}, "") == {}
    assert set(mismatches(document, {"$ref": "#/schemas/User"}, {"email": "nobody"}, "")) == {"email"}
