"""The columns of each model as a table: names and types, read off its fields; `lock` keeps them from changing.

A type is text that `ev_energy_async.tables` makes an Arrow type of: `string`, `int64`, `float64`, `bool`, `date`,
`timestamp`, `decimal`, `uuid`, `enum`, `id` (a reference to another resource), `json` (whatever has no columns),
`struct<Model>`, `list<...>`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from generator import ir
from generator.problems import BadDocument
from generator.types import Type

__all__ = ["Column", "Table", "nested_in", "tables_of"]

_SCALARS: Final = {
    "str": "string",
    "int": "int64",
    "float": "float64",
    "bool": "bool",
    "dt.date": "date",
    "dt.datetime": "timestamp",
    "Decimal": "decimal",
    "UUID": "uuid",
}
# What orders a collection of logs, which with its device identifies one (the API's guide, "Vehicles, their logs").
_LOG_TIMES: Final = ("sampled_at", "logged_at")
_TEXT: Final = Type("scalar", "str")
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9_]+")
_STRUCT: Final = re.compile(r"struct<(\w+)>")


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        name: Its name.
        field: The field of the model that fills it.
        type: Its type, as text.
        is_key: Whether it is never null.
        unit: The unit of the field; empty if it has none.
        description: The meaning of the field; empty if none is known.
    """

    name: str
    field: str
    type: str
    is_key: bool = False
    unit: str = attrs.field(default="", eq=False)
    description: str = attrs.field(default="", eq=False)


@attrs.frozen
class Table:
    """The table of a model.

    Attributes:
        model: The model.
        name: Its name, as in the folders of its files.
        version: Its version; a column that gets another type makes a new one.
        columns: Its columns.
        retired: Names and types of columns that older files have.
    """

    model: str
    name: str
    version: int
    columns: tuple[Column, ...]
    retired: tuple[tuple[str, str], ...] = ()


def tables_of(package: ir.Package) -> dict[str, Table]:
    """Return the table of each model, in the order of their names.

    Raises:
        BadDocument: Two columns, or two tables, would have one name.
    """
    models = {model.name: model for module in package.modules for model in module.models}
    made = {name: _table(models[name], models) for name in sorted(models)}
    for name, count in Counter(table.name for table in made.values()).items():
        if count > 1:
            raise BadDocument(f"two models would be the table {name!r}; correct one in corrections.yaml (`classes`)")
    for table in made.values():
        for flat in (False, True):
            columns = Counter(_flat(table, made) if flat else (column.name for column in table.columns))
            for column, count in columns.items():
                if count > 1:
                    raise BadDocument(
                        f"{table.model}: two columns of its table would be called {column!r}; correct a field in "
                        "corrections.yaml (`fields`)"
                    )
    return made


def nested_in(columns: tuple[Column, ...]) -> set[str]:
    """Return the models that columns hold as structs."""
    return {name for column in columns for name in _STRUCT.findall(column.type)}


def _flat(table: Table, tables: Mapping[str, Table], before: str = "") -> Iterator[str]:
    for column in table.columns:
        nested = _STRUCT.fullmatch(column.type)
        if nested is None:
            yield before + column.name
        else:
            yield from _flat(tables[nested[1]], tables, f"{before}{column.name}__")


def _table(model: ir.Model, models: Mapping[str, ir.Model]) -> Table:
    fields = [*model.fields, *([model.more] if model.more is not None else [])]
    types = {field.name: _type(field.type, model.name, models) for field in fields}
    keys = _keys(types) if model.name.endswith("Log") or "id" in types else set[str]()
    columns = tuple(
        Column(
            name=field.name + _SUFFIXES.get(types[field.name], ""),
            field=field.name,
            type=types[field.name],
            is_key=field.name in keys,
            unit=field.unit or "",
            description=field.text,
        )
        for field in fields
    )
    return Table(model.name, _table_name(model.name, models), 1, columns)


def _table_name(model: str, models: Mapping[str, ir.Model]) -> str:
    """Return the name of a model in lower case; an acronym that is a model of its own (`EVSE`) is a word."""
    words: list[str] = []
    for word in _WORD.findall(model):
        own = next((each for each in models if each.isupper() and word != each and word.startswith(each)), "")
        words += [own, word.removeprefix(own)] if own else [word]
    return "_".join(words).lower()


_SUFFIXES: Final = {"id": "_id", "list<id>": "_ids"}


def _keys(types: Mapping[str, str]) -> set[str]:
    """Return the fields that are never null: the ID of a resource; device and time of a log."""
    if "id" in types:
        return {"id"}
    time = next((name for name in _LOG_TIMES if name in types), None)
    device = next((name for name, kind in types.items() if kind == "id"), None)
    return {name for name in (time, device) if name is not None}


def _type(kind: Type, owner: str, models: Mapping[str, ir.Model]) -> str:
    members = [each for each in kind.members if each.kind != "unset"]
    nested = [each.name for each in members if each.kind == "model"]
    if len(nested) == 1 and all(each.kind == "model" or each == _TEXT for each in members):
        if _TEXT in members and any(field.name == "id" for field in models[nested[0]].fields):
            return "id"
        # One that holds itself has no end that a type could have.
        return "json" if _holds(nested[0], {nested[0], owner}, models) else f"struct<{nested[0]}>"
    if len(members) != 1:
        return "json"
    [only] = members
    if only.kind == "scalar":
        return _SCALARS.get(only.name, "json")
    if only.kind in {"enum", "literal"}:
        if all(isinstance(value, str) for value in only.values):
            return "enum"
        return "int64" if all(type(value) is int for value in only.values) else "json"
    if only.kind == "list":
        return f"list<{_type(only.of[0], owner, models)}>"
    return "json"


def _holds(name: str, wanted: set[str], models: Mapping[str, ir.Model], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a model holds one of some models as a struct, however deep."""
    inside = {
        each.name
        for field in models[name].fields
        for each in field.type.walk()
        if each.kind == "model" and _type_of_reference(field.type, models) is None
    }
    return bool(inside & wanted) or any(_holds(each, wanted, models, seen | {name}) for each in inside - seen - {name})


def _type_of_reference(kind: Type, models: Mapping[str, ir.Model]) -> str | None:
    """Return `id` for a field of references, be it one or a list of them; None for any other."""
    inner = kind
    while len(inner.members) == 1 and inner.members[0].kind == "list":
        inner = inner.members[0].of[0]
    nested = [each.name for each in inner.members if each.kind == "model"]
    is_reference = len(nested) == 1 and _TEXT in inner.members
    return "id" if is_reference and any(field.name == "id" for field in models[nested[0]].fields) else None
