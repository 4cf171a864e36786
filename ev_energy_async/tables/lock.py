"""The tables of the models, as the generator has laid them down in `tables.lock.json`: names, columns, types as text.

Columns stay what they are while the document changes, so that files that were written once are read beside new ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from ev_energy_async import models
from ev_energy_async._base import InvalidArgument
from ev_energy_async.values import Model

__all__ = ["LockedColumn", "LockedTable", "table_of"]


class LockedColumn(msgspec.Struct, frozen=True):
    """A column.

    Attributes:
        name: Its name.
        type: Its type, as text: see `columns`.
        field: The field of the model that fills it, if that has another name.
        key: Whether it is never null.
        unit: The unit of the field; empty if it has none.
        description: The meaning of the field; empty if none is known.
    """

    name: str
    type: str
    field: str = ""
    key: bool = False
    unit: str = ""
    description: str = ""


class LockedTable(msgspec.Struct, frozen=True):
    """A table.

    Attributes:
        table: Its name.
        version: Its version; a column that gets another type makes a new one.
        columns: Its columns.
        retired: Types of columns that older files have, by name.
    """

    table: str
    version: int
    columns: tuple[LockedColumn, ...]
    retired: dict[str, str]


_FILE: Final = Path(__file__).with_name("tables.lock.json")
_tables: Final[dict[str, LockedTable]] = {}


def table_of(model: object) -> LockedTable:
    """Return the table of a model.

    Raises:
        InvalidArgument: It is no model of `ev_energy_async.models`.
    """
    given: Any = model
    name: str = given.__name__ if isinstance(given, type) and issubclass(given, Model) else ""
    if not name or getattr(models, name, None) is not model:
        raise InvalidArgument("model", model, "a model of ev_energy_async.models")
    if not _tables:
        _tables.update(msgspec.json.decode(_FILE.read_bytes(), type=dict[str, LockedTable]))
    return _tables[name]
