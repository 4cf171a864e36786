"""Asking several things at once: what came of each, and what of it makes it vain to ask on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from ev_energy_async.errors import ApiError, BudgetExhausted, DecodeError, TransportError, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Job", "is_fatal", "outcomes_of"]

Job: TypeAlias = "Callable[[], Awaitable[Any]]"


def is_fatal(error: Exception) -> bool:
    """Whether nothing can be read any more, whatever the vehicle."""
    if isinstance(error, TransportError):
        return not error.passing
    if isinstance(error, BudgetExhausted | DecodeError):
        return False
    return not isinstance(error, ApiError) or isinstance(error, Unauthorized)


async def outcomes_of(jobs: list[Job]) -> list[Any]:
    """Return what each job gives, or the error it ends with. None goes on when this is cancelled."""

    async def outcome(job: Job) -> Any:
        try:
            return await job()
        except Exception as error:  # noqa: BLE001  # the caller tells them apart
            return error

    if len(jobs) == 1:
        return [await outcome(jobs[0])]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(job)) for job in jobs]
    return [task.result() for task in tasks]
