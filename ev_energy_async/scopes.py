"""The OAuth scopes that operations need, for applications that ask a user's consent."""

from __future__ import annotations

import importlib
from typing import Any

from ev_energy_async.api._scopes import Scope
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.messages import Operation

__all__ = ["Scope", "scopes_for"]


def scopes_for(*operations: str) -> list[Scope]:
    """Return the scopes that an application must request to call some operations.

    Args:
        operations: Their names on the client, e.g. `vehicles.list`.

    Raises:
        InvalidArgument: There is no operation of one of the names.

    Example:
        >>> [str(scope) for scope in scopes_for("vehicles.list", "charging_sessions.boost_start")]
        ['charging_session:write', 'vehicle:read']
    """
    return sorted({Scope(scope) for name in operations for scope in _needed(name)})


def _needed(operation: str) -> tuple[str, ...]:
    group = operation.partition(".")[0] if isinstance(operation, str) else ""
    if group.isidentifier() and not group.startswith("_"):
        try:
            module = importlib.import_module(f"ev_energy_async.api.{group}")
        except ModuleNotFoundError:
            pass
        else:
            values: list[Any] = list(vars(module).values())
            for found in values:
                if isinstance(found, Operation) and found.name == operation:
                    return found.scopes
    raise InvalidArgument("operations", operation, "the name of an operation on the client, as in 'vehicles.list'")
