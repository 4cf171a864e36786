"""The comparison as a report, as data and as an exit status."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from generator.diff import compare, markdown
from generator.diff.compare import main
from generator.diff.python_api import read_api
from generator.nodes import is_array, is_object
from tests.generator.diff.documents import (
    BASE,
    Edit,
    Json,
    base,
    changed,
    forward,
    operation,
    properties,
    ref,
    required,
    response,
    side,
    told,
)
from tests.generator.diff.edits import break_much

if TYPE_CHECKING:
    from pathlib import Path

    from generator.diff.change import Report


def write(folder: Path, name: str, document: Json) -> str:
    path = folder / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def rewritten(node: Any) -> Any:
    """Return a document that says the same in other words and another order."""
    if is_array(node):
        return [rewritten(each) for each in node]
    if not is_object(node):
        return node
    made = {key: rewritten(node[key]) for key in reversed(list(node))}
    texts = [key for key in ("description", "title") if isinstance(made.get(key), str)]
    return made | {key: f"In other words: {made[key]}" for key in texts}


def test_a_report_puts_what_breaks_first_and_ends_with_the_reasons() -> None:
    assert (
        markdown(forward(break_much))
        == """\
# What changes for users: old.yaml to new.yaml

Breaking. Calls for a major release; while the version is 0.x, for a minor release.

## Breaking

Wire: a released client fails with the new server. Source: code fails with the SDK that is generated anew.

- **Breaking (wire):** `ev.home.get` needs the scope `vehicle:write`. `#/paths/~1home/get`
- **Breaking (wire, source):** `ev.vehicles.list(make=...)` is new and required (`str`). \
`#/paths/~1vehicles/get/parameters/4`
- **Breaking (source):** `models.Vehicle.home` is gone (was `str`). \
`#/components/schemas/Vehicle/properties/home`

## Added

- `models.Vehicle.vin` is new (`str | None`). `#/components/schemas/Vehicle/properties/vin`
- `models.VehicleState.LOST`, `models.VehicleState.SOLD` are new. \
`#/components/schemas/Vehicle/properties/state`

## Changed

- `ev.home.get` no longer needs the scope `vehicle:read`. `#/paths/~1home/get`

## Without effect on users

- `ev.home.get` has the operationId `read-home` instead of `get-home`. `#/paths/~1home/get`

## To look at

- corrections.yaml: personal: Vehicle.vin looks personal; add what it tells, or `nobody`

## Why

The version follows the source (semver.org, items 4 and 6 to 8).

