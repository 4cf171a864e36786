"""The environment of a run: faults of the API, and late logs."""

from __future__ import annotations

import math
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
"""Seconds by the sandbox's clock: little more than a cycle."""

_TWO_DAYS: Final = 172_800.0
_ROUNDS: Final = 1.4
_PLENTY: Final = 1_000_000_000


@attrs.frozen(kw_only=True)
class Options:
    """The options of a run.

    Attributes:
        vehicles: Number of vehicles at the start.
        minutes: Duration of logs, faults and attacks by the sandbox's clock; a quiet phase follows in which the past is
            reread once.
        kills: How often the consumer is killed; with simulated time, abandoned.
        pauses: How often it is paused; with simulated time, cancelled.
        every: Seconds between cycles.
        complete_within: Seconds within which every log is delivered, and the past is read again.
        logs: The kinds of logs.
        limit: Requests per hour that the API allows.
        faults: Whether the API fails.
        stall: Seconds of a stall, by the machine's clock.
        timeout: Seconds that the consumer waits for a response, by the machine's clock.
        speed: Speed of the sandbox's clock, as a multiple of the machine's.
    """

    vehicles: int = 100
    minutes: float = 90.0
    kills: int = 3
    pauses: int = 1
    every: float = 300.0
    complete_within: float = 3_600.0
    logs: tuple[WatchedLog, ...] = ("status",)
    limit: int = _PLENTY
    faults: bool = True
    stall: float = 0.2
    timeout: float = 1.0
    speed: float = 5.0

    @property
    def quiet_cycles(self) -> int:
        """The cycles without attacks in which the past is read again; vehicles with late logs take more turns.

        It is cycles that count, not time: a watch that waits for its budget may pass over an hour.
        """
        return math.ceil(_ROUNDS * self.complete_within / self.every) + 3


def arrivals() -> tuple[Rule, ...]:
    """Return the rules by which logs arrive late, out of order and twice."""
    return (
        Rule(LateUploads(share=0.05, seconds=_TWO_DAYS)),
        Rule(OfflineDevices(share=0.05, seconds=_TWO_DAYS)),
        Rule(RepeatedLogs(share=0.05, seconds=600)),
    )


def plan_of(options: Options, seed: int) -> FaultPlan:
    """Return the faults of the API during the run."""
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
    # With simulated time, a stall cannot be waited out.
    stalls = (
        Rule(Stall(options.stall), probability=0.003),
        Rule(Latency(options.stall), probability=0.003),
    )
    return FaultPlan((*arrivals(), *faults, *(stalls if options.stall else ())), seed)
