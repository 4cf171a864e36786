"""Documents that differ in what has no meaning: no change is told. And what looks like a rename is asked about."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from generator.diff import compare, markdown
from tests.generator.diff.documents import BASE, changed, properties, side
from tests.generator.diff.edits import STRING, put


def with_vehicle(**keywords: Any) -> Any:
    made = copy.deepcopy(BASE)
    made["components"]["schemas"]["Vehicle"].update(keywords)
    return made


def test_the_order_of_what_depends_on_what_is_no_change() -> None:
    one, other = (
        {"dependentSchemas": {"home": {"required": names}}} for names in (["name", "state"], ["state", "name"])
    )
    assert compare(side(with_vehicle(**one)), side(with_vehicle(**other))).changes == ()


@pytest.mark.parametrize("mark", ["readOnly", "writeOnly"])
def test_a_mark_that_is_not_set_is_no_change(mark: str) -> None:
    new = changed(lambda d: properties(d, "Vehicle")["name"].update({mark: False}))
    assert compare(side(BASE), side(new)).changes == ()


def test_a_field_that_went_as_one_of_its_type_came_is_asked_about() -> None:
    old, new = changed(put("Vehicle", "vin_number", STRING)), changed(put("Vehicle", "vin", STRING))
    (note,) = [n for n in compare(side(old), side(new)).notes if "renames" in n]
    assert note.startswith("Vehicle.vin_number is gone, and Vehicle.vin is new and of its type (str")
    assert "{was: Vehicle.vin_number, now: Vehicle.vin, since:" in note


def test_a_field_of_another_type_is_not() -> None:
    old = changed(put("Vehicle", "vin_number", STRING))
    new = changed(put("Vehicle", "vin", {"type": "integer"}))
    assert [n for n in compare(side(old), side(new)).notes if "renames" in n] == []


def test_wire_and_source_are_explained_where_something_breaks() -> None:
    told = markdown(compare(side(changed(put("Vehicle", "vin", STRING))), side(BASE)))
    below = told.partition("## Breaking\n\n")[2]
    assert below.startswith("Wire: a released client fails with the new server. Source: code fails")
