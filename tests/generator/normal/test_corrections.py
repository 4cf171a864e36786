"""Corrections: each kind works; those that no longer apply are reported; malformed ones are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from generator.normal import Corrections
from generator.problems import BadDocument
from tests.generator.small import Made, body, document, item, made, ok, operation, ref, thing

if TYPE_CHECKING:
    from pathlib import Path

STRING = {"type": "string"}
USER = {"in": "header", "name": "EvEnergy-User", "schema": STRING}


def corrected(given: Any, corrections: str, folder: Path) -> Made:
    return made(given, f"{{{corrections}}}", folder)


def small() -> Any:
    state = {"in": "query", "name": "state", "schema": {"enum": ["A"]}}
    read = operation(ok(ref("Thing")), "thing_id", parameters=[state, USER], security=[{"OAuth2": ["x"]}])
    schemas = {
        "Thing": thing(
            name=STRING, part=ref("Part"), inner=thing(deep=STRING), s={"enum": ["a b"]}, n={"type": "integer"}
        ),
        "Part": thing(a=STRING),
    }
    paths = {"/things/{thing_id}": item(get=read, patch=operation(None, "thing_id", requestBody=body(thing(x=STRING))))}
    return document(paths, schemas)


def test_nullable_reaches_into_inline_objects(tmp_path: Path) -> None:
    found = corrected(small(), "nullable: [{at: Thing.name, why: w}, {at: Thing.inner.deep, why: w}]", tmp_path)
    assert found.fields("Thing")["name"] == "str | None"
    assert found.fields("ThingInner") == {"deep": "str | None"}
    assert not [w for w in found.report.warnings if w.startswith("corrections")]


def test_nullable_finds_its_place_in_any_factoring(tmp_path: Path) -> None:
    given = small()
    schemas = given["components"]["schemas"]
    schemas["Hidden"] = {"x-inline": True, **schemas["Thing"]["properties"]["inner"]}
    schemas["Thing"] = {"allOf": [thing(inner=ref("Hidden")), thing(name=STRING)]}
    found = corrected(given, "nullable: [{at: Thing.inner.deep, why: w}]", tmp_path)
    assert found.fields("ThingInner") == {"deep": "str | None"}


def test_types_adds_a_schema_to_a_property(tmp_path: Path) -> None:
    found = corrected(small(), "types: [{at: Thing.name, also: Part, why: w}]", tmp_path)
    assert found.fields("Thing")["name"] == "str | Part"


def test_open_parameters_take_any_value(tmp_path: Path) -> None:
    at = '"GET /things/{thing_id} ? state"'
    found = corrected(small(), f"open_parameters: [{{at: {at}, why: w}}]", tmp_path)
    assert found.endpoint("things.get").parameters[1].values == ()
    assert found.endpoint("things.get").parameters[1].type.read() == "str"


def test_user_required_says_so(tmp_path: Path) -> None:
    found = corrected(small(), 'user_required: [{at: "GET /things/{thing_id}", why: w}]', tmp_path)
    assert found.endpoint("things.get").user == "required"
    assert made(small()).endpoint("things.get").user == "optional"


def test_idempotent_says_that_a_second_call_changes_nothing(tmp_path: Path) -> None:
    found = corrected(small(), 'idempotent: [{at: "PATCH /things/{thing_id}", why: w}]', tmp_path)
    assert found.endpoint("things.update").idempotent
    assert not found.endpoint("things.get").idempotent
    assert found.files["api/things.py"].count("idempotent=True") == 1
    assert not [w for w in found.report.warnings if w.startswith("corrections")]


def test_security_schemes_settles_which_is_meant(tmp_path: Path) -> None:
    found = corrected(small(), "security_schemes: [{name: OAuth2, means: oauth2, why: w}]", tmp_path)
    assert found.report.warnings == ()


def test_names_bodies_classes_and_members_get_better_names(tmp_path: Path) -> None:
    corrections = (
        'names: [{at: "GET /things/{thing_id}", name: things.fetch, why: w}],'
        'bodies: [{at: "PATCH /things/{thing_id}", name: Change, why: w}],'
        "classes: [{at: Part, name: Piece, why: w}, {at: ThingInner, name: Inside, why: w}],"
        'members: [{at: "ThingS=a b", name: AB, why: w}]'
    )
    found = corrected(small(), corrections, tmp_path)
    assert found.endpoint("things.fetch").function == "fetch_thing"
    assert {"Change", "Piece", "Inside"} <= found.classes
    assert not {"ThingUpdate", "Part", "ThingInner"} & found.classes
    assert found.fields("Thing")["part"] == "Piece"
    assert found.enum("ThingS").members == (("AB", "a b"),)
    assert not [w for w in found.report.warnings if w.startswith("corrections")]


def test_a_schema_of_a_bad_name_can_be_called_otherwise(tmp_path: Path) -> None:
    given = document(schemas={"Thing": thing(a=ref("Decimal")), "Decimal": thing(b=STRING)})
    found = corrected(given, "classes: [{at: Decimal, name: Number, why: w}]", tmp_path)
    assert found.fields("Thing") == {"a": "Number"}


def test_personal_fields_are_marked_and_what_looks_like_one_is_reported(tmp_path: Path) -> None:
    given = document(None, {"Thing": thing(secret=STRING, email=STRING, user=STRING, name=STRING)})
    corrections = "personal: {why: w, rows: {Thing.secret: text, Thing.user: nobody}}"
    found = corrected(given, corrections, tmp_path)
    marked = {field.name: field.metadata.get("personal") for field in found.model("Thing").fields}
    assert marked == {"secret": "text", "email": None, "user": None, "name": None}
    assert [w for w in found.report.warnings if "personal" in w] == [
        "corrections.yaml: personal: Thing.email looks personal; add what it tells, or `nobody`"
    ]


def test_prefixes_and_units_come_from_tables(tmp_path: Path) -> None:
    corrections = "prefixes: {why: w, rows: {thing_id: thng}}, units: {why: w, rows: {Thing.n: kWh}}"
    found = corrected(small(), corrections, tmp_path)
    assert found.endpoint("things.get").parameters[0].prefix == "thng"
    assert {f.name: f.unit for f in found.model("Thing").fields}["n"] == "kWh"


def test_without_the_rule_a_body_keeps_what_only_the_server_sets(tmp_path: Path) -> None:
    schema = thing(id={**STRING, "readOnly": True}, name=STRING)
    given = document({"/things": item(post=operation(requestBody=body(schema)))})
    assert made(given).fields("ThingCreate") == {"name": "str"}
    assert corrected(given, "", tmp_path).fields("ThingCreate") == {"id": "str", "name": "str"}


@pytest.mark.parametrize(
    ("corrections", "told"),
    [
        ("nullable: [{at: Thing.gone, why: w}]", "nullable: Thing.gone: finds nothing"),
        ("types: [{at: Thing.name, also: Gone, why: w}]", "types: Thing.name: finds nothing"),
        ("open_parameters: [{at: GET /x ? y, why: w}]", "open_parameters: GET /x ? y: finds nothing"),
        ("user_required: [{at: GET /x, why: w}]", "user_required: GET /x: finds nothing"),
        ("idempotent: [{at: POST /x, why: w}]", "idempotent: POST /x: finds nothing"),
        ("security_schemes: [{name: OAuth3, means: o, why: w}]", "security_schemes: OAuth3: finds nothing"),
        ("names: [{at: GET /x, name: x.y, why: w}]", "names: GET /x: finds nothing"),
        ("classes: [{at: Gone, name: Here, why: w}]", "classes: Gone: finds nothing"),
        ("bodies: [{at: POST /x, name: Here, why: w}]", "bodies: POST /x: finds nothing"),
        ("members: [{at: ThingS=c, name: C, why: w}]", "members: ThingS=c: finds nothing"),
        ("renames: [{was: A, now: B, since: '1.0', why: w}]", "renames: A: finds nothing"),
        ("prefixes: {why: w, rows: {x_id: abcd}}", "prefixes: x_id: finds nothing"),
        ("units: {why: w, rows: {Thing.gone: W}}", "units: Thing.gone: finds nothing"),
        ("rules: {bodies_without_read_only: {why: w}}", "rules: bodies_without_read_only: finds nothing"),
    ],
)  # fmt: skip
def test_a_correction_that_finds_nothing_is_reported(corrections: str, told: str, tmp_path: Path) -> None:
    assert any(told in warning for warning in corrected(small(), corrections, tmp_path).report.warnings)


@pytest.mark.parametrize(
    ("corrections", "told"),
    [
        ("nullable: [{at: Thing.n, why: w}]", "nullable: Thing.n"),
        ("types: [{at: Thing.part, also: Part, why: w}]", "types: Thing.part"),
        ('open_parameters: [{at: "GET /things ? q", why: w}]', "open_parameters: GET /things ? q"),
        ("user_required: [{at: GET /things, why: w}]", "user_required: GET /things"),
        ("idempotent: [{at: GET /things, why: w}]", "idempotent: GET /things"),
        ("names: [{at: GET /things, name: things.get, why: w}]", "names: GET /things"),
        ("units: {why: w, rows: {Thing.watts: W}}", "units: Thing.watts"),
    ],
)
def test_a_correction_that_is_no_longer_needed_is_reported(corrections: str, told: str, tmp_path: Path) -> None:
    query = {"in": "query", "name": "q", "schema": STRING}
    part = {"oneOf": [STRING, ref("Part")]}
    schemas = {
        "Thing": thing(n={"type": "integer", "nullable": True}, part=part, watts={"type": "integer"}),
        "Part": thing(a=STRING),
    }
    path = item(get=operation(ok(ref("Thing")), parameters=[query, {**USER, "required": True}]))
    found = corrected(document({"/things": path}, schemas), corrections, tmp_path)
    assert found.report.warnings == (
        f"corrections.yaml: {told}: not needed any more, that is how it is without it; remove it",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nulable: []", "no kind of correction: 'nulable'"),
        ("nullable: {at: x}", "nullable: expected a list"),
        ("nullable: [{at: Thing.a}]", "nullable, entry 1: no reason is given"),
        ("nullable: [{at: Thing.a, why: ' '}]", "nullable, entry 1: no reason is given"),
        ("nullable: [{at: Thing.a, why: w, also: x}]", "expected text for at and why, and no more"),
        ("names: [{at: GET /x, why: w}]", "expected text for at, name and why"),
        ("nullable: [{at: a, why: w}, {at: a, why: w}]", "entry 2: a second one for a"),
        ("nullable: [x]", "nullable, entry 1: expected keys with values"),
        ("units: {rows: {}}", "units: no reason is given"),
        ("units: {why: w}", "units: rows: expected keys"),
        ("rules: {be_good: {why: w}}", "no rule: 'be_good'"),
        ("rules: {bodies_without_read_only: {}}", "rules: bodies_without_read_only: no reason"),
        ("[]", "the file: expected keys"),
        ("a: [", "neither YAML nor JSON"),
    ],
)
def test_a_malformed_file_is_refused(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "corrections.yaml"
    path.write_text(text)
    with pytest.raises(BadDocument, match=re.escape(told)):
        Corrections(path)


def test_an_empty_file_corrects_nothing(tmp_path: Path) -> None:
    path = tmp_path / "corrections.yaml"
    path.write_text("# nothing\n")
    assert Corrections(path).entries("nullable") == []
