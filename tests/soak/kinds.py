"""A run with all kinds of devices and charging sub-sessions at once, with webhooks that are lost, doubled and late.

In one process, with simulated time: `python -m tests.soak.kinds`. The watch and the stream of sub-sessions share a
client and a checkpoint; both are abandoned at random requests, and begin anew.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import click
from aiohttp import web
from aiohttp.test_utils import TestServer

from ev_energy_async import ClientCredentials, EvEnergy
from ev_energy_async.budget import Budget
from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet import (
    CycleFinished,
    DeviceRemoved,
    PollFailed,
    SubSessionEnded,
    SubSessionRevised,
    VehicleRemoved,
)
from ev_energy_async.fleet.events import LogEvent
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import WebhookDelayed, WebhookDuplicated, WebhookLost
from ev_energy_async.sandbox.webhooks import WEBHOOK_SECRET
from ev_energy_async.testing import SandboxClock
from ev_energy_async.webhooks import WebhookVerifier, webhook_handler

from .kinds_cost import Life, Need, Reads, Told, needs_of
from .kinds_judge import Outcome, judged_sessions, stored
from .rows import Row, row_of
from .timing import START
from .world import TOKEN_LIFETIME, Options, arrivals, plan_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable

    from ev_energy_async.devices import WatchedKind
    from ev_energy_async.fleet import SubSessionEvent, SubSessions, Watch, WatchEvent
    from ev_energy_async.messages.request import Handler, RawResponse, Request

__all__ = ["KindsOptions", "run"]

KINDS: Final = cast("frozenset[WatchedKind]", frozenset(DEVICES))
_STEP: Final = 0.05  # seconds that pass with each request
_EVERY: Final = 600.0
_PLENTY: Final = 10**9
# In the morning, so that the charging of the night ends.
BEGIN: Final = START.replace(hour=5)
_LONGEST_AWAY: Final = 2_400.0


def _usual_time(options: KindsOptions) -> float:
    return 3_600.0 if options.limit is None else 86_400.0


@attrs.frozen(kw_only=True)
class KindsOptions:
    """The options of a run.

    Attributes:
        vehicles: Number of vehicles.
        evses: Number of chargers; homes have batteries, meters and inverters by themselves.
        minutes: How long, by the sandbox's clock; a quiet phase follows.
        kills: How often everything is abandoned.
        errors: Whether error logs are read too.
        faults: Whether the API fails.
        limit: Requests per hour that the API allows; None for as many as one likes.
        complete_within: Within how many seconds late logs are found; an hour, and a day with a limit.
    """

    vehicles: int = 30
    evses: int = 20
    minutes: float = 900.0
    kills: int = 3
    errors: bool = False
    faults: bool = True
    limit: int | None = None
    complete_within: float = attrs.Factory(_usual_time, takes_self=True)

    @property
    def quiet_cycles(self) -> int:
        """The cycles in which what is still due comes, and the past is read again."""
        return 3 + math.ceil(self.complete_within / _EVERY)


_USUAL: Final = KindsOptions()


class _PoliteClock(SandboxClock):
    """Time stands still while a request is under way: the streams that sleep do not overtake it."""

    async def sleep(self, delay: float) -> None:
        """Sleep, and see to it that others are heard first."""
        while self._sandbox.under_way:  # noqa: ASYNC110  # real sockets tell nobody
            await asyncio.sleep(0)
        await super().sleep(delay)


@attrs.define
class _Run:
    options: KindsOptions
    chance: random.Random
    sandbox: Sandbox
    clock: _PoliteClock
    checkpoint: MemoryCheckpoint = attrs.field(factory=MemoryCheckpoint)
    rows: dict[str, list[Row]] = attrs.field(factory=lambda: {kind: list[Row]() for kind in (*DEVICES, "sub")})
    sessions: list[SubSessionEvent] = attrs.field(factory=list["SubSessionEvent"])
    acknowledged: set[str] = attrs.field(factory=set[str])
    twice: list[str] = attrs.field(factory=list[str])
    repeated: int = 0
    seen: set[str] = attrs.field(factory=set[str])
    hooks: list[bool] = attrs.field(factory=list[bool])
    reads: Reads = attrs.field(factory=Reads)
    shown: set[str] = attrs.field(factory=set[str])
    removed: set[str] = attrs.field(factory=set[str])
    devices: dict[str, int] = attrs.field(factory=dict[str, int])
    lives: list[float] = attrs.field(factory=list[float])
    told: Callable[[web.Request], Awaitable[web.Response]] | None = None
    requests: int = 0
    blow: int = 0
    cycles: Counter[str] = attrs.field(factory=Counter[str])
    length: tuple[float, int] = (0.0, 0)
    over: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def counted(self, request: Request[Any], following: Handler) -> RawResponse:
        """Let time pass with each request, and strike at the chosen one."""
        self.sandbox.advance(_STEP)
        self.requests += 1
        self._end_if_over()
        self.reads.note(request.target, len(self.sandbox.requests))
        return await following(request)

    async def heard(self, request: web.Request) -> web.Response:
        """Take a webhook, as long as there is somebody."""
        return web.Response(status=503) if self.told is None else await self.told(request)

    async def live(self, seconds: float, cycles: int = 0) -> None:
        """Consume until a time, or until struck; and until each kind has finished so many cycles."""
        self.cycles.clear()
        self.over.clear()
        self.length = seconds, cycles
        began = self.clock.monotonic()
        ev = EvEnergy(
            ClientCredentials("sandbox-client", "sandbox-secret", token_url=self.sandbox.token_url),
            base_url=self.sandbox.base_url,
            clock=self.clock,
            budget=Budget(_PLENTY, clock=self.clock),
            middleware=[self.counted],
            random=random.Random(len(self.lives)),
        )
        async with ev:
            watch = ev.fleet.watch(
                kinds=KINDS,
                every=_EVERY,
                complete_within=self.options.complete_within,
                logs={"status", "error"} if self.options.errors else {"status"},
                checkpoint=self.checkpoint,
                ack="explicit",
            )
            sessions = ev.fleet.sub_sessions(every=_EVERY, checkpoint=self.checkpoint, ack="explicit")
            verifier = WebhookVerifier(WEBHOOK_SECRET, clock=self.clock)
            self.told = webhook_handler(verifier, watch=[watch, _Counting(sessions, self.hooks)])
            ended = asyncio.ensure_future(self.over.wait())
            over = [asyncio.ensure_future(self._consume(each)) for each in (watch, sessions)]
            try:
                await asyncio.wait([*over, ended], return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.told = None
                for each in (*over, ended):
                    each.cancel()
                outcomes = await asyncio.gather(*over, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, Exception):
                    raise outcome
        self.lives.append(self.clock.monotonic() - began)

    def news(self) -> Told:
        """Return what came of all lives."""
        return Told(
            logs={row.key for rows in self.rows.values() for row in rows if row.at},
            shown=self.shown,
            sessions=len({it.key for it in self.sessions if isinstance(it, SubSessionEnded | SubSessionRevised)}),
            removed=len(self.removed),
        )

    def _end_if_over(self) -> None:
        seconds, cycles = self.length
        is_struck = 0 < self.blow <= self.requests
        if is_struck or (self.clock.monotonic() >= seconds and all(self.cycles[kind] >= cycles for kind in DEVICES)):
            self.over.set()

    async def _consume(self, stream: Watch | SubSessions) -> None:
        held: list[str] = []
        async for event in stream:
            self._take(event)
            held.append(event.key)
            # Some events are acknowledged together with later ones.
            if self.chance.random() < 0.7:
                await event.ack()
                self.acknowledged.update(held)
                held.clear()

    def _take(self, event: WatchEvent | SubSessionEvent) -> None:
        is_trouble = isinstance(event, PollFailed)
        if event.key in self.acknowledged and not is_trouble:
            self.twice.append(event.key)
        self.repeated += event.key in self.seen
        self.seen.add(event.key)
        kind = getattr(event, "kind", "sub")
        if kind in DEVICES:
            self.rows[kind].append(row_of(cast("WatchEvent", event), len(self.lives), self.clock.now()))
        elif not is_trouble:
            self.sessions.append(cast("SubSessionEvent", event))
        if isinstance(event, LogEvent) and event.via == "snapshot":
            self.shown.add(event.key)
        if isinstance(event, VehicleRemoved | DeviceRemoved):
            self.removed.add(event.key)
        if isinstance(event, CycleFinished):
            self.devices[event.kind] = event.vehicles
            self.cycles[event.kind] += 1
            self._end_if_over()


@attrs.frozen
class _Counting:
    """Tells a stream of webhooks, and counts those that brought news."""

    stream: SubSessions
    found: list[bool]

    def notify(self, event: Any) -> bool:
        """Pass an event on."""
        is_news = self.stream.notify(event)
        self.found.append(is_news)
        return is_news


def _hook_faults(options: KindsOptions, seed: int) -> FaultPlan:
    faults = plan_of(Options(faults=options.faults, stall=0.0), seed)
    hooks = (
        Rule(WebhookLost(), probability=0.2),
        Rule(WebhookDuplicated(seconds=900.0), probability=0.3),
        Rule(WebhookDelayed(seconds=1_800.0), probability=0.3),
    )
    return FaultPlan((*faults.rules, *hooks), seed)


async def run(options: KindsOptions, seed: int) -> Outcome:
    """Run both streams, and return what came of it.

    Args:
        options: The options of the run.
        seed: The seed of all randomness.
    """
    receiver = web.Application()

    async def post(request: web.Request) -> web.Response:
        return await this.heard(request)

    receiver.router.add_post("/hooks", post)
    async with TestServer(receiver) as server:
        sandbox = Sandbox(
            vehicles=options.vehicles,
            evses=options.evses,
            seed=seed,
            clock=SteppedClock(BEGIN),
            rate_limit=options.limit or _PLENTY,
            token_lifetime=TOKEN_LIFETIME,
            faults=_hook_faults(options, seed),
            webhook_url=str(server.make_url("/hooks")),
            kept_requests=None,
        )
        async with sandbox:
            this = _Run(options, random.Random(seed), sandbox, _PoliteClock(sandbox))
            with this.reads.told_apart():
                return await _course(this)


async def _course(this: _Run) -> Outcome:
    sandbox, chance, options = this.sandbox, this.chance, this.options
    for _ in range(options.kills):
        this.blow = this.requests + chance.randint(20, 600)
        await this.live(options.minutes * 60)
        sandbox.advance(chance.choice((0.0, chance.uniform(0, _LONGEST_AWAY))))
    this.blow = 0
    await this.live(options.minutes * 60)
    faults, until = sandbox.faults.rules, sandbox.now()
    sandbox.faults = FaultPlan(arrivals(), chance.randrange(10**6))
    await this.live(0, cycles=options.quiet_cycles)
    life = Life(
        seconds=sum(this.lives),
        every=_EVERY,
        complete_within=options.complete_within,
        token_lifetime=TOKEN_LIFETIME,
        devices=this.devices,
        faults=faults,
        until=until,
    )
    return await _judged(this, until, needs_of(sandbox.requests, this.reads, this.news(), life))


async def _judged(this: _Run, until: dt.datetime, needs: dict[str, Need]) -> Outcome:
    async with EvEnergy(
        ClientCredentials("sandbox-client", "sandbox-secret", token_url=this.sandbox.token_url),
        base_url=this.sandbox.base_url,
        clock=this.clock,
        budget=Budget(_PLENTY, clock=this.clock),
        deadline=_PLENTY,  # of a limited API the judge waits for each page
    ) as ev:
        lost: list[str] = []
        invented: list[str] = []
        logs = Counter[str]()
        for kind, rows in this.rows.items():
            if kind not in DEVICES:
                continue
            delivered = {row.key for row in rows if row.at}
            logs[kind] = len(delivered)
            # What an inverter has shown between two looks is kept nowhere.
            if kind != "inverters":
                begin = min(row.cycle.began for row in rows if row.cycle is not None)
                due, known = await stored(ev, kind, begin, until, errors=this.options.errors)
                lost += sorted(due - delivered)
                invented += sorted(delivered - known)
        wrong, count = await judged_sessions(ev, this.sessions, this.acknowledged, BEGIN, until)
    return Outcome(
        logs=logs,
        sub_sessions=count,
        hooks=(len(this.hooks), sum(this.hooks)),
        repeated=this.repeated,
        lost=(*lost, *wrong),
        twice=tuple(this.twice),
        invented=tuple(invented),
        needs=needs,
        is_limited=this.options.limit is not None,
    )


@click.command(context_settings={"show_default": True})
@click.option("--runs", type=click.IntRange(min=1), default=3, help="How many runs.")
@click.option("--seed", type=int, default=1, help="The seed of the first run; later runs count up.")
@click.option("--vehicles", type=click.IntRange(min=1), default=_USUAL.vehicles, help="Number of vehicles.")
@click.option("--evses", type=click.IntRange(min=0), default=_USUAL.evses, help="Number of chargers.")
@click.option("--minutes", type=click.FloatRange(min=1), default=_USUAL.minutes, help="How long, by the sandbox.")
@click.option("--kills", type=click.IntRange(min=0), default=_USUAL.kills, help="How often all is abandoned.")
@click.option("--errors", is_flag=True, help="Read error logs too.")
@click.option("--faults/--no-faults", default=_USUAL.faults, help="Whether the API fails.")
@click.option("--limit", type=click.IntRange(min=1), help="Requests an hour; by default as many as one likes.")
def main(*, runs: int, seed: int, **given: Any) -> None:
    """Run devices of all kinds and charging sub-sessions at once, and print what came of it."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it logs the connections that are cut on purpose
    options = KindsOptions(**given)
    are_good = True
    for number in range(seed, seed + runs):
        began = time.perf_counter()
        found = asyncio.run(run(options, number))
        are_good &= found.is_good
        click.echo("\n".join(found.lines(number, time.perf_counter() - began)))
    sys.exit(0 if are_good else 1)


if __name__ == "__main__":
    main()
