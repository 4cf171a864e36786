"""Watch a fleet, and show its events and their cost in requests. `make demo` runs it.

It uses the embedded sandbox, whose time is simulated. With `--live` it reads from the real API, with credentials from
the environment. Needs the extras `[cli]` and `[sandbox]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs
import click
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ev_energy_async import ClientCredentials, EvEnergy, EvEnergyError, InvalidArgument
from ev_energy_async.fleet import (
    CycleFinished,
    ErrorLogged,
    IntegrationChanged,
    PollFailed,
    StatusLogged,
    VehicleAdded,
    VehicleRemoved,
)
from ev_energy_async.models import Vehicle, VehicleIntegrated, VehicleStatusLog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from ev_energy_async.fleet import Plan, Progress, WatchEvent
    from ev_energy_async.sandbox import Sandbox

# A connected vehicle that has not reported for this long needs attention.
_STALE: Final = dt.timedelta(hours=12)
_LIVE_EVERY: Final = dt.timedelta(minutes=1)
_LIVE_CYCLES: Final = 2
# How often vehicles of the sandbox report.
_REPORT_EVERY: Final = dt.timedelta(minutes=30)
_SHOWN: Final = 12
# The resolution of `datetime` in seconds: a shorter sleep would never end.
_LEAST: Final = 1e-6
COLUMNS: Final = (
    *("cycle", "began", "newest", "history", "late", "errors", "links", "added", "removed", "failed"),
    *("requests", "naive", "left"),
)


@attrs.define
class Board:
    """The events so far, as tables.

    Attributes:
        vehicles: The vehicles of the fleet.
        newest: The time of each one's latest report.
        errors: The number of error logs of each.
        last_error: The latest error of each.
        cycles: The rows of the table, one per cycle.
        doing: The current activity.
        delays: Seconds from the storing of the newest logs to their delivery.
        spent: Requests by purpose, without those of the first cycle, which reads what is new to it.
        hours: How long the other cycles took.
    """

    vehicles: dict[str, Vehicle] = attrs.field(factory=dict[str, Vehicle])
    newest: dict[str, dt.datetime] = attrs.field(factory=dict[str, dt.datetime])
    errors: Counter[str] = attrs.field(factory=Counter[str])
    last_error: dict[str, str] = attrs.field(factory=dict[str, str])
    cycles: list[tuple[str, ...]] = attrs.field(factory=list[tuple[str, ...]])
    doing: str = "the first snapshot"
    delays: list[float] = attrs.field(factory=list[float])
    spent: Counter[str] = attrs.field(factory=Counter[str])
    hours: float = 0.0
    now: Callable[[], dt.datetime] | None = None
    _seen: Counter[str] = attrs.field(factory=Counter[str])
    _requests: int = 0
    _one_by_one: int = 0

    def take(self, event: WatchEvent) -> None:
        """Add an event."""
        self._seen[type(event).__name__] += 1
        match event:
            case StatusLogged(vehicle_id=vehicle_id, log=log):
                self._seen["late"] += event.late
                self._seen[event.via] += 1
                self._note_report(vehicle_id, log)
                if event.via == "snapshot" and self.now is not None and isinstance(log.logged_at, dt.datetime):
                    self.delays.append((self.now() - log.logged_at).total_seconds())
            case ErrorLogged(vehicle_id=vehicle_id, log=log):
                self.errors[vehicle_id] += 1
                self.last_error[vehicle_id] = str(log.error_code)
            case VehicleAdded(vehicle_id=vehicle_id, vehicle=vehicle):
                self.vehicles[vehicle_id] = vehicle
                self._note_report(vehicle_id, vehicle.latest_status_log)
            case IntegrationChanged(vehicle_id=vehicle_id, vehicle=vehicle):
                self.vehicles[vehicle_id] = vehicle
            case VehicleRemoved(vehicle_id=vehicle_id):
                del self.vehicles[vehicle_id]
            case CycleFinished():
                self._end_cycle(event)
            case _:
                pass

    def _note_report(self, vehicle_id: str, log: object) -> None:
        if isinstance(log, VehicleStatusLog) and isinstance(log.sampled_at, dt.datetime):
            self.newest[vehicle_id] = max(log.sampled_at, self.newest.get(vehicle_id, log.sampled_at))

    def _end_cycle(self, cycle: CycleFinished) -> None:
        seen, self._seen = self._seen, Counter()
        # The naive way reads the status logs and the error logs of each vehicle in each cycle.
        one_by_one = 2 * cycle.vehicles
        self._requests += cycle.spent.total
        self._one_by_one += one_by_one
        if cycle.cycle > 1:
            self.spent.update(attrs.asdict(cycle.spent))
            self.hours += max(cycle.duration, cycle.every) / 3_600
        kinds = ("snapshot", "read", "late", ErrorLogged, IntegrationChanged, VehicleAdded, VehicleRemoved, PollFailed)
        counts = (seen[kind if isinstance(kind, str) else kind.__name__] for kind in kinds)
        numbers = (*counts, cycle.spent.total, one_by_one, cycle.budget_remaining)
        self.cycles.append((str(cycle.cycle), f"{cycle.began_at:%H:%M}", *(f"{each:,}" for each in numbers)))
        self.doing = f"waiting; cycles start {cycle.every / 60:.0f} min apart"

    def note_progress(self, progress: Progress) -> None:
        """Show the progress of a cycle."""
        at = "snapshot" if progress.phase == "snapshot" else f"logs, {progress.waiting:,} collections to read"
        self.doing = f"cycle {progress.cycle}: {at}; {progress.vehicles:,} vehicles, {progress.spent.total:,} requests"

    def __rich__(self) -> Group:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        for name in COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.cycles:
            table.add_row(*row)
        return Group(table, Text(f"{self.doing}\n", style="dim"))

    @property
    def verdict(self) -> str:
        """The cost, compared with the naive way."""
        share = self._requests / self._one_by_one if self._one_by_one else 0
        naive = f"reading every vehicle in every cycle takes {self._one_by_one:,}"
        return f"{self._requests:,} requests; {naive} ({share:.1%})"

    def requests(self, plan: Plan) -> Table:
        """Return the requests an hour by purpose, beside those that were planned."""
        table = Table(title="requests an hour", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("for", "planned", "made"):
            table.add_column(name, justify="left" if name == "for" else "right")
        for name, planned in attrs.asdict(plan.requests).items():
            if name != "backfill":
                made = self.spent[name] / self.hours if self.hours else 0.0
                table.add_row(name, f"{planned:,.0f}", f"{made:,.0f}")
        made = sum(self.spent.values()) / self.hours if self.hours else 0.0
        table.add_row("all", f"{plan.requests.total:,.0f}", f"{made:,.0f}")
        return table

    @property
    def freshness(self) -> str:
        """The time from the storing of the newest logs to their delivery, in words."""
        if not self.delays:
            return "No vehicle has reported."
        ranked = sorted(self.delays)
        half, last = ranked[len(ranked) // 2], ranked[int(0.99 * (len(ranked) - 1))]
        return (
            f"{len(ranked):,} newest logs were delivered after {half / 60:.1f} min (half of them)"
            f" and {last / 60:.1f} min (99 %)"
        )

    def worst(self, now: dt.datetime) -> Table:
        """Return the vehicles that need attention, those with the most errors first."""
        wanted = [(vehicle, why) for vehicle in self.vehicles.values() if (why := self.attention(vehicle, now))]
        table = Table(title=f"{len(wanted):,} vehicles need attention", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("vehicle", "why", "errors", "last error"):
            table.add_column(name, no_wrap=True, justify="right" if name == "errors" else "left")
        wanted.sort(key=lambda pair: (-self.errors[pair[0].id], pair[0].id))
        for vehicle, why in wanted[:_SHOWN]:
            row = (vehicle.id, why, str(self.errors[vehicle.id]), self.last_error.get(vehicle.id, ""))
            table.add_row(*row)
        if rest := wanted[_SHOWN:]:
            table.add_row(f"and {len(rest)} more", "", str(sum(self.errors[vehicle.id] for vehicle, _ in rest)), "")
        return table

    def attention(self, vehicle: Vehicle, now: dt.datetime) -> str | None:
        """Return why a vehicle needs attention; None if it does not."""
        if vehicle.integrated is VehicleIntegrated.INACTIVE:
            return "connection lost"
        if vehicle.integrated is not VehicleIntegrated.ACTIVE or vehicle.disabled:
            return None
        newest = self.newest.get(vehicle.id)
        if newest is None:
            return "never reported"
        silent = now - newest
        return f"silent for {silent.total_seconds() / 3600:.0f} h" if silent > _STALE else None


class BoardHandler(logging.Handler):
    """Shows log messages of the package on a board."""

    def __init__(self, board: Board) -> None:
        super().__init__(logging.INFO)
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message."""
        self._board.doing = record.getMessage()


