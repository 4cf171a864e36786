"""A reader of the guides: runs an example with what readers have of their own, such as credentials and a database."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import datetime as dt
import inspect
import re
import sqlite3
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import AsyncMock

from ev_energy_async import ClientCredentials, EvEnergy, SqliteCheckpoint

from . import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.sandbox import Sandbox

__all__ = ["NAMES", "belongings", "run"]

NAMES: Final = frozenset(names.__annotations__)

_DATABASE: Final = "readers.db"
_PATIENCE: Final = 12
"""Sleeps of an example that never ends, such as a watch, after which the reader stops it."""


def belongings(sandbox: Sandbox, ev: EvEnergy) -> dict[str, Any]:
    """Return the value of each of `NAMES`. The database is a file in the current folder."""
    today = sandbox.now()
    with contextlib.closing(sqlite3.connect(_DATABASE)) as database:
        database.execute("CREATE TABLE status (key TEXT PRIMARY KEY, level INTEGER)")
    vehicles = [vehicle.id for vehicle in sandbox.world.vehicles]
    owned = {
        "ev": ev,
        "credentials": ClientCredentials(sandbox.client_id, sandbox.client_secret),
        "checkpoint": SqliteCheckpoint(_DATABASE),
        "vehicle_id": vehicles[0],
        "ids": vehicles[:3],
        "today": today,
        "yesterday": today - dt.timedelta(days=1),
        "last_week": today - dt.timedelta(days=7),
        "store": AsyncMock(),
        "warehouse": AsyncMock(),
        "on_event": AsyncMock(),
    }
    assert owned.keys() == NAMES
    return owned


def _with_ids_of(sandbox: Sandbox, code: str) -> str:
    """Return the code with IDs that the sandbox knows in place of those that the guide shows."""
    code = re.sub(r"\bvhcl01[0-9A-Z]{24}\b", next(iter(sandbox.world.vehicles)).id, code)
    return re.sub(r"\buser01[0-9A-Z]{24}\b", next(iter(sandbox.world.users)).id, code)


async def run(code: str, sandbox: Sandbox, owned: Mapping[str, Any]) -> dict[str, Any]:
    """Run an example on a sandbox, and return the names that it has then.

    One that runs or waits for an event loop of its own gets a thread for it. One that never ends is stopped after a
    while.
    """
    defined = {"__name__": "__main__", **owned}
    code = _with_ids_of(sandbox, code)
    compiled = compile(code, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with owned["checkpoint"]:
        if "asyncio.run" in code:
            await asyncio.to_thread(exec, compiled, defined)
        elif inspect.iscoroutine(running := eval(compiled, defined)):  # noqa: S307  # our own text
            await _until_it_waits_for_ever(running, owned["ev"].clock)
    for value in {id(value): value for value in defined.values() if isinstance(value, EvEnergy)}.values():
        await value.close()
    return defined


async def _until_it_waits_for_ever(running: Any, clock: Any) -> None:
    task = asyncio.ensure_future(running)
    sleep = clock.sleep

    async def patiently(delay: float) -> None:
        if len(clock.naps) >= _PATIENCE:
            task.cancel()
        await sleep(delay)

    clock.sleep = patiently
    try:
        await task
    except asyncio.CancelledError:
        if len(clock.naps) < _PATIENCE:
            raise
    finally:
        del clock.sleep
