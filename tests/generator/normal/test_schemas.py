"""Each quirk of the published schemas, on a document of a few lines that has it."""

from __future__ import annotations

from typing import Any

import pytest

from generator.problems import BadDocument
from tests.generator.small import document, made, made_of, ref, thing

STRING = {"type": "string"}
NULL = {"type": "null"}


def test_schemas_that_share_a_title_are_classes_of_their_own_names() -> None:
    found = made_of(
        {"title": "Vehicle", **thing(write=ref("ThingWrite"))}, ThingWrite={"title": "Vehicle", **thing(name=STRING)}
    )
    assert found.classes == {"Thing", "ThingWrite"}


@pytest.mark.parametrize(
    "state",
    [
        {"type": ["string", "null"], "enum": ["ON", "OFF", None]},
        {"type": "string", "enum": ["ON", None, "OFF"]},
        {"enum": ["OFF", "ON", None]},
        {"type": ["string", "null"], "enum": ["ON", "OFF"]},
        {"oneOf": [{"enum": ["ON", "OFF"]}, NULL]},
        {"anyOf": [NULL, {"type": "string", "enum": ["OFF", "ON"]}]},
        {"type": "string", "enum": ["ON", "OFF"], "nullable": True},
        {"oneOf": [{"enum": ["ON", "OFF"]}, {"enum": [None]}]},
        {"allOf": [{"enum": ["ON", "OFF", None]}]},
    ],
)
def test_an_enum_takes_null_in_whichever_spelling(state: Any) -> None:
    found = made_of(thing(state=state))
    assert found.fields("Thing") == {"state": "ThingState | None"}
    assert found.enum("ThingState").members == (("OFF", "OFF"), ("ON", "ON"))


def test_a_component_that_takes_null_makes_its_references_take_null() -> None:
    found = made_of(
        thing(one=ref("State"), two=ref("Other")),
        State={"type": "string", "enum": ["A", None]},
        Other={"type": ["object", "null"], "properties": {"name": STRING}},
    )
    assert found.fields("Thing") == {"one": "State | None", "two": "Other | None"}


def test_an_enum_without_a_type_is_one_of_what_its_values_are() -> None:
    found = made_of(thing(level={"enum": [2, 1]}, kind={"const": "EV"}))
    assert found.enum("ThingLevel").base == "int"
    assert found.enum("ThingKind").members == (("EV", "EV"),)


def test_an_enum_of_many_sorts_of_values_keeps_its_type_and_is_warned_of() -> None:
    found = made_of(thing(ratio={"type": "number", "enum": [0.5, 1]}))
    assert found.fields("Thing") == {"ratio": "float"}
    assert "/components/schemas/Thing/properties/ratio" in found.report.warnings[0]


def test_a_reference_is_a_url_an_object_or_null() -> None:
    make = {"oneOf": [{"type": ["string", "null"], "format": "uri"}, ref("Make")]}
    assert made_of(thing(make=make), Make=thing(name=STRING)).fields("Thing") == {"make": "str | Make | None"}


@pytest.mark.parametrize("beside", [{}, {"type": "object"}, {"type": ["object", "null"]}])
def test_nullable_true_is_a_type_that_may_be_null(beside: Any) -> None:
    found = made_of(thing(inner={**beside, "nullable": True, "properties": {"a": STRING}}))
    assert found.fields("Thing") == {"inner": "ThingInner | None"}
    assert found.fields("ThingInner") == {"a": "str"}


def test_keywords_beside_a_reference_are_not_taken_for_a_type() -> None:
    found = made_of(thing(make={**ref("Make"), "type": "object", "description": "Its maker."}), Make=thing(name=STRING))
    assert found.fields("Thing") == {"make": "Make"}
    assert found.model("Thing").fields[0].description == "Its maker."
    assert any("/properties/make: the reference says it all" in note for note in found.report.notes)


def test_an_any_of_with_null_beside_a_reference_says_more_than_the_reference() -> None:
    country = {**ref("Country"), "anyOf": [ref("Country"), NULL]}
    assert made_of(thing(c=country), Country={"enum": ["GB"]}).fields("Thing") == {"c": "Country | None"}


