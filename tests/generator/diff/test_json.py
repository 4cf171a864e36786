"""The comparison as JSON, for programs."""

from __future__ import annotations

import json

import jsonschema

from generator.diff.render import as_json
from tests.generator.diff.documents import Json, forward
from tests.generator.diff.edits import break_much

OPTIONAL_TEXT: Json = {"type": ["string", "null"]}
REPORT_SCHEMA: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "old", "new", "status", "breaking", "bump", "bump_below_1_0", "only_docstrings", "notes", "changes",
    ],
    "properties": {
        "old": {"type": "string"},
        "new": {"type": "string"},
        "status": {"enum": [0, 1, 2]},
        "breaking": {"type": "boolean"},
        "bump": {"enum": ["none", "patch", "minor", "major"]},
        "bump_below_1_0": {"enum": ["none", "patch", "minor"]},
        "only_docstrings": {"type": "boolean"},
        "notes": {"type": "array", "items": {"type": "string"}},
        "changes": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["kind", "python", "pointer", "breaking", "bump", "text", "why"],
                "properties": {
                    "kind": {"type": "string", "pattern": "^[a-z-]+$"},
                    "python": {"type": "string", "minLength": 1},
                    "at": {"type": "string"},
                    "pointer": {"type": ["string", "null"], "pattern": "^#/"},
                    "before": OPTIONAL_TEXT,
                    "after": OPTIONAL_TEXT,
                    "breaking": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["wire", "source"],
                        "properties": {"wire": {"type": "boolean"}, "source": {"type": "boolean"}},
                    },
                    "bump": {"enum": ["none", "patch", "minor", "major"]},
                    "section": {"enum": ["Added", "Changed", "Deprecated", "Removed"]},
                    "text": {"type": "string", "minLength": 1},
                    "why": {"type": "string", "minLength": 1},
                    "shown": {"type": "boolean"},
                },
            },
        },
    },
}  # fmt: skip


def test_json_says_the_same_and_keeps_its_form() -> None:
    report = json.loads(json.dumps(as_json(forward(break_much))))

    jsonschema.validate(report, REPORT_SCHEMA)
    assert (report["status"], report["bump"], report["bump_below_1_0"]) == (2, "major", "minor")
    assert next(c for c in report["changes"] if c["python"] == "models.Vehicle.home") == {
        "kind": "response-field-removed",
        "python": "models.Vehicle.home",
        "at": "Vehicle.home",
        "pointer": "#/components/schemas/Vehicle/properties/home",
        "before": "str",
        "after": None,
        "breaking": {"wire": False, "source": True},
        "bump": "major",
        "section": "Removed",
        "text": "is gone (was `str`)",
        "why": "An old client delivers UNSET, no error, and reports a drift if it was required; the attribute is gone.",
        "shown": True,
    }
