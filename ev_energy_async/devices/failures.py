"""The failure policy of everything that polls: what ends a run, what is waited out, and what is one device's alone.

`follow`, backfills, audits and the watch ask here. Pure, apart from `outcomes_of` and `Running`, which run jobs side by
side.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeAlias, TypeVar

from ev_energy_async.errors import (
    ApiError,
    BudgetExhausted,
    DecodeError,
    EvEnergyError,
    RateLimited,
    ServerError,
    TransportError,
    Unauthorized,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence

__all__ = ["MOST_WAITS", "Job", "Running", "is_fatal", "is_refusal", "is_transient", "outcomes_of", "settle"]

T = TypeVar("T")
R = TypeVar("R", bound="_Runs")

Job: TypeAlias = "Callable[[], Awaitable[Any]]"

MOST_WAITS: Final = 5
"""After so many failures in a row of everything that was asked, they count as failures of those devices."""


def is_transient(error: EvEnergyError) -> bool:
    """Return whether an error is to be waited out: nothing is wrong with what was asked for, or with who asked."""
    if isinstance(error, TransportError):
        return error.transient
    return isinstance(error, ServerError | RateLimited | BudgetExhausted)


def is_refusal(error: EvEnergyError) -> bool:
    """Return whether an error says that nobody may ask now, for want of budget."""
    return isinstance(error, RateLimited | BudgetExhausted)


def is_fatal(error: Exception) -> bool:
    """Return whether an error ends a run: refused credentials or a closed client, so that no device can be read."""
    if isinstance(error, TransportError):
        return not is_transient(error)
    if isinstance(error, BudgetExhausted | DecodeError):
        return False
    return not isinstance(error, ApiError) or isinstance(error, Unauthorized)


def settle(
    failures: Sequence[tuple[T, EvEnergyError]], *, answered: bool, waits: int
) -> tuple[list[EvEnergyError], list[tuple[T, EvEnergyError]]]:
    """Tell the failures that everybody waits out from those that belong to one device.

    Args:
        failures: What failed in one step, none of it fatal.
        answered: Whether any request of that step got a response.
        waits: How many steps in a row were waited out before.

    Returns:
        The errors to wait after, and the failures that count as such.
    """
    is_outage = not answered and len(failures) > 1 and all(is_transient(error) for _, error in failures)
    stays = is_outage and waits < MOST_WAITS
    waited = [error for _, error in failures if is_outage or is_refusal(error)]
    return waited, [(what, error) for what, error in failures if not (stays or is_refusal(error))]


async def _outcome(job: Job) -> Any:
    """Return the result of a job, or the error it ends with."""
    try:
        return await job()
    except Exception as error:  # noqa: BLE001  # the caller tells them apart
        return error


async def outcomes_of(jobs: Sequence[Job]) -> list[Any]:
    """Return the result of each job, or the error it ends with. All are cancelled with it."""
    if len(jobs) == 1:
        return [await _outcome(jobs[0])]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_outcome(job)) for job in jobs]
    return [task.result() for task in tasks]


class _Runs(Protocol):
    async def run(self) -> Any: ...


class Running(Generic[R]):
    """Jobs that run side by side, some of which may be started while others go on. None goes on after its block."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], R] = {}

    def __iter__(self) -> Iterator[R]:
        return iter(self._tasks.values())

    def start(self, jobs: Iterable[R]) -> None:
        """Start jobs."""
        for job in jobs:
            self._tasks[asyncio.create_task(_outcome(job.run), name="ev-energy-async job")] = job

    async def ended(
        self,
        awaited: Collection[R],
        timeout: float | None,  # noqa: ASYNC109  # a wait, not a limit
        *,
        is_first_enough: bool = False,
    ) -> list[tuple[R, Any]]:
        """Return what has ended, each job with its result or error.

        Args:
            awaited: The jobs to wait for.
            timeout: For how many seconds at the most; None for no limit.
            is_first_enough: Whether to wait for one of them, not for all.
        """
        until = asyncio.FIRST_COMPLETED if is_first_enough else asyncio.ALL_COMPLETED
        # In seconds of the machine: it bounds a wait for the network, as the timeout of a call does.
        awaiting = [task for task, job in self._tasks.items() if job in awaited]
        await asyncio.wait(awaiting, timeout=timeout, return_when=until)
        done = [task for task in self._tasks if task.done()]
        return [(self._tasks.pop(task), task.result()) for task in done]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