@pytest.mark.parametrize("backwards", [False, True])
def test_all_of_becomes_one_object_in_either_order(backwards: bool) -> None:
    members = [ref("Base"), {"properties": {"more": STRING, "kind": {"type": "string", "format": "date"}}}]
    found = made_of(
        {"allOf": members[::-1] if backwards else members, "required": ["kind"]},
        Base={**thing(name=STRING, kind=STRING), "required": ["name"]},
    )
    assert found.fields("Thing") == {"kind": "dt.date", "name": "str", "more": "str"}
    assert [f.name for f in found.model("Thing").fields if f.required] == ["kind", "name"]


@pytest.mark.parametrize("backwards", [False, True])
def test_any_of_a_schema_and_what_extends_it_is_what_extends_it(backwards: bool) -> None:
    members = [ref("Place"), ref("PlaceDetail")]
    found = made_of(
        thing(place={"anyOf": members[::-1] if backwards else members}),
        Place=thing(name=STRING),
        PlaceDetail={"allOf": [ref("Place"), thing(code=STRING)]},
    )
    assert found.fields("Thing") == {"place": "PlaceDetail"}


def test_one_of_two_arrays_is_one_array_of_either() -> None:
    arrays = [{"type": "array", "items": {"type": "string", "format": "uri"}}, {"type": "array", "items": ref("Part")}]
    found = made_of(thing(parts={"oneOf": arrays}), Part=thing(name=STRING))
    assert found.fields("Thing") == {"parts": "list[str | Part]"}


def test_inline_objects_are_named_after_owner_and_property_at_every_depth() -> None:
    found = made_of(thing(a=thing(b={"type": "array", "items": thing(c=thing(d=STRING))})))
    assert found.classes == {"Thing", "ThingA", "ThingAB", "ThingABC"}
    assert found.fields("ThingA") == {"b": "list[ThingAB]"}


def test_two_inline_objects_of_one_union_get_a_name_each() -> None:
    union = [thing(a=STRING), thing(b=STRING)]
    for members in (union, union[::-1]):
        found = made_of(thing(u={"oneOf": members}))
        assert found.fields("ThingUOption1") == {"a": "str"}
        assert found.fields("ThingUOption2") == {"b": "str"}


def test_conditions_add_nothing_to_the_type() -> None:
    found = made_of(
        {
            **thing(a=STRING, b=STRING),
            "dependentSchemas": {"a": {"required": ["b"]}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        }
    )
    assert found.fields("Thing") == {"a": "str", "b": "str"}
    assert any("dependentSchemas" in note for note in found.report.notes)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [(False, "ThingMap"), (True, "dict[str, Any]"), ({"type": "integer"}, "dict[str, int]"), ({}, "dict[str, Any]")],
)
def test_additional_properties_make_a_map_or_none(extra: Any, expected: str) -> None:
    found = made_of(thing(map={"type": "object", "additionalProperties": extra}))
    assert found.fields("Thing") == {"map": expected}


def test_a_component_that_is_no_object_is_used_in_place() -> None:
    found = made_of(
        thing(id=ref("Id"), all=ref("Things")),
        Id={"type": "string", "format": "uuid"},
        Things={"type": "array", "items": ref("Thing")},
    )
    assert found.fields("Thing") == {"all": "list[Thing]", "id": "UUID"}
    assert found.classes == {"Thing"}


def test_a_schema_marked_inline_gives_no_name() -> None:
    found = made_of(
        thing(state=ref("Hidden"), part=ref("Deep")),
        Hidden={"x-inline": True, "enum": ["A"]},
        Deep={"x-inline": True, **thing(state=ref("Hidden"))},
    )
    assert found.classes == {"Thing", "ThingState", "ThingPart", "ThingPartState"}


def test_a_reference_into_a_schema_is_what_stands_there() -> None:
    found = made_of(thing(a={"$ref": "#/components/schemas/Other/properties/b"}), Other=thing(b={"type": "integer"}))
    assert found.fields("Thing") == {"a": "int"}


