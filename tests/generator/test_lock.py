"""The columns of tables: read off the models, and kept from changing by their lock file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.columns import Column, Table
from generator.diff.side import read_side
from generator.emit import LOCK, PACKAGE, write
from generator.generate import VENDORED
from generator.lock import difference, locked, read_lock, write_lock
from generator.problems import BadDocument
from generator.update import DONE, update
from tests.generator.diff.documents import BASE, Json, changed, properties

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TYPES = ["int64", "string", "bool"]


def table(**columns: str) -> dict[str, Table]:
    """A lock of one table, with columns of these names and types."""
    return {"Thing": Table("Thing", "thing", 1, tuple(Column(name, name, kind) for name, kind in columns.items()))}


def columns(tables: dict[str, Table], name: str = "Thing") -> dict[str, tuple[str, str]]:
    return {column.field: (column.name, column.type) for column in tables[name].columns}


def tables_in(document: Json) -> dict[str, Table]:
    return read_lock(read_side(json.dumps(document).encode()).files[LOCK])


def test_a_new_column_may_be_null_and_makes_no_new_version() -> None:
    old = {"Thing": attrs.evolve(table(a="int64")["Thing"], columns=(Column("a", "a", "int64", is_key=True),))}
    fresh = {"Thing": attrs.evolve(old["Thing"], columns=(*old["Thing"].columns, Column("id", "id", "string", True)))}
    made = locked(fresh, old)["Thing"]
    assert [(column.name, column.is_key) for column in made.columns] == [("a", True), ("id", False)]
    assert made.version == 1


def test_a_changed_type_is_a_new_column_and_a_new_version() -> None:
    made = locked(table(a="string", b="bool"), table(a="int64", b="bool"))
    assert columns(made) == {"a": ("a_v2", "string"), "b": ("b", "bool")}
    assert made["Thing"].retired == (("a", "int64"),)
    assert made["Thing"].version == 2
    # And back: the old column takes it again.
    again = locked(table(a="int64", b="bool"), made)
    assert columns(again)["a"] == ("a", "int64")
    assert again["Thing"].version == 3


def test_a_column_that_was_gone_comes_back_as_another_if_its_type_is_another() -> None:
    gone = locked(table(b="bool"), table(a="int64", b="bool"))
    assert gone["Thing"].version == 1
    assert columns(locked(table(a="string", b="bool"), gone))["a"] == ("a_v2", "string")


def test_a_new_name_is_not_that_of_another_field() -> None:
    made = locked(table(a="string", a_v2="bool"), table(a="int64"))
    assert columns(made) == {"a": ("a_v3", "string"), "a_v2": ("a_v2", "bool")}


def test_what_holds_a_changed_struct_is_changed_with_it() -> None:
    outer = Table("Outer", "outer", 1, (Column("thing", "thing", "list<struct<Thing>>"),))
    made = locked({**table(a="string"), "Outer": outer}, {**table(a="int64"), "Outer": outer})
    assert made["Outer"].version == 2
    assert "outer: version 2, for a column of what it holds" in difference({**table(a="int64"), "Outer": outer}, made)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.sampled_from(TYPES), min_size=1), min_size=2, max_size=8))
def test_no_name_ever_has_two_types(history: list[dict[str, str]]) -> None:
    types: dict[str, str] = {}
    lock: dict[str, Table] = {}
    for document in history:
        lock = locked(table(**document), lock)
        assert locked(table(**document), lock) == lock, "the same document again changes nothing"
        assert read_lock(write_lock(lock)) == lock
        assert {field: kind for field, (_, kind) in columns(lock).items()} == document
        for name, kind in columns(lock).values():
            assert types.setdefault(name, kind) == kind


def clash_of_a_reference(document: Json) -> None:
    properties(document, "Vehicle")["home"] = {"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/Home"}]}
    properties(document, "Vehicle")["home_id"] = {"type": "string"}
    document["components"]["schemas"]["Home"] = {"type": "object", "properties": {"id": {"type": "string"}}}


def clash_when_flat(document: Json) -> None:
    properties(document, "Vehicle")["place"] = {"type": "object", "properties": {"latitude": {"type": "number"}}}
    properties(document, "Vehicle")["place__latitude"] = {"type": "number"}


@pytest.mark.parametrize(("clash", "named"), [(clash_of_a_reference, "home_id"), (clash_when_flat, "place__latitude")])
def test_two_columns_of_one_name_fail_the_generation(clash: Callable[[Json], None], named: str) -> None:
    with pytest.raises(BadDocument, match=f"Vehicle: two columns .*{named}"):
        tables_in(changed(clash))


def test_a_model_that_holds_itself_is_text() -> None:
    def nest(document: Json) -> None:
        properties(document, "Vehicle")["twin"] = {"$ref": "#/components/schemas/Vehicle"}

    assert columns(tables_in(changed(nest)), "Vehicle")["twin"] == ("twin", "json")


def test_an_update_prints_what_becomes_of_the_tables(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / VENDORED).parent.mkdir(parents=True)
    (root / VENDORED).write_text(json.dumps(BASE), encoding="utf-8")
    write(read_side(json.dumps(BASE).encode()).files, root)
    before = read_lock((root / PACKAGE / LOCK).read_text("utf-8"))

    def change(document: Json) -> None:
        fields: dict[str, Any] = properties(document, "Vehicle")
        fields["vin"] = {"type": "string"}
        fields["name"] = {"type": "integer"}

    spec = tmp_path / "new.json"
    spec.write_text(json.dumps(changed(change)), encoding="utf-8")
    said: list[str] = []
    assert update(str(spec), root=root, tests=None, say=said.append) == DONE

    after = read_lock((root / PACKAGE / LOCK).read_text("utf-8"))
    assert [line for line in said if line.startswith("tables: ")] == [
        f"tables: {line}" for line in difference(before, after)
    ]
    assert "tables: vehicle.vin: new (string), null in older files" in said
    assert "tables: vehicle: version 2" in said
