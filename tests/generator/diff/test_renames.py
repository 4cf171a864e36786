"""Renames: what was declared keeps its old name for a while, what was not is breaking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from generator.diff import compare
from generator.diff.python_api import read_api
from generator.diff.renames import Rename, read_renames
from generator.problems import BadDocument
from tests.generator.diff.documents import (
    Edit,
    Json,
    base,
    changed,
    operation,
    properties,
    ref,
    response,
    side,
    told,
)

if TYPE_CHECKING:
    from pathlib import Path

    from generator.diff.change import Report


def renames(folder: Path, was: str, now: str) -> Path:
    path = folder / "corrections.yaml"
    path.write_text(
        f'renames:\n  - was: {was}\n    now: {now}\n    since: "0.2"\n    why: A better name.\n', encoding="utf-8"
    )
    return path


def declared(folder: Path, was: str, now: str, edit: Edit, *aliases: tuple[str, str]) -> Report:
    """Compare across a declared rename; `aliases` are lines of generated code by the file they stand in."""
    new = side(changed(edit))
    files = dict(new.files)
    for name, line in aliases:
        files[name] += line
    new = attrs.evolve(new, files=files, api=read_api(files))
    return compare(base(), new, renames(folder, was, now))


def rename_schema(document: Json) -> None:
    schemas = document["components"]["schemas"]
    schemas["House"] = schemas.pop("Home")
    schemas["House"]["properties"]["size"] = {"type": "integer"}
    for key in ("GET /home", "POST /vehicles/{vehicle_id}/reconnect"):
        operation(document, key)["responses"]["200"] = response(ref("House"))


def rename_field(document: Json) -> None:
    vehicle = properties(document, "Vehicle")
    vehicle["mileage_metres"] = vehicle.pop("odometer_metres")


def rename_operation(document: Json) -> None:
    paths = document["paths"]
    paths["/vehicles/{vehicle_id}/renew"] = paths.pop("/vehicles/{vehicle_id}/reconnect")
    paths["/vehicles/{vehicle_id}/renew"]["post"]["operationId"] = "renew"


def test_a_schema_whose_alias_is_there_is_no_breaking_change(tmp_path: Path) -> None:
    alias = ("models/__init__.py", "Home = House\n")

    report = declared(tmp_path, "Home", "House", rename_schema, alias)

    assert told(report.changes) == {
        ("schema-renamed-alias", "models.Home"),
        # What is in it is compared across the rename.
        ("response-field-added", "models.House.size"),
    }
    assert (report.status, report.bump) == (1, "minor")


def test_a_schema_without_its_declared_alias_is_a_reported_breaking_change(tmp_path: Path) -> None:
    report = declared(tmp_path, "Home", "House", rename_schema)

    assert ("schema-renamed", "models.Home") in told(report.changes)
    assert report.notes == (
        "corrections.yaml promises that `models.Home` works on; the generated code does not have it.",
    )
    assert report.status == 2


def test_an_undeclared_rename_of_a_changed_schema_is_a_removal_and_an_addition() -> None:
    report = compare(base(), side(changed(rename_schema)))

    kinds = told(report.changes)
    assert {("schema-removed", "models.Home"), ("schema-added", "models.House")} <= kinds
    assert ("returns-changed", "ev.home.get") in kinds


def test_two_schemas_that_refer_to_each_other_are_both_known_again() -> None:
    def rename(document: Json, *, to: str) -> None:
        vehicle = properties(document, "Vehicle")
        for was in ("Garage", "Gate"):
            document["components"]["schemas"][was + to] = {
                "type": "object",
                "properties": {"width": {"type": "integer"}},
            }
        properties(document, "Garage" + to)["gate"] = ref("Gate" + to)
        vehicle["garage"] = ref("Garage" + to)

    report = compare(
        side(changed(lambda d: rename(d, to="")), "old.yaml"), side(changed(lambda d: rename(d, to="OfHome")))
    )

    assert told(report.changes) == {("schema-renamed", "models.Garage"), ("schema-renamed", "models.Gate")}


def test_an_operation_keeps_its_old_name(tmp_path: Path) -> None:
    # The attribute of the group, as the class at the end of the module has it.
    alias = ("api/vehicles.py", "    reconnect = endpoint(renew_vehicle)\n")

    report = declared(tmp_path, "vehicles.reconnect", "vehicles.renew", rename_operation, alias)

    assert told(report.changes) == {
        ("operation-renamed-alias", "ev.vehicles.reconnect"),
        ("operation-moved", "ev.vehicles.renew"),
        ("operation-id-changed", "ev.vehicles.renew"),
    }


def test_a_field_of_a_response_keeps_its_old_name(tmp_path: Path) -> None:
    with_alias = side(changed(rename_field))
    files = dict(with_alias.files)
    (name,) = (n for n, text in files.items() if "class Vehicle(Model)" in text)
    files[name] = files[name].replace(
        "class Vehicle(Model):", "class Vehicle(Model):\n    @property\n    def odometer_metres(self): ...\n", 1
    )
    new = attrs.evolve(with_alias, files=files, api=read_api(files))

    report = compare(base(), new, renames(tmp_path, "Vehicle.odometer_metres", "Vehicle.mileage_metres"))

    assert told(report.changes) == {("response-field-renamed-alias", "models.Vehicle.odometer_metres")}
    assert report.changes[0].after == "models.Vehicle.mileage_metres"


def test_a_field_without_its_alias_is_renamed_for_source(tmp_path: Path) -> None:
    report = declared(tmp_path, "Vehicle.odometer_metres", "Vehicle.mileage_metres", rename_field)

    assert told(report.changes) == {("response-field-renamed", "models.Vehicle.odometer_metres")}
    assert (report.changes[0].rule.wire, report.changes[0].rule.source) == (False, True)


def test_a_field_of_a_body_cannot_keep_its_old_name(tmp_path: Path) -> None:
    def rename(document: Json) -> None:
        vehicle = properties(document, "NewVehicle")
        vehicle["cap"] = vehicle.pop("limit")

    report = declared(tmp_path, "NewVehicle.limit", "NewVehicle.cap", rename)

    assert told(report.changes) == {("body-field-renamed", "models.NewVehicle.limit")}
    assert report.changes[0].rule.wire


@pytest.mark.parametrize(
    ("edit", "was", "now", "kind"),
    [
        (rename_schema, "Home", "House", "schema-renamed-alias"),
        (rename_field, "Vehicle.odometer_metres", "Vehicle.mileage_metres", "response-field-renamed-alias"),
        (rename_operation, "vehicles.reconnect", "vehicles.renew", "operation-renamed-alias"),
    ],
)
def test_what_is_generated_has_the_alias_that_is_promised(
    edit: Edit, was: str, now: str, kind: str, tmp_path: Path
) -> None:
    entries = renames(tmp_path, was, now)

    report = compare(base(), side(changed(edit), corrections=entries), entries)

    (found,) = (change for change in report.changes if change.kind == kind)
    assert found.before.endswith(was)
    assert not any(change.rule.source for change in report.changes)
    assert not any("does not have it" in note for note in report.notes)
    assert {change.kind for change in report.changes}.isdisjoint({"python-added", "python-changed", "python-removed"})


def test_a_rename_that_names_nothing_of_the_documents_has_no_say(tmp_path: Path) -> None:
    assert declared(tmp_path, "Car", "Automobile", lambda _: None).status == 0


@pytest.mark.parametrize(
    ("version", "due"), [("0.1.9", False), ("0.2.0", False), ("0.2.7", False), ("0.3.0", True), ("1.0", True)]
)
def test_an_alias_lives_for_one_minor_release(version: str, due: bool) -> None:
    assert Rename("a.b", "a.c", "0.2", "Because.").is_due(version) is due


def test_an_alias_whose_time_is_over_is_something_to_look_at(tmp_path: Path) -> None:
    entries = renames(tmp_path, "Home", "House")

    assert compare(base(), base(), entries, version="0.2.4").notes == ()
    assert compare(base(), base(), entries, version="0.3.0").notes == (
        "corrections.yaml: `Home` was kept since 0.2 for one minor release; remove the entry.",
    )


def test_an_entry_without_a_reason_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "corrections.yaml"
    path.write_text("renames:\n  - was: A\n    now: B\n", encoding="utf-8")

    with pytest.raises(BadDocument, match="renames, entry 1: no reason is given"):
        read_renames(path)
