"""A run with a consumer process: kill, pause and restart it until the fleet is quiet, then judge the result."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from ev_energy_async import ClientCredentials, EvEnergy
from ev_energy_async.checkpoint import SqliteCheckpoint
from ev_energy_async.sandbox import FaultPlan, Sandbox

from .consumer import Job
from .judge import KINDS, Cost, Verdict, cost_of, judge
from .rows import MODES, cycles_of, read
from .timing import SharedClock
from .world import TOKEN_LIFETIME, Options, arrivals, plan_of

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable

    from ev_energy_async.fleet import Coverage

__all__ = ["ConsumerFailed", "run"]

Act: TypeAlias = "Callable[[], Awaitable[None]]"

_ROOT: Final = Path(__file__).parents[2]
_LOOK: Final = 0.01
# A deadline of a call, and how long a pause lasts, in timeouts of one attempt.
_DEADLINE: Final = 3.0
_PAUSE: Final = 3.5
_LONGEST_AWAY: Final = 2_400.0
_STUCK: Final = 600.0
_LIST: Final = {"status": "status_logs", "error": "error_logs"}


class ConsumerFailed(Exception):
    """A consumer exited by itself; the text says how."""


@attrs.define
class _Run:
    """A run in progress."""

    options: Options
    seed: int
    folder: Path
    sandbox: Sandbox
    clock: SharedClock
    chance: random.Random
    life: int = 0
    process: Process | None = None
    pauses: list[dt.datetime] = attrs.field(factory=list[dt.datetime])
    began: dict[str, dt.datetime] = attrs.field(factory=dict[str, dt.datetime])
    removed: dict[str, dt.datetime] = attrs.field(factory=dict[str, dt.datetime])

    @property
    def mode(self) -> str:
        """The way in which its consumer acknowledges."""
        return MODES[self.seed % len(MODES)]

    @property
    def sink(self) -> Path:
        """The file for the consumer's events."""
        return self.folder / ("checkpoint.db" if self.mode == "transaction" else "sink.db")

    async def start(self) -> None:
        """Start the consumer."""
        options = self.options
        job = Job(
            base_url=self.sandbox.base_url,
            token_url=self.sandbox.token_url,
            clock=str(self.folder / "clock"),
            checkpoint=str(self.folder / "checkpoint.db"),
            sink=str(self.sink),
            mode=self.mode,
            life=self.life,
            seed=self.seed,
            every=options.every,
            complete_within=options.complete_within,
            logs=options.logs,
            limit=options.limit,
            timeout=options.timeout,
            deadline=options.timeout * _DEADLINE,
        )
        said = (self.folder / "said.txt").open("ab")
        with said:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.soak.consumer", json.dumps(attrs.asdict(job)), cwd=_ROOT, stderr=said
            )

    async def reach(self, seconds: float) -> None:
        """Wait for a time of the sandbox's clock, while sandbox and consumer work."""
        await self._wait(lambda: self.clock.monotonic() >= seconds)

    async def finish(self, cycles: int) -> None:
        """Wait until the consumer has finished so many cycles that began after now."""
        now = self.clock.now()
        await self._wait(lambda: sum(began > now for began in cycles_of(self.sink)) >= cycles)

    async def _wait(self, is_over: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + _STUCK
        while not is_over():
            process = self.process
            if process is not None and process.returncode is not None:
                said = (self.folder / "said.txt").read_text()
                raise ConsumerFailed(f"seed {self.seed}: it ended with {process.returncode}\n{said[-4_000:]}")
            if loop.time() > limit:
                raise ConsumerFailed(f"seed {self.seed}: it is stuck at {self.clock.now()}")
            await asyncio.sleep(_LOOK)

    async def somewhere(self) -> None:
        """Wait for a random moment of a cycle."""
        await asyncio.sleep(self.chance.uniform(0, 0.1 + 0.002 * self.options.vehicles))

    async def kill(self, *, again: bool = True) -> None:
        """Kill the consumer, and start another one after a while."""
        process = self.process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
        if again:
            self.clock.advance(self.chance.choice((0.0, self.chance.uniform(0, _LONGEST_AWAY))))
            self.life += 1
            await self.start()

    async def pause(self) -> None:
        """Stop the consumer for longer than any of its timeouts."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        self.pauses.append(self.clock.now())
        process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(self.options.timeout * _PAUSE)
            self.clock.advance(self.chance.uniform(0, _LONGEST_AWAY))
        finally:
            process.send_signal(signal.SIGCONT)
        self.pauses.append(self.clock.now())

    async def coverage(self) -> Coverage:
        """Return the coverage according to the consumer's checkpoint."""
        sandbox = self.sandbox
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        async with (
            EvEnergy(credentials, base_url=sandbox.base_url, clock=self.clock) as ev,
            SqliteCheckpoint(self.folder / "checkpoint.db") as checkpoint,
        ):
            return await ev.fleet.coverage(checkpoint)

    async def come_and_go(self) -> None:
        """Add one vehicle and remove another."""
        fleet = self.sandbox.fleet
        self.began[fleet.add()] = self.clock.now()
        here = [vehicle.id for vehicle in self.sandbox.world.vehicles if vehicle.id not in self.began]
        gone = self.chance.choice(here)
        fleet.remove(gone)
        self.removed[gone] = self.clock.now()


async def run(options: Options, seed: int, folder: Path) -> Verdict:
    """Run a consumer, and return the verdict.

    Args:
        options: The options of the run.
        seed: The seed of all randomness; also selects the way of acknowledging.
        folder: The folder for its files.

    Raises:
        ConsumerFailed: The consumer ended by itself, or does not go on.
    """
    clock = SharedClock.create(folder / "clock", options.speed)
    sandbox = Sandbox(
        vehicles=options.vehicles,
        seed=seed,
        clock=clock,
        rate_limit=options.limit,
        token_lifetime=TOKEN_LIFETIME,
        faults=plan_of(options, seed),
        kept_requests=None,
    )
    async with sandbox:
        this = _Run(options, seed, folder, sandbox, clock, random.Random(seed))
        await this.start()
        try:
            await _attack(this)
            sandbox.faults = FaultPlan(arrivals(), seed)
            until = clock.now()
            await this.finish(options.quiet_cycles)
        finally:
            await this.kill(again=False)
        rows = read(this.sink, this.mode)
        truth = [log for kind in options.logs for log in sandbox.fleet.logs(_LIST[kind])]
        status_only = options.logs == ("status",)
        coverage = await this.coverage()
        cost = cost_of(rows, sandbox.requests, this.pauses) if status_only else Cost()
        assert {log.kind for log in truth} <= set(KINDS)
        return judge(rows, truth, until=until, began=this.began, removed=this.removed, coverage=coverage, cost=cost)


async def _attack(this: _Run) -> None:
    """Kill, pause and change the fleet at random moments."""
    options = this.options
    changes = max(1, options.vehicles // 200)
    acts: list[Act] = []
    for each, times in ((this.kill, options.kills), (this.pause, options.pauses), (this.come_and_go, changes)):
        acts += [each] * times
    this.chance.shuffle(acts)
    length = options.minutes * 60
    moments = sorted(this.chance.uniform(0, length) for _ in acts)
    # Moving time on affects everything that is still to come.
    for moment, act in zip(moments, acts, strict=True):
        await this.reach(moment)
        await this.somewhere()
        await act()
    await this.reach(length)
