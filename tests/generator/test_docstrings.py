"""Docstrings of generated code: in the words of Python, nothing hollow, nothing twice."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

from generator.emit import ROOT
from generator.generate import VENDORED, generate
from generator.normal import Place, states_unit
from generator.prose import class_text
from tests.generator.small import Made, body, document, item, made, made_of, ok, operation, ref, thing

STRING = {"type": "string"}
NUMBER = {"type": "number"}


@pytest.fixture(scope="module")
def published() -> str:
    files, _ = generate(ROOT / VENDORED, VENDORED.as_posix())
    return "\n".join(text for name, text in files.items() if name.endswith(".py"))


def test_no_docstring_of_the_published_api_is_hollow(published: str) -> None:
    for hollow in ("Not described", "Values of `", "EvEnergy-User` "):
        assert hollow not in published


def test_no_docstring_says_a_unit_twice(published: str) -> None:
    twice = [line for line in published.splitlines() if line.count("Unit: ") > 1]
    assert twice == []


def test_no_function_of_the_published_api_mentions_a_scope_twice(published: str) -> None:
    nodes = ast.walk(ast.parse(published))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    scopes = {each.name: re.findall(r"\b[a-z_]+(?::[a-z_]+)+\b", ast.get_docstring(each) or "") for each in functions}
    assert scopes["get_tariff"] == ["tariff:read", "tariff:prices:read"]
    assert {name: found for name, found in scopes.items() if len(found) != len(set(found))} == {}


def test_a_field_without_a_description_has_no_docstring() -> None:
    source = made_of(thing(a=STRING)).files["models/_default.py"]
    assert source.rstrip().endswith("a: str | UnsetType = UNSET")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Power drawn.", "Power drawn. Unit: W."),
        ("Power drawn, in watts.", "Power drawn, in watts."),
        ("Power drawn, in W; null when unknown.", "Power drawn, in W; null when unknown."),
        ("Power of the Web.", "Power of the Web. Unit: W."),
        ("", "Unit: W."),
    ],
)
def test_a_unit_is_added_where_the_description_leaves_it_out(said: str, expected: str) -> None:
    field = made_of(thing(power_watts={**NUMBER, "description": said})).model("Thing").fields[0]
    assert (field.text, field.metadata) == (expected, {"unit": "W"})


@pytest.mark.parametrize(
    ("text", "unit"),
    [("Grams of CO2 per kWh.", "g/kWh"), ("In minor units (pence).", "minor units of currency"), ("In km/h.", "km/h")],
)
def test_a_unit_is_recognised_in_words_and_symbols(text: str, unit: str) -> None:
    assert states_unit(text, unit)
    assert not states_unit("A figure.", unit)


def test_deprecated_fields_say_so_once_in_docstring_and_metadata() -> None:
    old = {**STRING, "deprecated": True}
    fields = (
        made_of(thing(a={**old, "description": "Old."}, b={**old, "description": "Deprecated; see `a`."}))
        .model("Thing")
        .fields
    )
    assert [f.text for f in fields] == ["Old. Deprecated.", "Deprecated; see `a`."]
    assert all(f.metadata == {"deprecated": True} for f in fields)


def test_an_id_is_the_first_of_all_fields() -> None:
    found = made_of({**thing(a=STRING, id=STRING, z=STRING), "required": ["z"]})
    assert [f.name for f in found.model("Thing").fields] == ["id", "z", "a"]


def test_an_enum_without_a_name_says_what_it_is_then_where_it_stands_and_nothing_of_null() -> None:
    said = "Way it is on: `ON` or `OFF`; null while unknown. Null at night."
    found = made_of(thing(state={"enum": ["ON", "OFF", None], "description": said}))
    assert found.enum("ThingState").description == "Way it is on: `ON` or `OFF`.\n\nThe `state` of `Thing`."
    assert found.model("Thing").fields[0].description == said


def test_an_enum_in_an_array_says_what_it_is_one_of() -> None:
    found = made_of(thing(labels={"type": "array", "items": {"enum": ["A"]}, "description": "All of them."}))
    assert found.enum("ThingLabels").description == "One of the `labels` of `Thing`."


def test_a_class_in_many_places_names_some_of_its_owners() -> None:
    places = [Place(owner, "state", is_value=True) for owner in "ABCD"]
    assert class_text("", places) == "The `state` of `A`, `B` and others."
    assert class_text("", places[:2]) == "The `state` of `A` and `B`."


def test_an_unknown_class_keeps_the_description_that_the_document_gives_it() -> None:
    assert class_text("A place.", ()) == "A place."


def two_operations(description: str, **rest: Any) -> Made:
    since = {"in": "query", "name": "sampled_at__gte", "schema": STRING, "description": "As in `sampled_at__gte`."}
    paths = {
        "/things": item(post=operation(requestBody=body(ref("Thing")), description="Makes one.")),
        "/things/{thing_id}": item(
            get=operation(ok(ref("Thing")), "thing_id", parameters=[since], description=description, **rest)
        ),
    }
    return made(document(paths, {"Thing": thing(a=STRING)}))


@pytest.mark.parametrize(
    ("http", "python"),
    [
        ("Made by `POST /things`.", "Made by `ev.things.create`."),
        ("Made by `POST\n/things`.", "Made by `ev.things.create`."),
        ("See `GET /elsewhere`.", "See `GET /elsewhere`."),
        ("Bound it with `sampled_at__gte`.", "Bound it with `sampled_at_gte`."),
        ("Send `EvEnergy-User` to choose.", "Use `as_user` to choose."),
        ("`EvEnergy-User` must name the owner.", "`as_user` must name the owner."),
        ("Empty unless `EvEnergy-User` is sent.", "Empty unless `as_user` is used."),
        ("Read from the `EvEnergy-User` header.", "Read from `as_user`."),
    ],
)
def test_prose_has_the_names_that_python_has(http: str, python: str) -> None:
    endpoint = two_operations(http).endpoint("things.get")
    assert endpoint.description == python
    assert endpoint.parameters[1].description == "As in `sampled_at_gte`."


def test_a_scope_is_mentioned_once() -> None:
    scopes: dict[str, Any] = {"security": [{"o": ["things:read"]}]}
    assert two_operations("Needs `things:read`.", **scopes).endpoint("things.get").footer == "`GET /things/{thing_id}`."
    told = two_operations("Reads one.", **scopes).endpoint("things.get").footer
    assert told == "`GET /things/{thing_id}`; scopes: things:read."
