"""The main job, shown: a fleet polled end to end. `make demo` runs it.

On the embedded sandbox unless `--live` is given, which takes its credentials from the environment. It only reads.
Needs the extras `[cli]` and `[sandbox]`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import attrs
import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ev_energy_async import ClientCredentials, EvEnergy, EvEnergyError, InvalidArgument
from ev_energy_async.models import Vehicle, VehicleIntegrated, VehicleStatusLog

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ev_energy_async.messages import Handler, RawResponse, Request

# A connected vehicle that has not reported for this long wants a look.
_STALE: Final = dt.timedelta(hours=12)
_LOOK_BACK: Final = dt.timedelta(days=1)
_CONCURRENCY: Final = 20
_SHOWN: Final = 12
# The share of the hourly budget that the demo leaves to others.
_LEFT_ALONE: Final = 0.2


@attrs.define
class Meter:
    """A middleware that counts requests and remembers what the API said of the budget."""

    sent: int = 0
    limit: int | None = None
    remaining: int | None = None

    async def __call__(self, request: Request[Any], following: Handler) -> RawResponse:
        """Pass a request on and count it."""
        self.sent += 1
        response = await following(request)
        if response.rate_limit is not None:
            self.limit, self.remaining = response.rate_limit.limit, response.rate_limit.remaining
        return response


@attrs.frozen
class Finding:
    """What the logs of a vehicle that needs attention say."""

    vehicle: Vehicle
    why: str
    statuses: int
    errors: int
    last_error: str


def attention(vehicle: Vehicle, now: dt.datetime) -> str | None:
    """Return why a vehicle needs attention; None if it does not."""
    if vehicle.integrated is VehicleIntegrated.INACTIVE:
        return "connection lost"
    log = vehicle.latest_status_log
    if vehicle.integrated is not VehicleIntegrated.ACTIVE or vehicle.disabled:
        return None
    if not isinstance(log, VehicleStatusLog) or not isinstance(log.sampled_at, dt.datetime):
        return "never reported"
    silent = now - log.sampled_at
    return f"silent for {silent.total_seconds() / 3600:.0f} h" if silent > _STALE else None


def state_of(vehicle: Vehicle) -> str:
    """Return what a vehicle is doing, for the table."""
    if vehicle.disabled:
        return "disabled"
    log = vehicle.latest_status_log
    if not isinstance(log, VehicleStatusLog) or not log.state:
        return "unknown"
    return str(log.state).replace("_", " ").lower()


async def examine(ev: EvEnergy, vehicle: Vehicle, why: str, now: dt.datetime) -> Finding:
    """Read the recent status and error logs of a vehicle."""
    handle = ev.vehicle(vehicle)
    statuses = await handle.status_logs(since=now - _LOOK_BACK).all()
    errors = await handle.error_logs(since=now - _LOOK_BACK).all()
    last = errors[0] if errors else None
    return Finding(vehicle, why, len(statuses), len(errors), str(last.error_code) if last else "")


async def poll(ev: EvEnergy, meter: Meter, now: dt.datetime, console: Console) -> None:
    """Poll the fleet, read the logs of vehicles that need attention, print what was found."""
    fleet: list[Vehicle] = []
    findings: list[Finding] = []
    failed: list[tuple[Vehicle, EvEnergyError]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        reading = progress.add_task("vehicles with their newest status", total=None)
        async for vehicle in ev.vehicles.list(expand=["latest_status_log"], page_size=100):
            fleet.append(vehicle)
            progress.advance(reading)
        progress.update(reading, total=len(fleet))

        wanted = [(vehicle, why) for vehicle in fleet if (why := attention(vehicle, now))]
        affordable = len(wanted)
        if meter.remaining is not None and meter.limit is not None:
            # Two requests a vehicle, and a rest for others who share the budget.
            affordable = max(0, int(meter.remaining - _LEFT_ALONE * meter.limit) // 2)
        looking = progress.add_task("logs of those that need attention", total=min(len(wanted), affordable))
        waiting = iter(wanted[:affordable])

        async def work() -> None:
            for vehicle, why in waiting:
                try:
                    findings.append(await examine(ev, vehicle, why, now))
                except EvEnergyError as error:
                    failed.append((vehicle, error))
                progress.advance(looking)

        async with asyncio.TaskGroup() as group:
            for _ in range(_CONCURRENCY):
                group.create_task(work())
    console.print(states(fleet))
    console.print(worst(findings, len(wanted)))
    for vehicle, error in failed:
        console.print(f"[red]{vehicle.id}: {error}[/red]")


def states(fleet: list[Vehicle]) -> Table:
    """Return the fleet by state."""
    table = Table(title=f"Fleet of {len(fleet):,} vehicles", box=box.SIMPLE_HEAD)
    for name, justify in (("state", "left"), ("vehicles", "right"), ("mean charge", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    levels: dict[str, list[int]] = {}
    counts = Counter(map(state_of, fleet))
    for vehicle in fleet:
        log = vehicle.latest_status_log
        if isinstance(log, VehicleStatusLog) and isinstance(log.state_of_charge_percentage, int):
            levels.setdefault(state_of(vehicle), []).append(log.state_of_charge_percentage)
    for state, count in counts.most_common():
        known = levels.get(state)
        table.add_row(state, f"{count:,}", f"{sum(known) / len(known):.0f} %" if known else "-")
    return table


def worst(findings: list[Finding], wanted: int) -> Table:
    """Return the vehicles that need attention, those with most errors first."""
    more = f"; {wanted - len(findings):,} not read" if wanted > len(findings) else ""
    title = f"{wanted:,} vehicles need attention{more} (logs of the last {_LOOK_BACK / dt.timedelta(hours=1):.0f} h)"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("vehicle", no_wrap=True)
    table.add_column("why", no_wrap=True)
    for name in ("logs", "errors"):
        table.add_column(name, justify="right")
    table.add_column("last error", no_wrap=True)
    ranked = sorted(findings, key=lambda f: (-f.errors, f.vehicle.id))
    for finding in ranked[:_SHOWN]:
        row = (finding.vehicle.id, finding.why, str(finding.statuses), str(finding.errors), finding.last_error)
        table.add_row(*row)
    if len(ranked) > _SHOWN:
        rest = ranked[_SHOWN:]
        table.add_row(f"and {len(rest)} more", "", "", str(sum(f.errors for f in rest)), "")
    return table


@contextlib.asynccontextmanager
async def client(vehicles: int, seed: int, meter: Meter, console: Console, *, live: bool) -> AsyncGenerator[EvEnergy]:
    """Give a client for the real API, or for a sandbox that runs as long as the client is used."""
    if live:
        async with EvEnergy.from_env(middleware=[meter]) as ev:
            if not ev.has_credentials:
                raise InvalidArgument("EV_ENERGY_CLIENT_ID", None, "credentials in the environment for --live")
            console.print(f"Reading from {ev.base_url}.")
            yield ev
        return
    from ev_energy_async.sandbox import Sandbox  # noqa: PLC0415  # not needed for the real API

    async with Sandbox(vehicles=vehicles, seed=seed) as sandbox:
        console.print(f"A sandbox with {vehicles:,} vehicles listens on {sandbox.base_url}.")
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        async with EvEnergy(credentials, base_url=sandbox.base_url, middleware=[meter]) as ev:
            yield ev


async def run(vehicles: int, seed: int, console: Console, *, live: bool) -> None:
    """Run the demo."""
    meter = Meter()
    started = time.perf_counter()
    async with client(vehicles, seed, meter, console, live=live) as ev:
        await poll(ev, meter, dt.datetime.now(dt.UTC), console)
    spent = f"{meter.sent:,} requests in {time.perf_counter() - started:.1f} s"
    if meter.limit is not None and meter.remaining is not None:
        spent += f"; the hourly budget of {meter.limit:,} has {meter.remaining:,} left"
    console.print(f"[bold]{spent}.[/bold]")


def main(
    *,
    vehicles: Annotated[int, typer.Option(min=1, help="Size of the simulated fleet.")] = 1_000,
    seed: Annotated[int, typer.Option(help="What the simulated fleet is drawn from.")] = 7,
    live: Annotated[
        bool, typer.Option("--live", help="Read from the real API, with EV_ENERGY_CLIENT_ID and _SECRET.")
    ] = False,
) -> None:
    """Poll a fleet: every vehicle with its newest status, then the logs of those that need attention."""
    console = Console()
    try:
        asyncio.run(run(vehicles, seed, console, live=live))
    except EvEnergyError as error:
        console.print(f"[red]{type(error).__name__}: {error}[/red]")
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
