"""A run in one process with simulated time: a watch that is cancelled and abandoned at random requests.

The same seed gives the same run. No process is killed: a crash leaves the checkpoint and the sink of a consumer, and a
new watch starts from these.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async import ClientCredentials, EvEnergy
from ev_energy_async.budget import Budget
from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.sandbox import FaultPlan, Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock

from .judge import Cost, Verdict, cost_of, judge
from .rows import Row, row_of
from .timing import START
from .world import TOKEN_LIFETIME, Options, arrivals, plan_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from ev_energy_async.fleet import Watch
    from ev_energy_async.messages.request import Handler, RawResponse, Request

__all__ = ["run"]

# Seconds that pass with each request.
_STEP = 0.05
_LONGEST_AWAY = 2_400.0
# The share of events after which a consumer that is to die is abandoned.
_ABANDONED = 0.02


@attrs.define
class _Consumer:
    """A consumer that dies and starts again."""

    options: Options
    seed: int
    sandbox: Sandbox
    time: SandboxClock
    checkpoint: MemoryCheckpoint = attrs.field(factory=MemoryCheckpoint)
    rows: list[Row] = attrs.field(factory=list[Row])
    life: int = 0
    requests: int = 0
    blow: int = 0
    task: asyncio.Task[Any] | None = None

    async def watched(self, request: Request[Any], following: Handler) -> RawResponse:
        """Let time pass with each request, and strike at the chosen one."""
        self.sandbox.advance(_STEP)
        self.requests += 1
        if self.requests == self.blow and self.task is not None:
            self.task.cancel()
        return await following(request)

    def client(self) -> EvEnergy:
        """Return the client of one life."""
        return EvEnergy(
            ClientCredentials("sandbox-client", "sandbox-secret", token_url=self.sandbox.token_url),
            base_url=self.sandbox.base_url,
            clock=self.time,
            budget=Budget(self.options.limit, clock=self.time),
            middleware=[self.watched],
            random=random.Random(self.seed + self.life),
        )

    def watch(self, ev: EvEnergy) -> Watch:
        """Return a watch from the checkpoint on."""
        options = self.options
        return ev.fleet.watch(
            every=options.every,
            logs=options.logs,
            checkpoint=self.checkpoint,
            ack="explicit",
            complete_within=options.complete_within,
        )

    async def live(self, chance: random.Random, is_over: Callable[[], bool]) -> bool:
        """Consume until the end or until struck; return whether it was the end."""
        async with self.client() as ev:
            watch = self.watch(ev)
            while not is_over():
                self.task = asyncio.ensure_future(anext(watch))
                try:
                    event = await self.task
                except asyncio.CancelledError:
                    return False
                self.rows.append(row_of(event, self.life, self.time.now()))
                # A crash may come between two events as well as in a request.
                if self.blow and chance.random() < _ABANDONED:
                    return False
                # Some events are acknowledged together with later ones.
                if chance.random() < 0.7:
                    await event.ack()
                    self.acknowledged(len(self.rows))
        return True

    def finished_since(self, moment: dt.datetime) -> int:
        """Return how many cycles that began after a moment are finished."""
        return len({row.key for row in self.rows if row.cycle is not None and row.cycle.began > moment})

    def acknowledged(self, count: int) -> None:
        """Record how many rows are acknowledged."""
        while count and self.rows[count - 1].life == self.life and not self.rows[count - 1].acknowledged:
            count -= 1
            self.rows[count] = attrs.evolve(self.rows[count], acknowledged=True)


async def run(options: Options, seed: int) -> Verdict:
    """Run a watch, and return the verdict.

    Args:
        options: The options of the run; stalls, speed and timeouts have no effect.
        seed: The seed of all randomness.
    """
    clock = SteppedClock(START)
    chance = random.Random(seed)
    sandbox = Sandbox(
        vehicles=options.vehicles,
        seed=seed,
        clock=clock,
        rate_limit=options.limit,
        token_lifetime=TOKEN_LIFETIME,
        faults=plan_of(attrs.evolve(options, stall=0.0), seed),
        kept_requests=None,
    )
    time = SandboxClock(sandbox)
    async with sandbox:
        consumer = _Consumer(options, seed, sandbox, time)
        blows = options.kills + options.pauses
        breaks: list[dt.datetime] = []
        began: dict[str, dt.datetime] = {}
        removed: dict[str, dt.datetime] = {}
        end = options.minutes * 60
        while True:
            # A cycle makes some requests for every ten vehicles.
            consumer.blow = consumer.requests + chance.randint(3, 10 + options.vehicles) if blows else 0
            blows -= bool(blows)
            if await consumer.live(chance, lambda: time.monotonic() >= end):
                break
            breaks.append(clock.now())
            if not removed:  # of a small fleet only one may be missing at once
                gone = chance.choice([vehicle.id for vehicle in sandbox.world.vehicles])
                sandbox.fleet.remove(gone)
                removed[gone] = began[sandbox.fleet.add()] = clock.now()
            sandbox.advance(chance.choice((0.0, chance.uniform(0, _LONGEST_AWAY))))
            consumer.life += 1
        sandbox.faults = FaultPlan(arrivals(), seed)
        until = clock.now()
        consumer.life += 1
        consumer.blow = 0
        await consumer.live(chance, lambda: consumer.finished_since(until) >= options.quiet_cycles)
        cost = cost_of(consumer.rows, sandbox.requests, breaks) if options.logs == ("status",) else Cost()
        truth = [log for kind in options.logs for log in sandbox.fleet.logs(_LIST[kind])]
        async with consumer.client() as ev:
            coverage = await ev.fleet.coverage(consumer.checkpoint)
        return judge(consumer.rows, truth, until=until, began=began, removed=removed, coverage=coverage, cost=cost)


_LIST = {"status": "status_logs", "error": "error_logs"}
