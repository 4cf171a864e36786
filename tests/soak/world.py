"""The world that consumers are tried in: what goes wrong with the API, and how logs come late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async.sandbox import FaultPlan, Rule
from ev_energy_async.sandbox.faults import (
    ExpiredToken,
    Latency,
    LateUploads,
    OfflineDevices,
    RateLimited,
    RepeatedLogs,
    Stall,
    TruncatedJson,
    Unavailable,
)

if TYPE_CHECKING:
    from ev_energy_async.devices import WatchedLog

__all__ = ["TOKEN_LIFETIME", "Options", "arrivals", "plan_of"]

TOKEN_LIFETIME: Final = 400.0
"""Seconds of the sandbox: a token does not live much longer than a cycle lasts."""

_TWO_DAYS: Final = 172_800.0
_PLENTY: Final = 1_000_000_000


@attrs.frozen(kw_only=True)
class Options:
    """How a run is made.

    Attributes:
        vehicles: How many vehicles there are at first.
        minutes: How long logs, faults and attacks go on, by the sandbox's clock; then it is quiet until the past was
            read again once.
        kills: How often the consumer is killed, or in its own process abandoned.
        pauses: How often it is paused, or in its own process cancelled.
        every: Seconds from one cycle to the next.
        reread_every: Seconds from one reading of the past to the next.
        logs: The kinds of logs.
        limit: Requests an hour that the API grants.
        faults: Whether the API fails.
        stall: Seconds that it stalls, by the machine's clock.
        timeout: Seconds that the consumer waits for an answer, by the machine's clock.
        speed: How many times as fast as the machine's clock the sandbox's runs.
    """

    vehicles: int = 100
    minutes: float = 90.0
    kills: int = 3
    pauses: int = 1
    every: float = 300.0
    reread_every: float = 3_600.0
    logs: tuple[WatchedLog, ...] = ("status",)
    limit: int = _PLENTY
    faults: bool = True
    stall: float = 0.2
    timeout: float = 1.0
    speed: float = 5.0


def arrivals() -> tuple[Rule, ...]:
    """Return the rules by which logs come late, out of order and twice."""
    return (
        Rule(LateUploads(share=0.05, seconds=_TWO_DAYS)),
        Rule(OfflineDevices(share=0.05, seconds=_TWO_DAYS)),
        Rule(RepeatedLogs(share=0.05, seconds=600)),
    )


def plan_of(options: Options, seed: int) -> FaultPlan:
    """Return what goes wrong while the consumer is tried."""
    if not options.faults:
        return FaultPlan(arrivals(), seed)
    faults = (
        Rule(Unavailable(retry_after_seconds=1), probability=0.05),
        Rule(TruncatedJson(cut_connection=True), probability=0.05),
        Rule(TruncatedJson(), probability=0.02),
        Rule(RateLimited(retry_after_seconds=1, storm_seconds=5), probability=0.002),
        Rule(ExpiredToken(), probability=0.005),
        Rule(Unavailable(), path="/o/token/", probability=0.1),
    )
    # Where time is stepped, nobody can wait for a stall.
    stalls = (
        Rule(Stall(options.stall), probability=0.003),
        Rule(Latency(options.stall), probability=0.003),
    )
    return FaultPlan((*arrivals(), *faults, *(stalls if options.stall else ())), seed)
