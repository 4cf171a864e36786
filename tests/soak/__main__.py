"""`make soak`: kill, pause and cancel consumers of a watch while the API fails, and print a table of the results.

By default two runs with 2,000 vehicles, each in a process of its own, and ten small ones with simulated time.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click
from rich import box
from rich.console import Console
from rich.table import Table

from . import harness, stepped
from . import sinks as killed_sinks
from .rows import MODES
from .world import Options

if TYPE_CHECKING:
    from ev_energy_async.devices import WatchedLog

    from .judge import Verdict

_COLUMNS = (
    *("seed", "way", "vehicles", "cycles", "kills", "pauses", "events", "logs", "late", "repeated"),
    *("lost", "twice", "out of order", "requests", "minimum", "ratio", "rotation", "naive", "seconds", ""),
)
_MOST_RATIO = 1.10
_SHOWN = 10


@attrs.define
class _Runs:
    """The runs so far, as a table."""

    console: Console
    table: Table = attrs.field(factory=lambda: Table(box=box.SIMPLE_HEAD, pad_edge=False))
    are_good: bool = True

    def __attrs_post_init__(self) -> None:
        for name in _COLUMNS:
            self.table.add_column(name, justify="left" if name in {"way", ""} else "right", no_wrap=True)

    def add(self, seed: int, way: str, options: Options, verdict: Verdict, took: float) -> None:
        """Add a run, and print its violations at once."""
        cost = verdict.cost
        problems = {
            name: getattr(verdict, name) for name in ("lost", "twice", "disorder", "invented", "unfit", "doubtful")
        }
        is_good = verdict.is_good and cost.ratio <= _MOST_RATIO
        self.are_good &= is_good
        numbers = (verdict.events, verdict.logs, verdict.late, verdict.repeated)
        wrongs = (len(verdict.lost), len(verdict.twice), len(verdict.disorder))
        costs = (cost.requests, cost.minimum, f"{cost.ratio:.3f}", cost.rotation, cost.naive, f"{took:.0f}")
        told = (seed, way, options.vehicles, verdict.cycles, options.kills, options.pauses, *numbers, *wrongs, *costs)
        cells = [f"{each:,}" if isinstance(each, int) else str(each) for each in told]
        self.table.add_row(*cells, "good" if is_good else "[red]bad[/red]")
        self.console.print(f"{' '.join(cells)} {'good' if is_good else 'bad'}", highlight=False, soft_wrap=True)
        for name, found in problems.items():
            for each in found[:_SHOWN]:
                self.console.print(f"  {name}: {each}", highlight=False, soft_wrap=True)


def _told(result: killed_sinks.Result) -> bool:
    """Print what came of some sinks."""
    click.echo(
        f"{result.plan}, with {result.source}: {result.sinks} sinks, {result.kills} kills or more, "
        f"{len(result.lost)} lost a row, {len(result.twice)} wrote one twice, {len(result.left)} left a file behind"
    )
    return result.is_good


@click.command(context_settings={"show_default": True})
@click.option("--runs", type=click.IntRange(min=0), default=2, help="Runs with a consumer in a process of its own.")
@click.option("--steps", type=click.IntRange(min=0), default=10, help="Runs with simulated time, in this process.")
@click.option("--seed", type=int, default=1, help="The seed of the first run; later runs count up.")
@click.option("--vehicles", type=click.IntRange(min=1), default=2_000, help="Vehicles in runs with a consumer process.")
@click.option(
    "--stepped-vehicles", type=click.IntRange(min=1), default=60, help="Vehicles in runs with simulated time."
)
@click.option("--minutes", type=click.FloatRange(min=1), default=60, help="Duration by the sandbox's clock.")
@click.option("--kills", type=click.IntRange(min=0), default=4, help="How often a consumer is killed.")
@click.option(
    "--pauses", type=click.IntRange(min=0), default=2, help="How often it is paused; with simulated time, cancelled."
)
@click.option("--faults/--no-faults", default=True, help="Whether the API fails.")
@click.option(
    "--cluster", is_flag=True, help="Three pollers and a web client on PostgreSQL and Redis instead; see --runs."
)
@click.option("--slow", type=click.FloatRange(min=1), default=1, help="How many times slower, for a busy machine.")
@click.option(
    "--takes-over-within",
    type=click.FloatRange(min=0),
    default=2.0,
    help="Seconds after the end of a term within which another process leads; more on a busy machine.",
)
@click.option("--budget", is_flag=True, help="Five processes with one budget, for ten hours of a still clock, instead.")
@click.option("--hours", type=click.FloatRange(min=1), default=10, help="How many hours those are.")
@click.option("--tenants", type=click.IntRange(min=0), default=0, help="So many tenants and three workers instead.")
@click.option("--every", type=click.FloatRange(min=1), default=600, help="Seconds between two polls of a tenant.")
@click.option("--sinks", is_flag=True, help="Parquet sinks that are killed between every two steps instead.")
@click.option("--errors/--no-errors", default=False, help="Whether error logs are read too.")
def main(
    *,
    runs: int,
    steps: int,
    seed: int,
    vehicles: int,
    stepped_vehicles: int,
    minutes: float,
    kills: int,
    pauses: int,
    faults: bool,
    errors: bool,
    cluster: bool,
    slow: float,
    takes_over_within: float,
    budget: bool,
    hours: float,
    tenants: int,
    every: float,
    sinks: bool,
) -> None:
    """Soak-test watches over a fleet, and print the results."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it logs the connections that are cut on purpose
    if cluster or budget or tenants:
        from . import several  # noqa: PLC0415  # needs the drivers of the databases

        is_good = not cluster or several.clusters(range(seed, seed + runs), slow, takes_over_within)
        is_good = (not budget or several.budgets(hours)) and is_good
        is_good = (not tenants or several.users(tenants, every, seed)) and is_good
        sys.exit(0 if is_good else 1)
    if sinks:
        results = [_told(result) for result in killed_sinks.run(seed, runs)]
        sys.exit(0 if all(results) else 1)
    console = Console(width=None if sys.stdout.isatty() else 200)
    logs: tuple[WatchedLog, ...] = ("status", "error") if errors else ("status",)
    options = Options(vehicles=vehicles, minutes=minutes, kills=kills, pauses=pauses, faults=faults, logs=logs)
    if errors:
        options = attrs.evolve(options, limit=max(1_000, 40 * vehicles))
    done = _Runs(console)
    console.print(" ".join(_COLUMNS), highlight=False, soft_wrap=True)
    for number in range(seed, seed + runs):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            verdict = asyncio.run(harness.run(options, number, Path(folder)))
        done.add(number, MODES[number % len(MODES)], options, verdict, time.perf_counter() - began)
    small = attrs.evolve(options, vehicles=stepped_vehicles)
    if errors:
        small = attrs.evolve(small, limit=max(1_000, 40 * stepped_vehicles))
    for number in range(seed, seed + steps):
        began = time.perf_counter()
        verdict = asyncio.run(stepped.run(small, number))
        done.add(number, "stepped", small, verdict, time.perf_counter() - began)
    console.print(done.table)
    if not done.are_good:
        sys.exit(1)


if __name__ == "__main__":
    main()
