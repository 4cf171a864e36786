"""The plan of a watch: what it takes of the hourly budget, and what it gives. Pure arithmetic, no I/O and no clock.

`fleet.plan` shows it before anything runs. The rule is the one in `allotment`, which a running watch follows too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

import attrs

from ev_energy_async.clock import seconds
from ev_energy_async.codec import AsDict
from ev_energy_async.devices import DEVICES, log_names
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.allotment import ERROR_SHARE, EVERY, HOUR, PAST, REPORT_EVERY, Allotment, Demand, allot, wish
from ev_energy_async.fleet.plan_words import named, spoken
from ev_energy_async.fleet.sub_sessions.looks import EVERY as LOOK_EVERY
from ev_energy_async.fleet.sub_sessions.looks import SETTLE, Looks  # the face leads to watches, which show plans
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ev_energy_async.clock import Duration
    from ev_energy_async.devices import WatchedLog
    from ev_energy_async.values import UnsetType

__all__ = ["Plan", "PlanOptions", "Usage", "plan", "plan_of", "within_of"]

_LOGS: Final = DEVICES["vehicles"].watched
_BUDGET: Final = 1_000
# Budgets that a plan is compared with, as multiples of its own.
_LARGER: Final = (2, 5, 10)


@attrs.frozen(kw_only=True)
class Usage(AsDict):
    """Requests an hour by purpose. They are means: a single hour may take a little more or less.

    Attributes:
        snapshot: Pages of snapshots, one for 100 vehicles.
        history: Pages of status logs of vehicles that have changed.
        errors: Pages of error logs: of vehicles that look unwell, and of the others in turn.
        late: Pages of status logs of vehicles not read for long, for logs that came late.
        backfill: What is set aside for backfills.
        sub_sessions: Pages of charging sub-sessions: those that go on, and ended ones until they are settled.
    """

    snapshot: float = 0.0
    history: float = 0.0
    errors: float = 0.0
    late: float = 0.0
    backfill: float = 0.0
    sub_sessions: float = 0.0

    @property
    def total(self) -> float:
        """All of them."""
        return float(sum(getattr(self, name) for name in attrs.fields_dict(Usage)))


@attrs.frozen(kw_only=True)
class Plan(AsDict):
    """The cost of a watch in requests, and the freshness and completeness it buys.

    Attributes:
        vehicles: How many there are.
        budget: Requests that a rolling hour allows.
        requests: Requests an hour by purpose.
        fits: Whether the budget allows what was asked for; where nothing was, whether history keeps up with reports.
        every: From the beginning of a snapshot to that of the next, in seconds. The newest status of a vehicle is
            delivered within it at the worst, and after half of it on average.
        complete_within: How soon every log is delivered that the API stores in time, in seconds: at the worst, and
            after half of it on average. Infinite where the budget does not allow it, None without history.
        late_every: How often the past of a vehicle is read again at the most, in seconds, for logs that came late.
        fitting_budget: The smallest budget with which it fits.
        larger: Larger budgets, each with what it gives: budget, `every`, `complete_within`.
        sub_sessions_every: From one look at the charging sub-sessions that go on to the next, in seconds; None without
            them.
        webhooks: Whether webhooks arrive, so that these looks are rarer.
        kinds: The plan for each kind of devices, each with its share of the budget, if there are several or others than
            vehicles. The rest of this plan is what holds for all of them.
    """

    vehicles: int
    budget: int
    requests: Usage
    fits: bool
    every: float
    complete_within: float | None
    late_every: float
    fitting_budget: int
    larger: tuple[tuple[int, float, float | None], ...] = ()
    kinds: dict[str, Plan] = attrs.field(factory=dict["str", "Plan"])
    sub_sessions_every: float | None = None
    webhooks: bool = False

    @property
    def spare(self) -> float:
        """Requests an hour that are left over; not below zero."""
        return max(0.0, self.budget - self.requests.total)

    @property
    def headline(self) -> str:
        """The plan in a sentence."""
        counts = {kind: part.vehicles for kind, part in self.kinds.items()} or {"vehicles": self.vehicles}
        shown = [f"{count:,} {named(kind, count)}" for kind, count in counts.items()]
        count = " and ".join([*([", ".join(shown[:-1])] if shown[:-1] else []), shown[-1]])
        cost = f"{self.requests.total:,.0f} of {self.budget:,} requests an hour"
        parts = (
            [f"the newest status within {spoken(self.every)}"] if any(DEVICES[kind].is_shown for kind in counts) else []
        )
        is_apart = self.complete_within == math.inf
        if self.complete_within is None:
            parts.append("without the history between")
        elif is_apart:
            parts.append(f"every log needs {self.fitting_budget:,} requests an hour")
        else:
            parts.append(f"every log within {spoken(self.complete_within)}")
        is_one = sum(counts.values()) == 1
        verb = ("fits" if self.fits else "does not fit") if is_one else ("fit" if self.fits else "do not fit")
        return f"{count} {verb}: {('; ' if is_apart else ', ').join(parts)}, for {cost}"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield self.headline
        yield ""
        yield f"{'requests an hour':<18}{'':>10}{'of the budget':>16}"
        for name in (*attrs.fields_dict(Usage), "total"):
            value: float = getattr(self.requests, name)
            if value or name not in ("backfill", "sub_sessions"):
                yield f"  {name.replace('_', '-'):<16}{value:>10,.0f}{value / self.budget:>16.1%}"
        for kind, part in self.kinds.items():
            within = part.complete_within
            complete = "-" if within is None or within == math.inf else spoken(within)
            yield ""
            yield f"  {kind:<16}{part.requests.total:>10,.0f}{part.requests.total / self.budget:>16.1%}"
            if DEVICES[kind].is_shown:
                yield f"    newest within {spoken(part.every)}, every log within {complete}"
            else:
                pages = f"{part.requests.history + part.requests.late:,.0f} pages an hour"
                yield f"    every log within {complete}: no snapshot shows one, so that all are read, {pages}"
        yield ""
        yield f"{'delivered within':<18}{'half':>10}{'the last':>16}"
        yield f"  {'newest status':<16}{spoken(self.every / 2):>10}{spoken(self.every):>16}"
        if self.complete_within is None or self.complete_within == math.inf:
            yield f"  {'every log':<16}{'-':>10}{'-':>16}"
        else:
            half, last = spoken(self.complete_within / 2), spoken(self.complete_within)
            yield f"  {'every log':<16}{half:>10}{last:>16}"
        if self.sub_sessions_every is not None:
            yield ""
            why = ", and their starts and ends by webhook" if self.webhooks else ""
            yield f"sub-sessions that go on are listed every {spoken(self.sub_sessions_every)}{why}"
        better = [each for each in self.larger if each[1:] != (self.every, self.complete_within)]
        if better:
            yield ""
            yield f"{'with a budget of':<18}{'newest':>10}{'every log':>16}"
            for budget, every, within in better:
                log = "-" if within is None or within == math.inf else spoken(within)
                yield f"  {budget:<16,}{spoken(every):>10}{log:>16}"


class _Others(TypedDict, total=False):
    """The numbers of devices of other kinds than vehicles."""

    evses: int
    home_batteries: int
    boundary_meters: int
    inverters: int
    ct_clamps: int


class PlanOptions(_Others, total=False):
    """The options of `Fleet.plan`."""

    complete_within: Duration | UnsetType | None
    logs: Collection[WatchedLog]
    changed: float | None
    report_every: Duration | None
    error_share: float
    past: Duration
    backfills: float
    budget: int
    sub_sessions: int
    webhooks: bool


def plan(
    vehicles: int = 0,
    every: Duration | None = None,
    *,
    complete_within: Duration | UnsetType | None = UNSET,
    logs: Collection[WatchedLog] = _LOGS,
    changed: float | None = None,
    report_every: Duration | None = None,
    error_share: float = ERROR_SHARE,
    past: Duration = PAST,
    backfills: float = 0,
    budget: int = _BUDGET,
    sub_sessions: int = 0,
    webhooks: bool = False,
    **others: Unpack[_Others],
) -> Plan:
    """Work out what watching a fleet takes of the hourly budget, and what it gives.

    Args:
        vehicles: How many vehicles there are.
        every: From the beginning of a snapshot to that of the next, seconds or a `timedelta`; None to choose it.
        complete_within: How soon every log is to be delivered; chosen unless given, None for no history.
        logs: What is read: `status`, `error`, both or neither; snapshots are taken anyway.
        changed: The fraction of vehicles that report from one snapshot to the next, instead of `report_every`.
        report_every: How often a vehicle reports; every half hour unless given.
        error_share: The fraction of the budget that error logs may take.
        past: How late logs may be stored and are still found.
        backfills: Requests an hour to set aside for backfills.
        budget: Requests that a rolling hour allows.
        sub_sessions: How many charging sub-sessions there are in a day, if they are followed too.
        webhooks: Whether webhooks of their starts and ends arrive, so that looks at them are rarer.
        others: How many devices of other kinds: `evses`, `home_batteries`, `boundary_meters`, `inverters`, `ct_clamps`.

    Raises:
        InvalidArgument: An argument is not what it should be.

    Example:
        >>> found = plan(10_000, report_every=1_800, budget=1_000)
        >>> found.fits, round(found.every / 60)
        (True, 13)
    """
    names = log_names("logs", logs, _LOGS)
    asked = None if every is None else seconds("every", every)
    if changed is not None and report_every is not None:
        raise InvalidArgument("report_every", report_every, "nothing beside `changed`: one follows from the other")
    if changed is not None:
        rate = HOUR * _fraction("changed", changed) / (asked or EVERY)
    else:
        rate = HOUR / (REPORT_EVERY if report_every is None else seconds("report_every", report_every))
    looks, per_day = Looks(LOOK_EVERY, SETTLE, has_webhooks=webhooks), _whole("sub_sessions", sub_sessions, 0)
    budget = _whole("budget", budget, 1)
    looks.expect(per_day, budget)
    demand = Demand(
        devices=_whole("vehicles", vehicles, 0),
        rate=rate,
        budget=budget,
        every=asked,
        complete_within=within_of(complete_within),
        error_share=_fraction("error_share", error_share) if "error" in names else 0.0,
        past=seconds("past", past),
        backfills=_number("backfills", backfills, math.inf, "requests an hour, not below zero"),
        is_status="status" in names,
        sub_sessions=looks.per_hour(per_day) if per_day else 0.0,
    )
    counts = {"vehicles": demand.devices}
    counts |= {kind: _whole(kind, count, 0) for kind, count in others.items()}
    for kind in counts:
        if kind not in DEVICES:
            raise TypeError(f"plan() got an unexpected keyword argument {kind!r}")
    counts = {kind: counts[kind] for kind in DEVICES if counts.get(kind)}
    if not counts.keys() - {"vehicles"}:
        made = plan_of(demand, allot(demand))
    else:
        made = _together({kind: _demand_of(kind, count, demand) for kind, count in counts.items()})
    return attrs.evolve(made, sub_sessions_every=looks.every, webhooks=webhooks) if per_day else made


def _demand_of(kind: str, count: int, like: Demand) -> Demand:
    """Return the demand of another kind of devices, of which the same is asked for."""
    row = DEVICES[kind]
    return attrs.evolve(
        like,
        devices=count,
        error_share=like.error_share if "error" in row.watched else 0.0,
        # What has no collection shows its newest log, and that is all.
        complete_within=like.complete_within if row.regular.function else 0.0,
        is_shown=row.is_shown,
    )


def _together(demands: dict[str, Demand]) -> Plan:
    """Return the plan for several kinds of devices, which share the budget as a watch shares it."""
    wishes = {kind: wish(demand.devices, demand.rate) for kind, demand in demands.items()}
    shares = {kind: each / sum(wishes.values()) for kind, each in wishes.items()}
    parts: dict[str, Plan] = {}
    for kind, demand in demands.items():
        own = attrs.evolve(demand, budget=shares[kind] * demand.budget, backfills=shares[kind] * demand.backfills)
        own = attrs.evolve(own, sub_sessions=shares[kind] * demand.sub_sessions)
        parts[kind] = plan_of(own, allot(own))
    budget = next(iter(demands.values())).budget
    withins = [part.complete_within for part in parts.values() if part.complete_within is not None]
    every_larger = zip(*(part.larger for part in parts.values()), strict=True)
    return Plan(
        vehicles=parts["vehicles"].vehicles if "vehicles" in parts else 0,
        budget=round(budget),
        requests=Usage(
            **{name: sum(getattr(part.requests, name) for part in parts.values()) for name in attrs.fields_dict(Usage)}
        ),
        fits=all(part.fits for part in parts.values()),
        every=max(part.every for part in parts.values()),
        complete_within=max(withins, default=None),
        late_every=max(part.late_every for part in parts.values()),
        fitting_budget=max(math.ceil(part.fitting_budget / shares[kind]) for kind, part in parts.items()),
        larger=tuple(
            (
                round(times * budget),
                max(every for _, every, _ in found),
                max((each for _, _, each in found if each is not None), default=None),
            )
            for times, found in zip(_LARGER, every_larger, strict=True)
        ),
        kinds=parts,
    )


def within_of(complete_within: Duration | UnsetType | None) -> float | None:
    """Return `complete_within` as a demand has it: None to choose it, 0 for no history.

    Raises:
        InvalidArgument: It is no duration.
    """
    if complete_within is None:
        return 0.0
    return None if complete_within is UNSET else seconds("complete_within", complete_within)


def plan_of(demand: Demand, found: Allotment) -> Plan:
    """Return the plan of an allotment."""
    names = attrs.fields_dict(Usage)
    larger = [
        (round(times * demand.budget), allot(attrs.evolve(demand, budget=times * demand.budget))) for times in _LARGER
    ]
    return Plan(
        vehicles=demand.devices,
        budget=round(demand.budget),
        requests=Usage(**{name: getattr(found, name) for name in names}),
        fits=found.fits,
        every=found.every,
        complete_within=found.complete_within,
        late_every=found.late_every,
        fitting_budget=_fitting(demand),
        larger=tuple((budget, each.every, each.complete_within) for budget, each in larger),
    )


def _fitting(demand: Demand) -> int:
    """Return the smallest budget that fits."""

    def fits(budget: int) -> bool:
        return allot(attrs.evolve(demand, budget=float(budget))).fits

    low, high = 0, 1
    while not fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def _whole(argument: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidArgument(argument, value, f"a whole number of at least {least}")
    return value


def _fraction(argument: str, value: object) -> float:
    return _number(argument, value, 1.0, "a fraction from 0 to 1")


def _number(argument: str, value: object, most: float, expected: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or value == math.inf:
        raise InvalidArgument(argument, value, expected)
    return float(value)
