"""Finds operations in the generated modules: by their group, and by the function that calls them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ev_energy_async.calls import Group, endpoint
from ev_energy_async.messages import Operation

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["group_of", "item_type_of", "operations_of"]


def group_of(name: str) -> type[Group]:
    """Return the group of operations of a module of `api`."""
    module = importlib.import_module(f"ev_energy_async.api.{name}")
    classes = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Group)]
    [group] = [each for each in classes if each.__module__ == module.__name__]
    return group


def operations_of(name: str) -> dict[str, tuple[Operation[Any], Callable[..., Any]]]:
    """Return the operations of a group with their functions, by their names on the group."""
    module = importlib.import_module(f"ev_energy_async.api.{name}")
    bound: dict[str, Any] = dict(vars(group_of(name)))
    rows: list[Operation[Any]] = [each for each in vars(module).values() if isinstance(each, Operation)]
    named = [(row.name.partition(".")[2], row) for row in rows]
    return {name: (row, bound[name].__wrapped__) for name, row in named if isinstance(bound[name], endpoint)}


def item_type_of(group: str, function: str) -> Any:
    """Return the type of the items of a list, by the name of its function, as in `list_vehicle_status_logs`."""
    [row] = [row for row, each in operations_of(group).values() if each.__name__ == function]
    return None if row.into is None else row.into()