class SkippingClock:
    """A clock that moves the sandbox's time on instead of waiting."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._start = sandbox.now()

    def now(self) -> dt.datetime:
        """Return the sandbox's time."""
        return self._sandbox.now()

    def monotonic(self) -> float:
        """Return the seconds since its start."""
        return (self._sandbox.now() - self._start).total_seconds()

    async def sleep(self, delay: float) -> None:
        """Move time on."""
        await asyncio.sleep(0)
        self._sandbox.advance(max(delay, _LEAST))


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
    vehicles: int, seed: int, console: Console, *, live: bool
) -> AsyncGenerator[tuple[EvEnergy, Callable[[int], object]]]:
    """Yield a client of the real API or of a sandbox, and a function that changes the fleet after each cycle.

    The sandbox stops with the client. The function takes the number of the cycle.
    """
    if live:
        async with EvEnergy.from_env(read_only=True) as ev:
            if not ev.has_credentials:
                raise InvalidArgument("EV_ENERGY_CLIENT_ID", None, "credentials in the environment for --live")
            console.print(f"Reading from {ev.base_url}.")
            yield ev, lambda _cycle: None
        return
    from ev_energy_async.sandbox import Sandbox, SteppedClock  # noqa: PLC0415  # not needed for the real API

    # A fixed time, so that the same seed shows the same.
    clock = SteppedClock(dt.datetime(2026, 3, 16, 7, 0, tzinfo=dt.UTC))
    async with Sandbox(vehicles=vehicles, seed=seed, clock=clock, console=True) as sandbox:
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        async with EvEnergy(credentials, base_url=sandbox.base_url, clock=SkippingClock(sandbox)) as ev:
            yield ev, lambda cycle: let_happen(sandbox, cycle)


async def watch(
    ev: EvEnergy, board: Board, cycles: int, every: dt.timedelta | None, happens: Callable[[int], object]
) -> None:
    """Watch the fleet for some cycles."""
    watched = ev.fleet.watch(every=every, on_progress=board.note_progress)
    async with watched:
        async for event in watched:
            board.take(event)
            if isinstance(event, CycleFinished):
                if event.cycle >= cycles:
                    return
                happens(event.cycle)


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
    async with client(vehicles, seed, console, live=live) as (ev, happens):
        plan = ev.fleet.plan(vehicles, report_every=_REPORT_EVERY)
        if not live:
            console.print(f"{plan}\n", highlight=False, soft_wrap=True)
            console.print(f"A sandbox with {vehicles:,} vehicles listens on {ev.base_url}; its time is simulated.")
            inside = ev.base_url.replace("/v2", "/_sandbox/ui/")
            console.print(f"Look inside while it runs: {inside}\n", highlight=False, soft_wrap=True)
        board.now = ev.clock.now
        with Live(board, console=console, refresh_per_second=8):
            await watch(ev, board, cycles, every, happens)
        console.print(board.worst(ev.clock.now()))
        if not live:
            console.print(board.requests(plan))
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


if __name__ == "__main__":
    main()
