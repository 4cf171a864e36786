"""Fault plans, and the rules that say when an effect strikes.

A plan is data; `running` plays it, `reading` reads one from YAML. The same seed and the same sequence of
requests give the same faults.
"""

from typing import Final

import attrs

from ev_energy_async.sandbox.faults.effects import (
    DuplicatedLogs,
    Effect,
    ExpiredToken,
    Held,
    HtmlError,
    HugeBody,
    LateLogs,
    Latency,
    MalformedJson,
    MissingField,
    NewEnumValue,
    NullField,
    RateLimited,
    Redirected,
    ResetAfter,
    ResetBefore,
    SlowDrip,
    Stall,
    TruncatedJson,
    Unavailable,
    UnknownField,
    WrongContentType,
    check_number,
)
from ev_energy_async.sandbox.faults.world_effects import (
    ArrivalEffect,
    CoarseTimes,
    LateUploads,
    OfflineDevices,
    RepeatedLogs,
    WebhookDelayed,
    WebhookDuplicated,
    WebhookLost,
)

EFFECTS: Final[dict[str, type[Effect]]] = {
    effect.kind: effect
    for effect in (
        Latency,
        Stall,
        Held,
        Redirected,
        ResetBefore,
        ResetAfter,
        TruncatedJson,
        MalformedJson,
        WrongContentType,
        HtmlError,
        Unavailable,
        RateLimited,
        ExpiredToken,
        NewEnumValue,
        UnknownField,
        NullField,
        MissingField,
        DuplicatedLogs,
        LateLogs,
        LateUploads,
        OfflineDevices,
        RepeatedLogs,
        CoarseTimes,
        SlowDrip,
        HugeBody,
        WebhookDuplicated,
        WebhookDelayed,
        WebhookLost,
    )
}
"""All effects by the name they have in YAML."""

WEBHOOK_EFFECTS: Final = (WebhookDuplicated, WebhookDelayed, WebhookLost)


@attrs.frozen
class Rule:
    """A rule that says when an effect strikes. Without `operation` and `path` it applies to every operation of the API.

    Example:
        >>> Rule(Unavailable(retry_after_seconds=2), operation="vehicles.*", method="GET", probability=0.1, count=5)

    Raises:
        ValueError: a number is out of range.
    """

    effect: Effect
    operation: str | None = None
    """A glob over the names on the client, such as `vehicles.list_*_logs`; for webhooks over the event types."""
    path: str | None = None
    """A glob over raw paths below the base URL (`/vehicles/*`) or from the root (`/o/token/`); `*` takes in slashes."""
    method: str | None = None
    """The HTTP method; None for every one."""
    probability: float = 1.0
    count: int | None = None
    """The most times it strikes."""
    skip: int = 0
    """The number of matching requests it lets through first."""
    from_seconds: float = 0.0
    """From when on, in seconds of the sandbox since the plan came into force."""
    until_seconds: float | None = None
    """The end of the period in which it applies, in seconds since the plan took effect; None is no end."""

    def __attrs_post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability is a number from 0 to 1, not {self.probability}")
        for name in ("count", "skip", "from_seconds", "until_seconds"):
            value: float | None = getattr(self, name)
            if value is not None:
                check_number(name, value)
        if self.path is not None and isinstance(self.effect, WEBHOOK_EFFECTS):
            raise ValueError("a webhook has no path; name its event as operation")
        if isinstance(self.effect, ArrivalEffect):
            unfit = {"path": None, "method": None, "probability": 1.0, "count": None, "skip": 0}
            for name, default in unfit.items():
                if getattr(self, name) != default:
                    raise ValueError(f"{self.effect.kind} is about logs, not about requests: {name} says nothing here")


@attrs.frozen
class FaultPlan:
    """The rules of a run. All that match a request strike, in order, up to the first that responds to it.

    Example:
        >>> FaultPlan((Rule(Latency(seconds=0.2)), Rule(ResetAfter(), method="PATCH", probability=0.05)), seed=7)
    """

    rules: tuple[Rule, ...] = attrs.field(default=())
    seed: int = 7