| Change | Wire | Source | Version | Reason |
|---|---|---|---|---|
| scope-added | breaks | fine | patch | A token without it is refused with 403, whichever release sends it; \
no line of code changes. |
| scope-removed | fine | fine | patch | A token that has it works. |
| operation-id-changed | fine | fine | none | Names do not derive from it. |
| required-parameter-added | breaks | breaks | major | Calls without it are refused, by SDK and server. |
| response-field-added | fine | fine | minor | Unknown keys are ignored. |
| response-field-removed | fine | breaks | major | An old client delivers UNSET, no error, and reports a drift if it \
was required; the attribute is gone. |
| response-value-added | fine | fine | minor | Enums are open: an old client delivers a member that carries the value. |
"""
    )


def leave(document: Json) -> None:
    """Change nothing."""


def add_field(document: Json) -> None:
    properties(document, "Vehicle")["vin"] = {"type": "string"}


def remove_field(document: Json) -> None:
    del properties(document, "Vehicle")["home"]


def tighten_limit(document: Json) -> None:
    operation(document, "GET /vehicles")["parameters"][2]["schema"]["maximum"] = 50


@pytest.mark.parametrize(
    ("edit", "status", "bump", "below_one"),
    [
        (leave, 0, "none", "none"),
        (add_field, 1, "minor", "patch"),
        (remove_field, 2, "major", "minor"),
        # Breaks released clients, and yet no line of code: those who pin the old version must get the new one.
        (tighten_limit, 2, "patch", "patch"),
    ],
)
def test_the_exit_status_says_whether_anything_breaks_and_the_version_follows_the_source(
    edit: Edit, status: int, bump: str, below_one: str
) -> None:
    report = forward(edit)

    assert (report.status, report.bump, report.bump_below_one) == (status, bump, below_one)


def test_the_command_prints_markdown_or_json_and_returns_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = write(tmp_path, "old.json", BASE), write(tmp_path, "new.json", changed(remove_field))

    assert main([old, new]) == 2
    assert capsys.readouterr().out.startswith(f"# What changes for users: {old} to {new}\n\nBreaking.")
    assert main([old, old, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "No such file"), ("{", "not.yaml"), ('{"swagger": "2.0"}', "Swagger 2"), ("a: 1", "not an OpenAPI")],
)
def test_a_document_that_cannot_be_read_is_one_message_and_status_3(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "not.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    assert main([write(tmp_path, "old.json", BASE), str(path)]) == 3

    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("generator diff: not compared: ")
    assert said in streams.err


def test_a_missing_argument_is_not_compared_either(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["only-one.yaml"]) == 3
    assert "new" in capsys.readouterr().err


def test_the_same_facts_in_other_words_change_docstrings_alone() -> None:
    described = changed(lambda d: properties(d, "Vehicle")["name"].update(description="What people call it."))
    old, new = side(described, "old.yaml"), side(rewritten(described))

    report = compare(old, new)

    assert (report.status, report.only_docstrings) == (0, True)
    assert "No change: only docstrings differ.\n" in markdown(report)


def test_the_same_document_again_is_no_change_at_all() -> None:
    report = compare(base(), base())

    assert (report.status, report.only_docstrings) == (0, False)
    assert markdown(report) == "# What changes for users: old.yaml to old.yaml\n\nNo change.\n"


def test_factoring_is_no_change() -> None:
    def factor(document: Json) -> None:
        """Share a parameter, and hoist an anonymous schema."""
        parameters = operation(document, "GET /vehicles")["parameters"]
        document["components"]["parameters"] = {"PageSize": parameters[2]}
        parameters[2] = {"$ref": "#/components/parameters/PageSize"}
        state = properties(document, "Vehicle")["state"]
        document["components"]["schemas"]["StateEnum"] = {"x-inline": True, **state}
        properties(document, "Vehicle")["state"] = ref("StateEnum")

    def limit(document: Json) -> None:
        factor(document)
        document["components"]["parameters"]["PageSize"]["schema"]["maximum"] = 50

    assert forward(factor).status == 0
    # And a change in a shared place is found where it is shared.
    assert [c.pointer for c in forward(limit).changes] == ["#/components/parameters/PageSize"]


def test_one_change_in_many_operations_is_one_entry() -> None:
    def scope(document: Json) -> None:
        for key in ("GET /home", "GET /vehicles"):
            operation(document, key)["security"] = [{"oauth2": ["vehicle:read", "vehicle:write"]}]

    assert (
        "- **Breaking (wire):** `ev.home.get`, `ev.vehicles.list` need the scope `vehicle:write`. "
        "`#/paths/~1home/get`, `#/paths/~1vehicles/get`\n"
    ) in markdown(forward(scope))


def test_a_schema_of_requests_and_responses_is_reported_once_as_the_worse_change() -> None:
    def shared(document: Json) -> None:
        document["components"]["schemas"]["Home"]["properties"]["floor"] = {"type": "integer"}
        operation(document, "POST /vehicles/{vehicle_id}/reconnect")["requestBody"] = {
            "content": {"application/json": {"schema": ref("Home")}}
        }

    def without(document: Json) -> None:
        shared(document)
        del properties(document, "Home")["floor"]

    old, new = side(changed(shared)), side(changed(without))

    assert told(compare(old, new).changes) == {("body-field-removed", "models.Home.floor")}
    # For a body that may hold it and for a response that does: neither breaks, and it is told once.
    assert told(compare(new, old).changes) == {("response-field-added", "models.Home.floor")}


def tampered(name: str, old: str, new: str, document: Json | None = None) -> Report:
    """Compare the document with itself, or another, after a change of the generated code alone."""
    other = side(document) if document else base()
    files = copy.copy(other.files)
    assert old in files[name]
    files[name] = files[name].replace(old, new)
    return compare(base(), attrs.evolve(other, files=files, api=read_api(files)))


def test_a_change_of_the_api_without_one_of_the_document_is_reported_on_its_own() -> None:
    report = tampered("api/vehicles.py", "page_size: int", "page_length: int")

    assert told(report.changes) == {
        ("python-removed", "api.list_vehicles(page_size)"),
        ("python-added", "api.list_vehicles(page_length)"),
    }
    assert report.status == 2


def test_a_type_that_changed_only_in_python_is_reported_too() -> None:
    report = tampered("models/_vehicles.py", "odometer_metres: int", "odometer_metres: float")

    assert [(c.kind, c.python, c.before, c.after) for c in report.changes] == [
        ("python-changed", "models.Vehicle.odometer_metres", "int | UnsetType", "float | UnsetType")
    ]


def test_a_change_of_the_document_that_the_api_does_not_show_is_marked() -> None:
    other = side(changed(add_field))
    report = compare(base(), attrs.evolve(other, files=base().files, api=base().api))

    assert [(c.python, c.shown) for c in report.changes] == [("models.Vehicle.vin", False)]
    assert "- `models.Vehicle.vin` is new (the generated code does not show it)." in markdown(report)


def test_a_correction_that_no_longer_applies_is_something_to_look_at() -> None:
    def without(document: Json) -> None:
        # `POST /vehicles` is what a correction speaks of.
        del document["paths"]["/vehicles"]["post"]

    report = forward(without)

    assert any("user_required: POST /vehicles" in note for note in report.notes)
    assert "## To look at\n" in markdown(report)


def test_a_pointer_leads_through_compositions_to_where_a_thing_is_written() -> None:
    def compose(document: Json) -> None:
        schemas = document["components"]["schemas"]
        extra = {"type": "object", "properties": {"size": {"type": "integer"}}}
        schemas["Home"] = {"allOf": [schemas["Home"], extra]}
        required(document, "NewVehicle").append("limit")

    pointers = {c.python: c.pointer for c in forward(compose).changes}

    assert pointers == {
        "models.Home.size": "#/components/schemas/Home/allOf/1/properties/size",
        "models.NewVehicle.limit": "#/components/schemas/NewVehicle/properties/limit",
    }


def test_a_pointer_follows_references_to_shared_schemas() -> None:
    def share(document: Json) -> None:
        schemas = document["components"]["schemas"]
        schemas["Inside"] = {"x-inline": True, **schemas.pop("Home")}
        schemas["Home"] = {"allOf": [ref("Inside"), {"type": "object", "properties": {"attic": {"type": "string"}}}]}

    def more(document: Json) -> None:
        share(document)
        properties(document, "Inside")["size"] = {"type": "integer"}

    (change,) = compare(side(changed(share)), side(changed(more))).changes

    assert (change.python, change.pointer) == ("models.Home.size", "#/components/schemas/Inside/properties/size")


def test_an_anonymous_response_is_found_below_its_operation() -> None:
    def inline(document: Json) -> None:
        del document["components"]["schemas"]["Home"]
        operation(document, "POST /vehicles/{vehicle_id}/reconnect")["responses"]["200"] = response(ref("Vehicle"))
        shape: Json = {"type": "object", "properties": {"fine": {"type": "boolean"}}}
        operation(document, "GET /home")["responses"]["200"] = response(shape)

    def more(document: Json) -> None:
        inline(document)
        content = operation(document, "GET /home")["responses"]["200"]["content"]
        content["application/json"]["schema"]["properties"]["why"] = {"type": "string"}

    (change,) = compare(side(changed(inline)), side(changed(more))).changes

    assert change.pointer == "#/paths/~1home/get/responses/200/content/application~1json/schema/properties/why"
