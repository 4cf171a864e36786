"""A run of a cluster: three pollers and a web client on PostgreSQL or Redis, which are killed, paused and cut off.

The pollers' clocks are an hour apart. Whatever happens to processes, database and network, each log is delivered; on
PostgreSQL, where the rows are in the same database, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import math
import random
import signal
import sqlite3
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg

from ev_energy_async import ClientCredentials, EvEnergy
from ev_energy_async.budget import Budget
from ev_energy_async.fleet import Coverage
from ev_energy_async.sandbox import FaultPlan, Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from tests.services.servers import PostgresServer, RedisServer

from .harness import ConsumerFailed
from .judge import Cost, Verdict, judge
from .network import Network
from .poller import POSTGRES_TABLE, PacedClock, PollerJob, stores_of
from .rows import TABLES, parsed, read
from .timing import START
from .world import arrivals

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable

    from ev_energy_async.messages.request import Handler, RawResponse, Request
    from ev_energy_async.sandbox import Served

    from .rows import Row

__all__ = ["ClusterOptions", "ClusterVerdict", "run"]

_ROOT: Final = Path(__file__).parents[2]
_SKEWS: Final = (0.0, 3_600.0, -3_600.0)
_STUCK: Final = 100.0  # terms
_STEP: Final = 0.5  # seconds that pass with a request of the one poller
_LIMIT: Final = 1_000_000


@attrs.frozen(kw_only=True)
class ClusterOptions:
    """The options of a run; seconds by the machine's clock unless they say otherwise.

    Attributes:
        vehicles: Number of vehicles.
        attacks: How many attacks there are, of all kinds in turn.
        ttl: Seconds of a term.
        speed: Speed of the sandbox's clock.
        every: Seconds between cycles by the sandbox's clock.
        complete_within: Seconds within which every log is delivered, and the past is read again, by the same.
        takes_over_within: Seconds after the end of a term within which another leader has begun.
        most_ratio: The most requests, as a multiple of those of one poller.
    """

    vehicles: int = 20
    attacks: int = 5
    ttl: float = 1.5
    speed: float = 120.0
    every: float = 120.0
    complete_within: float = 720.0
    takes_over_within: float = 2.0
    most_ratio: float = 1.05

    @property
    def quiet_cycles(self) -> int:
        """The cycles after the attacks in which the past is read again."""
        return math.ceil(1.4 * self.complete_within / self.every) + 3


@attrs.frozen(kw_only=True)
class ClusterVerdict:
    """The result of a run.

    Attributes:
        verdict: What was delivered.
        terms: How many terms there were.
        rivals: Epochs that more than one process had.
        pause: The longest time between two snapshots beyond the interval, less what the database was away.
        web: The longest time that a web call took.
        requests: Requests of all pollers.
        has_namespaces: Whether networks were cut by the kernel, not by a proxy.
        alone: What one poller makes that nothing disturbs, in as many cycles and the same time.
    """

    verdict: Verdict
    terms: int
    rivals: tuple[str, ...]
    pause: float
    web: float
    requests: int
    has_namespaces: bool
    alone: int

    @property
    def ratio(self) -> float:
        """The requests as a multiple of those of one poller."""
        return self.requests / self.alone

    def is_good(self, options: ClusterOptions) -> bool:
        """Return whether every promise was kept."""
        longest = options.ttl + options.takes_over_within
        return self.verdict.is_good and not self.rivals and self.pause <= longest and self.ratio <= options.most_ratio


@attrs.define
class _Cluster:
    options: ClusterOptions
    chance: random.Random
    folder: Path
    server: PostgresServer | RedisServer
    sandbox: Sandbox
    began: float
    lives: int = 0
    has_namespaces: bool = False
    away: float = 0.0
    places: dict[int, int] = attrs.field(factory=dict[int, int])
    pollers: dict[int, tuple[Process, Network]] = attrs.field(factory=dict[int, "tuple[Process, Network]"])

    @property
    def sink(self) -> Path | None:
        """The file for the events, on Redis."""
        return self.folder / "sink.db" if isinstance(self.server, RedisServer) else None

    async def start(self, place: int) -> None:
        """Start a poller with a network of its own."""
        network = Network(self.server.port)
        host, port = await network.start()
        self.has_namespaces = network.has_namespace
        self.lives += 1
        options = self.options
        found = self.server.url if isinstance(self.server, RedisServer) else self.server.dsn
        job = PollerJob(
            base_url=self.sandbox.base_url,
            token_url=self.sandbox.token_url,
            database=found.replace(f"127.0.0.1:{self.server.port}/", f"{host}:{port}/"),
            sink="" if self.sink is None else str(self.sink),
            roles=str(self.folder / "roles.txt"),
            life=self.lives,
            began=self.began,
            speed=options.speed,
            skew=_SKEWS[place % len(_SKEWS)],
            every=options.every,
            complete_within=options.complete_within,
            ttl=options.ttl,
            limit=_LIMIT,
        )
        with (self.folder / "said.txt").open("ab") as said:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.soak.poller", json.dumps(attrs.asdict(job))), cwd=_ROOT, stderr=said
            )
        self.pollers[place] = process, network

    async def stop(self, place: int) -> None:
        """Kill a poller."""
        process, network = self.pollers.pop(place)
        if process.returncode is None:
            process.kill()
        await process.wait()
        await network.stop()

    async def leader(self) -> int:
        """Return the place of a process that leads, or that of any."""
        roles = await asyncio.to_thread((self.folder / "roles.txt").read_text)
        lives = [line.split()[1] for line in roles.splitlines() if line.split()[2] == "leader"]
        for place, (process, _) in self.pollers.items():
            if process.returncode is not None:
                raise ConsumerFailed((self.folder / "said.txt").read_text()[-4_000:])
            if lives and str(self.places[place]) == lives[-1]:
                return place
        return self.chance.choice(list(self.pollers))

    async def kill(self) -> None:
        """Kill the leader, and start another process a while later."""
        place = await self.leader()
        await self.stop(place)
        await asyncio.sleep(self.chance.uniform(0, 2 * self.options.ttl))
        await self.begin(place)

    async def pause(self) -> None:
        """Stop the leader for longer than its term."""
        process, _ = self.pollers[await self.leader()]
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.options.ttl * self.chance.uniform(1.5, 3))
        process.send_signal(signal.SIGCONT)

    async def cut(self) -> None:
        """Cut the leader off from the database for longer than its term."""
        _, network = self.pollers[await self.leader()]
        await network.cut()
        await asyncio.sleep(self.options.ttl * self.chance.uniform(1.5, 3))
        await network.mend()

    async def restart(self) -> None:
        """Crash the database, and start it again."""
        began = time.monotonic()
        await asyncio.to_thread(self.server.restart)
        self.away = max(self.away, time.monotonic() - began)

    async def begin(self, place: int) -> None:
        """Start a poller, and remember which life it is."""
        await self.start(place)
        self.places[place] = self.lives


async def run(options: ClusterOptions, seed: int, folder: Path, server: PostgresServer | RedisServer) -> ClusterVerdict:
    """Run a cluster to its end, and judge it.

    Args:
        options: The options of the run.
        seed: The seed of all randomness.
        folder: The folder for its files.
        server: A database, which holds nothing of another run.

    Raises:
        ConsumerFailed: A poller ended by itself.
    """
    began, chance = time.monotonic(), random.Random(seed)
    clock = PacedClock(began, options.speed)
    (folder / "roles.txt").touch()
    if isinstance(server, PostgresServer):
        async with await psycopg.AsyncConnection.connect(server.dsn, autocommit=True) as connection:
            await connection.execute(POSTGRES_TABLE)
    else:
        with contextlib.closing(sqlite3.connect(folder / "sink.db")) as sink:
            for table in TABLES:
                sink.execute(table)
    sandbox = Sandbox(
        vehicles=options.vehicles,
        seed=seed,
        clock=clock,
        rate_limit=_LIMIT,
        faults=FaultPlan(arrivals(), seed),
        kept_requests=None,
    )
    async with sandbox:
        this = _Cluster(options, chance, folder, server, sandbox, began)
        web = asyncio.create_task(_call(this, clock))
        try:
            for place in range(3):
                await this.begin(place)
            await _cycles(this, START, 2)
            acts: list[Callable[[], Awaitable[None]]] = [this.kill, this.pause, this.cut, this.restart]
            chance.shuffle(acts)
            for number in range(options.attacks):
                await acts[number % len(acts)]()
                await asyncio.sleep(options.ttl + chance.uniform(0.5, 1.5))
            until = clock.now()
            await _cycles(this, until, options.quiet_cycles)
        finally:
            web.cancel()
            slowest = (await asyncio.gather(web, return_exceptions=True))[0]
            for place in list(this.pollers):
                await this.stop(place)
        ended, rows = clock.monotonic(), await _rows(this)
        truth = list(sandbox.fleet.logs("status_logs"))
        found = judge(rows, truth, until=until, began={}, removed={}, coverage=Coverage(), cost=Cost())
        snapshots = [served.at for served in sandbox.requests if served.operation == "vehicles.list"]
        gaps = [(after - before).total_seconds() for before, after in pairwise(snapshots)]
        pause = (max(gaps, default=0.0) - options.every) / options.speed
        terms, rivals = _roles(folder / "roles.txt")
        mine = [served for served in sandbox.requests if _is_of_pollers(served)]
        return ClusterVerdict(
            verdict=found,
            terms=terms,
            rivals=rivals,
            pause=max(0.0, pause - this.away),
            web=slowest if isinstance(slowest, float) else -1.0,
            requests=len(mine),
            has_namespaces=this.has_namespaces,
            alone=await _alone(options, seed, ended, ended / max(1, found.cycles)),
        )


def _is_of_pollers(served: Served) -> bool:
    return served.operation != "users.list" and not served.path.startswith("/o/")


async def _cycles(this: _Cluster, since: dt.datetime, wanted: int) -> None:
    """Wait until so many cycles are finished that began after a moment."""
    limit = time.monotonic() + _STUCK * this.options.ttl
    while sum(row.cycle is not None and row.cycle.began > since for row in await _rows(this)) < wanted:
        await this.leader()
        if time.monotonic() > limit:
            raise ConsumerFailed(f"it is stuck\n{(this.folder / 'said.txt').read_text()[-4_000:]}")
        await asyncio.sleep(1)


async def _alone(options: ClusterOptions, seed: int, seconds: float, every: float) -> int:
    """Return how many requests one poller makes with as many cycles in the same time of the sandbox, which jumps."""
    sandbox = Sandbox(
        vehicles=options.vehicles,
        seed=seed,
        clock=SteppedClock(START),
        rate_limit=_LIMIT,
        faults=FaultPlan(arrivals(), seed),
        kept_requests=None,
    )

    async def pass_time(request: Request[Any], following: Handler) -> RawResponse:
        sandbox.advance(_STEP)
        return await following(request)

    async with sandbox:
        clock = SandboxClock(sandbox)
        ev = EvEnergy(
            ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url),
            base_url=sandbox.base_url,
            clock=clock,
            budget=Budget(_LIMIT, clock=clock),
            middleware=[pass_time],
        )
        async with (
            ev,
            ev.fleet.watch(every=every, logs={"status"}, complete_within=options.complete_within) as watch,
        ):
            async for _ in watch:
                if sandbox.now() >= START + dt.timedelta(seconds=seconds):
                    break
        return sum(map(_is_of_pollers, sandbox.requests))


async def _call(this: _Cluster, clock: PacedClock) -> float:
    """Call the API as a web service does, until cancelled; return how long the slowest call took."""
    sandbox = this.sandbox
    credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
    found = this.server.url if isinstance(this.server, RedisServer) else this.server.dsn
    _, _, budget = stores_of(found, this.options.ttl, _LIMIT, clock)
    slowest = 0.0
    async with EvEnergy(credentials, base_url=sandbox.base_url, clock=clock, budget=budget) as ev:
        try:
            while True:
                began = time.monotonic()
                await ev.with_options(priority=1, deadline=20 * this.options.speed).users.list(page_size=1).page()
                slowest = max(slowest, time.monotonic() - began)
                await asyncio.sleep(0.3)
        except asyncio.CancelledError:
            return slowest
        finally:
            await budget.close()


async def _rows(this: _Cluster) -> list[Row]:
    """Return the rows in the order in which they were delivered.

    In PostgreSQL row and acknowledgement are one transaction: what a leader writes that has been succeeded is rolled
    back, and the rest is numbered as it was delivered. In the file a leader that is paused between being given an event
    and writing it down does so when the next one has delivered and acknowledged the same: its row comes last, its
    delivery came first. So there the rows are those of one term after the other.
    """
    if this.sink is not None:
        return sorted(read(this.sink, "explicit"), key=lambda row: row.life)
    assert isinstance(this.server, PostgresServer)
    async with await psycopg.AsyncConnection.connect(this.server.dsn) as connection:
        cursor = await connection.execute(
            "SELECT life, key, vehicle, at, late, seen, cycle FROM delivered ORDER BY number"
        )
        return [attrs.evolve(parsed(*row), acknowledged=True) for row in await cursor.fetchall()]


def _roles(path: Path) -> tuple[int, tuple[str, ...]]:
    """Return how many terms there were, and which epochs had two leaders."""
    terms: dict[str, set[str]] = {}
    for line in path.read_text().splitlines():
        _, life, name, epoch = line.split()
        if name == "leader":
            terms.setdefault(epoch, set()).add(life)
    return len(terms), tuple(epoch for epoch, lives in terms.items() if len(lives) > 1)