def test_times_and_words_in_yaml_are_text() -> None:
    found = made(
        """
        openapi: 3.1.0
        info: {title: Small, version: 2026-08-01}
        paths:
          /things:
            get:
              operationId: x
              responses:
                200:
                  description: ok
                  content:
                    application/json:
                      schema:
                        type: object
                        properties:
                          country: {enum: [NO, GB], examples: [2026-01-01T00:00:00Z]}
                          at: {type: string, format: date-time, example: 2026-01-01 00:00:00}
                          switch: {enum: [on, off]}
        """
    )
    assert [m for m, _ in found.enum("ThingCountry").members] == ["GB", "NO"]
    assert found.enum("ThingSwitch").members == (("OFF", "off"), ("ON", "on"))
    assert "DOCUMENT_VERSION: Final = '2026-08-01'" in found.files["api/_document.py"]


def test_openapi_3_0_in_json_is_taken() -> None:
    found = made({**document(schemas={"Thing": thing(a={"type": "string", "nullable": True})}), "openapi": "3.0.3"})
    assert found.fields("Thing") == {"a": "str | None"}
    assert '"anyOf":[{"type":"string"},{"type":"null"}]' in found.package.tables


@pytest.mark.parametrize("codes", ["Codes", "ZCodes"])
def test_a_map_that_has_a_name_keeps_its_values_wherever_it_stands(codes: str) -> None:
    values = {"type": "array", "items": {"type": "string", "format": "decimal"}}
    schema = thing(
        one=ref(codes),
        some={"oneOf": [ref(codes), NULL]},
        many={"type": "array", "items": ref(codes)},
        of={"type": "object", "additionalProperties": ref(codes)},
    )
    found = made_of(schema, **{codes: {"type": "object", "additionalProperties": values}})
    expected = "dict[str, list[Decimal]]"
    assert found.fields("Thing") == {
        "one": expected,
        "some": f"{expected} | None",
        "many": f"list[{expected}]",
        "of": f"dict[str, {expected}]",
    }


def test_a_map_of_maps_that_come_later_keeps_their_values() -> None:
    found = made_of(
        thing(a=ref("Outer")),
        Outer={"type": "object", "additionalProperties": ref("ZInner")},
        ZInner={"type": "object", "additionalProperties": {"type": "integer"}},
    )
    assert found.fields("Thing") == {"a": "dict[str, dict[str, int]]"}
    (alias,) = (a for module in found.package.modules for a in module.aliases if a.name == "Outer")
    assert alias.type.read() == "dict[str, dict[str, int]]"


def test_a_map_of_maps_of_its_own_kind_has_an_end() -> None:
    found = made_of(thing(a=ref("Tree")), Tree={"type": "object", "additionalProperties": ref("Tree")})
    assert found.fields("Thing") == {"a": "dict[str, dict[str, Any]]"}


@pytest.mark.parametrize(
    "spelled",
    [
        {"allOf": [ref("Hidden")]},
        {"allOf": [ref("Hidden")], "description": "A part."},
        {"anyOf": [ref("Hidden"), NULL]},
        ref("Hidden"),
        ref("Deeper"),
    ],
)
@pytest.mark.parametrize(
    "hidden", [thing(a=STRING), {"enum": ["A"]}, {"type": "object", "additionalProperties": STRING}]
)
def test_a_schema_that_is_no_more_than_an_inline_one_keeps_its_name(spelled: Any, hidden: Any) -> None:
    deeper = {"x-inline": True, "allOf": [ref("Hidden")]}
    found = made_of(thing(part=ref("Part")), Part=spelled, Hidden={"x-inline": True, **hidden}, Deeper=deeper)
    assert found.classes == {"Thing", "Part"}


def test_inline_schemas_that_go_in_a_circle_are_no_class() -> None:
    with pytest.raises(BadDocument):
        made_of(
            thing(part=ref("Part")),
            Part={"allOf": [ref("Hidden")]},
            Hidden={"x-inline": True, "allOf": [ref("Deeper")]},
            Deeper={"x-inline": True, "allOf": [ref("Hidden")]},
        )
