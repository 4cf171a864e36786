"""Watch a fleet, and show its events and their cost in requests. `make demo` runs it.

It uses the embedded sandbox, whose time is simulated. With `--live` it reads from the real API, with credentials from
the environment. Nothing of the package imports it, and it never writes to the API. Needs the extras `[cli]` and
`[sandbox]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import sys
import time
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.live import Live

from ev_energy_async import ClientCredentials, EvEnergy, EvEnergyError, InvalidArgument
from ev_energy_async.demo.board import COLUMNS, Board, BoardHandler
from ev_energy_async.fleet import CycleFinished
from ev_energy_async.models import EVSEStatusLog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from ev_energy_async.sandbox import Sandbox

__all__ = ["COLUMNS", "Board", "main", "run"]

_LIVE_EVERY: Final = dt.timedelta(minutes=1)
_LIVE_CYCLES: Final = 2
# How often vehicles of the sandbox report.
_REPORT_EVERY: Final = dt.timedelta(minutes=30)
# The resolution of `datetime` in seconds: a shorter sleep would never end.
_LEAST: Final = 1e-6
# How many chargers the sandbox has for each vehicle.
_CHARGERS: Final = 0.01
_A_DAY: Final = 2  # charging sub-sessions of one charger


class SkippingClock:
    """A clock that moves the sandbox's time on instead of waiting, as soon as nobody has anything to do before.

    Attributes:
        streams: How many there are that sleep on it: as long as one of them works, time stands still.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.streams = 1
        self._sandbox = sandbox
        self._start = sandbox.now()
        self._wakes: list[float] = []

    def now(self) -> dt.datetime:
        """Return the sandbox's time."""
        return self._sandbox.now()

    def monotonic(self) -> float:
        """Return the seconds since its start."""
        return (self._sandbox.now() - self._start).total_seconds()

    async def sleep(self, delay: float) -> None:
        """Move time on, unless somebody works or wakes up before."""
        wake = self.monotonic() + max(delay, _LEAST)
        self._wakes.append(wake)
        try:
            while self.monotonic() < wake:
                await asyncio.sleep(0)
                if len(self._wakes) >= self.streams and min(self._wakes) == wake:
                    self._sandbox.advance(max(wake - self.monotonic(), _LEAST))
        finally:
            self._wakes.remove(wake)


