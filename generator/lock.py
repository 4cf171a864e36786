"""The lock file of the tables: `tables.lock.json`, in which columns stay what they are, whatever the document becomes.

Files that were written once are read beside new ones. So a column never changes its type: a field that does fills a new
column (`name_v2`), the old one is retired, and no other type takes its name. Columns that come later may be null.
`ev_energy_async.tables` makes its schemas of this file. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from generator.columns import Column, Table, nested_in

__all__ = ["difference", "locked", "read_lock", "write_lock"]


def locked(fresh: Mapping[str, Table], old: Mapping[str, Table]) -> dict[str, Table]:
    """Return the tables of a document, as far as older files leave them free.

    Args:
        fresh: The tables as the document alone would have them.
        old: The tables so far.
    """
    made: dict[str, Table] = {}
    changed: set[str] = set()
    for name in sorted({*fresh, *old}):
        before = old.get(name)
        table = fresh.get(name)
        if before is None:
            made[name] = fresh[name]
            continue
        made[name], has_changed = _locked(attrs.evolve(before, columns=()) if table is None else table, before)
        changed |= {name} if has_changed else set()
    # What holds a changed struct is changed with it.
    while more := {n for n, table in made.items() if n not in changed and nested_in(table.columns) & changed}:
        changed |= more
    return {
        name: attrs.evolve(table, version=old[name].version + (name in changed)) if name in old else table
        for name, table in made.items()
    }


def _locked(table: Table, old: Table) -> tuple[Table, bool]:
    """Return a table whose columns fit older files, and whether one has changed its type."""
    before = {column.field: column for column in old.columns}
    types = {**dict(old.retired), **{column.name: column.type for column in old.columns}}
    plain = {column.name for column in table.columns}
    columns: list[Column] = []
    has_changed = False
    for column in table.columns:
        was = before.get(column.field)
        if was is not None and was.type == column.type:
            columns.append(attrs.evolve(column, name=was.name, is_key=column.is_key and was.is_key))
            continue
        name = next(
            each
            for each in _names(column.name)
            if types.get(each, column.type) == column.type and (each == column.name or each not in plain)
        )
        has_changed = has_changed or was is not None or name != column.name
        columns.append(attrs.evolve(column, name=name, is_key=False))
    kept = {column.name for column in columns}
    retired = tuple(sorted((name, kind) for name, kind in types.items() if name not in kept))
    return attrs.evolve(table, name=old.name, columns=tuple(columns), retired=retired), has_changed


def _names(plain: str) -> Iterator[str]:
    yield plain
    number = 2
    while True:
        yield f"{plain}_v{number}"
        number += 1


def difference(old: Mapping[str, Table], new: Mapping[str, Table]) -> list[str]:
    """Return what is new, of another type, or gone in the tables, a line each."""
    lines: list[str] = []
    for name, table in new.items():
        before = old.get(name)
        if before is None:
            lines.append(f"{table.name}: new")
            continue
        was = {column.name: column for column in before.columns}
        fills = {column.field: column for column in before.columns}
        told = len(lines)
        for column in table.columns:
            filled = fills.get(column.field)
            if column.name in was:
                continue
            if filled is None:
                lines.append(f"{table.name}.{column.name}: new ({column.type}), null in older files")
            else:
                lines.append(
                    f"{table.name}.{column.name}: new ({column.type}), in place of {filled.name} ({filled.type})"
                )
        kept, fields = {column.name for column in table.columns}, {column.field for column in table.columns}
        gone = [each for each in before.columns if each.name not in kept and each.field not in fields]
        lines += [f"{table.name}.{each.name}: gone; older files keep it" for each in gone]
        if table.version != before.version:
            why = "" if len(lines) > told else ", for a column of what it holds"
            lines.append(f"{table.name}: version {table.version}{why}")
    return lines


def write_lock(tables: Mapping[str, Table]) -> str:
    """Return tables as the text of the lock file: a column a line."""
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {_written(table)}" for name, table in tables.items()) + "\n}\n"


def _written(table: Table) -> str:
    head = {"table": table.name, "version": table.version, "retired": dict(table.retired)}
    columns = ",\n".join(f"  {_line(column)}" for column in table.columns)
    return f'{json.dumps(head)[:-1]}, "columns": [\n{columns}\n]}}'


def _line(column: Column) -> str:
    facts: dict[str, Any] = {
        "name": column.name,
        "field": column.field if column.field != column.name else "",
        "type": column.type,
        "key": column.is_key,
        "unit": column.unit,
        "description": column.description,
    }
    return json.dumps({name: fact for name, fact in facts.items() if fact}, ensure_ascii=False)


def read_lock(text: str) -> dict[str, Table]:
    """Return the tables of a lock file; none of an empty text."""
    found: dict[str, Any] = json.loads(text or "{}")
    return {name: _read(name, each) for name, each in found.items()}


def _read(model: str, found: Mapping[str, Any]) -> Table:
    columns = tuple(
        Column(
            name=each["name"],
            field=each.get("field", each["name"]),
            type=each["type"],
            is_key=each.get("key", False),
            unit=each.get("unit", ""),
            description=each.get("description", ""),
        )
        for each in found["columns"]
    )
    return Table(model, found["table"], found["version"], columns, tuple(sorted(found["retired"].items())))
