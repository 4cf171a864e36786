"""A tour of all operations: call each through the SDK, on a sandbox in this process, over real sockets.

`make tour` runs it, and so does `tests/test_tour.py`. It prints each operation with its statuses and checks; each
response is also checked against the document. It fails if a check fails, or if an operation is left out.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async import ClientCredentials, EvEnergy, EvEnergyError, StaticToken
from ev_energy_async.sandbox import Sandbox, SteppedClock

from .openapi import document
from .sandbox.conftest import START
from .tour_chapters import charging, evses, homes, operators, people, programs, vehicles
from .tour_kit import Tour, Visit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from ev_energy_async.models import User

_NAME_WIDTH: Final = 59


@attrs.frozen
class Report:
    """The result of a tour.

    Attributes:
        visits: The operations visited, in the order of their first visit.
        failed: The chapters that failed, with the error.
        count: How many operations there are.
    """

    visits: tuple[Visit, ...]
    failed: tuple[str, ...]
    count: int

    @property
    def succeeded(self) -> int:
        """The number of operations that succeeded and passed their checks."""
        return sum(not visit.failed and min(visit.statuses) < 400 for visit in self.visits)

    @property
    def is_complete(self) -> bool:
        """Whether every operation was called and every check passed."""
        return self.succeeded == self.count and not self.failed

    def lines(self) -> list[str]:
        """Return the table, the failures and the number of successes."""
        table: list[str] = []
        for visit in self.visits:
            noted = [*(f"NOT {each}" for each in visit.failed), *visit.checked]
            statuses = ", ".join(str(status) for status in sorted(visit.statuses))
            table.append(f"{visit.operation:{_NAME_WIDTH}} {statuses:9} {'; '.join(noted) or 'fits the document'}")
        return [*table, *self.failed, f"{self.succeeded} of {self.count} operations"]


@asynccontextmanager
async def begun() -> AsyncGenerator[Tour]:
    """Prepare a tour with a sandbox of its own."""
    async with Sandbox(vehicles=100, seed=7, clock=SteppedClock(START), rate_limit=100_000) as sandbox:
        tour = Tour(sandbox)
        auth = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        async with EvEnergy(auth, base_url=sandbox.base_url, middleware=[tour]) as tour.ev:
            yield tour


async def take() -> Report:
    """Take the whole tour; a chapter that fails does not stop the others."""
    failed: list[str] = []

    async with begun() as tour:

        async def read(chapter: Callable[[], Awaitable[object]]) -> None:
            try:
                await chapter()
            except (EvEnergyError, AssertionError, LookupError, StopIteration) as error:
                failed.append(f"FAILED after {list(tour.visits)[-1]}: {error!r}")

        await _story(tour, read)
        return Report(tuple(tour.visits.values()), tuple(failed), len(document().operations))


async def _story(tour: Tour, read: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]) -> None:
    user: User = await people.arrive(tour)
    await read(lambda: people.preferences(tour, user))
    await read(lambda: people.saved_routes(tour, user))
    await read(lambda: people.messages(tour))

    make, model = await vehicles.catalogue(tour)

    async def with_a_vehicle() -> None:
        vehicle = await vehicles.onboarding(tour, user, make)
        await vehicles.connected(tour, user, vehicle)

    await read(with_a_vehicle)
    await read(lambda: vehicles.unconnected(tour, user, model))
    await read(lambda: vehicles.logs(tour))

    await read(lambda: evses.catalogue(tour, user))
    await read(lambda: evses.imported(tour))
    await read(lambda: evses.logs(tour))

    await read(lambda: charging.boost(tour))
    await read(lambda: charging.energy(tour))
    await read(lambda: charging.prices(tour))

    await read(lambda: homes.batteries_and_meters(tour))
    await read(lambda: homes.flows(tour))

    token = StaticToken(tour.sandbox.issue_token(user=user.id))
    async with EvEnergy(token, base_url=tour.sandbox.base_url, middleware=[tour]) as own:
        await read(lambda: homes.sun(tour, user, own))
        await read(lambda: programs.membership(tour, user, own))
    await read(lambda: programs.rebates(tour, user))
    await read(lambda: programs.subscriptions(tour))

    await read(lambda: operators.regions(tour))
    await read(lambda: operators.dispatch(tour))
    await read(lambda: operators.support(tour))


def main() -> int:
    """Take the tour and print the result."""
    report = asyncio.run(take())
    print("\n".join(report.lines()))  # noqa: T201  # a program
    return 0 if report.is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