def let_happen(sandbox: Sandbox, cycle: int) -> None:
    """Break connections, and add or remove a vehicle, in the sandbox's fleet."""
    fleet = sandbox.fleet
    here = [vehicle.id for vehicle in sandbox.world.vehicles]
    for vehicle in here[cycle :: max(2, len(here) // 4)]:
        fleet.integrate(vehicle, "INACTIVE")
    if cycle % 2:
        fleet.add()
    elif len(here) > 1:
        fleet.remove(here[-1])


@contextlib.asynccontextmanager
async def client(
    vehicles: int, chargers: int, seed: int, board: Board, *, live: bool
) -> AsyncGenerator[tuple[EvEnergy, Callable[[int], object]]]:
    """Yield a client of the real API or of a sandbox, and a function that changes the fleet after each cycle.

    The sandbox stops with the client. The function takes the number of the cycle.
    """
    if live:
        async with EvEnergy.from_env(read_only=True, middleware=[board.count]) as ev:
            if not ev.has_credentials:
                raise InvalidArgument("EV_ENERGY_CLIENT_ID", None, "credentials in the environment for --live")
            yield ev, lambda _cycle: None
        return
    from ev_energy_async.sandbox import Sandbox, SteppedClock  # noqa: PLC0415  # not needed for the real API

    # A fixed time, so that the same seed shows the same.
    clock = SteppedClock(dt.datetime(2026, 3, 16, 7, 0, tzinfo=dt.UTC))
    async with Sandbox(vehicles=vehicles, evses=chargers, seed=seed, clock=clock, console=True) as sandbox:
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        skipping = SkippingClock(sandbox)
        async with EvEnergy(credentials, base_url=sandbox.base_url, clock=skipping, middleware=[board.count]) as ev:
            yield ev, lambda cycle: let_happen(sandbox, cycle)


async def watch(
    ev: EvEnergy, board: Board, cycles: int, every: dt.timedelta | None, happens: Callable[[int], object]
) -> None:
    """Watch the fleet for some cycles."""
    watched = ev.fleet.watch(every=every, on_progress=board.note_progress, kinds={"vehicles", "evses"})
    async with watched:
        async for event in watched:
            board.take(event)
            if isinstance(event, CycleFinished) and event.kind == "vehicles":
                board.note_state(watched.state)
                if event.cycle >= cycles:
                    return
                happens(event.cycle)


async def busy_charger(ev: EvEnergy) -> str | None:
    """Return a charger that is charging; None if none is."""
    async for charger in ev.fleet.snapshot("evses"):
        log = charger.latest_status_log
        if isinstance(log, EVSEStatusLog) and log.is_charging:
            return charger.id
    return None


async def follow(ev: EvEnergy, board: Board, charger: str) -> None:
    """Follow the charging sub-sessions at a charger until it is cancelled."""
    since = ev.clock.now() - dt.timedelta(hours=1)
    async for event in ev.fleet.sub_sessions(since=since, evse=charger):
        board.take_session(event)


async def run(vehicles: int, seed: int, cycles: int, console: Console, *, live: bool, stays: bool = False) -> Board:
    """Run the demo, and return its board; with `stays`, not before it is cancelled."""
    board = Board()
    handler = BoardHandler(board)
    log = logging.getLogger("ev_energy_async")
    log.addHandler(handler)
    try:
        await _run(board, vehicles, seed, cycles, console, live=live, stays=stays)
    finally:
        log.removeHandler(handler)
    return board


async def _run(
    board: Board, vehicles: int, seed: int, cycles: int, console: Console, *, live: bool, stays: bool
) -> None:
    started = time.perf_counter()
    every = _LIVE_EVERY if live else None
    chargers = max(3, round(_CHARGERS * vehicles))
    async with client(vehicles, chargers, seed, board, live=live) as (ev, happens):
        fleet = f"the fleet at {ev.base_url}" if live else f"{vehicles:,} vehicles and {chargers:,} chargers"
        about = f"A watch of {fleet} for {cycles} cycles: which logs come, how late they are, and what they cost."
        console.print(about, highlight=False, soft_wrap=True)
        plan = ev.fleet.plan(vehicles, report_every=_REPORT_EVERY, evses=chargers, sub_sessions=_A_DAY)
        if not live:
            console.print(f"{plan}\n", highlight=False, soft_wrap=True)
            console.print(f"A sandbox of {vehicles:,} vehicles is at {ev.base_url}; its time is simulated.")
            inside = ev.base_url.replace("/v2", "/_sandbox/ui/")
            console.print(f"Look inside while it runs: {inside}\n", highlight=False, soft_wrap=True)
        board.now = ev.clock.now
        with Live(board, console=console, refresh_per_second=8):
            charger = await busy_charger(ev)
            following = None if charger is None else asyncio.create_task(follow(ev, board, charger))
            if following is not None and isinstance(ev.clock, SkippingClock):
                ev.clock.streams += 1
            try:
                await watch(ev, board, cycles, every, happens)
            finally:
                if following is not None:
                    following.cancel()
                    await asyncio.wait([following])
        console.print(board.worst(ev.clock.now()))
        if not live:
            console.print(board.requests(plan))
        console.print(f"{board.charging}.\n", highlight=False, soft_wrap=True)
        if charger is not None:
            console.print(board.sub_sessions(charger))
        console.print(f"{board.freshness}.", highlight=False, soft_wrap=True)
        if stays:
            console.print("The sandbox goes on. Stop with Ctrl+C.")
            await asyncio.Event().wait()
    console.print(f"[bold]{board.verdict}; {time.perf_counter() - started:.1f} s.[/bold]", soft_wrap=True)


@click.command()
@click.option(
    "--vehicles",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Size of the simulated fleet.",
)
@click.option("--seed", default=7, show_default=True, help="Seed of the simulated fleet.")
@click.option(
    "--cycles",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Number of cycles; at most two on the real API.",
)
@click.option("--live", is_flag=True, help="Read from the real API, with EV_ENERGY_CLIENT_ID and _SECRET.")
@click.option("--console", "stays", is_flag=True, help="Keep the sandbox running at the end, to look into its console.")
def main(*, vehicles: int, seed: int, cycles: int, live: bool, stays: bool) -> None:
    """Watch a fleet: its logs, added and removed vehicles, broken connections, and the cost in requests."""
    console = Console()
    shown = min(cycles, _LIVE_CYCLES) if live else cycles
    try:
        asyncio.run(run(vehicles, seed, shown, console, live=live, stays=stays and not live))
    except EvEnergyError as error:
        console.print(f"[red]{type(error).__name__}: {error}[/red]")
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("Stopped.")
