"""The board of the demo: the events so far, as tables."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from ev_energy_async.fleet import (
    CycleFinished,
    ErrorLogged,
    IntegrationChanged,
    PollFailed,
    StatusLogged,
    SubSessionEnded,
    VehicleAdded,
    VehicleRemoved,
)
from ev_energy_async.models import EVSEStatusLog, Vehicle, VehicleIntegrated, VehicleStatusLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ev_energy_async.fleet import DeviceStatus, Plan, Progress, SubSessionEvent, WatchEvent
    from ev_energy_async.messages import Handler, RawResponse, Request

__all__ = ["COLUMNS", "Board", "BoardHandler"]

# A connected vehicle that has not reported for this long needs attention.
_STALE: Final = dt.timedelta(hours=12)
_SHOWN: Final = 12
COLUMNS: Final = (
    *("cycle", "began", "newest", "history", "late", "errors", "links", "added", "gone", "failed"),
    *("cost", "naive", "left"),
)
LEGEND: Final = (
    "newest: logs straight from the snapshot; history: logs read between; late: of these, stored late; links:"
    " connections that changed; failed: could not be read; cost: requests; naive: what reading each vehicle would have"
    " taken; left: of the hourly budget"
)


@attrs.define
class Board:
    """The events so far, as tables.

    Attributes:
        vehicles: The vehicles of the fleet.
        newest: The time of each one's latest report.
        errors: The number of error logs of each.
        last_error: The latest error of each.
        cycles: The rows of the table, one per cycle.
        doing: The current activity.
        delays: Seconds from the storing of the newest logs to their delivery.
        spent: Requests by purpose, without those of the first cycle, which reads what is new to it.
        hours: How long the other cycles took.
        chargers: The latest status of each charger.
        charger_logs: How many of their logs came.
        sessions: What happened to the charging sub-sessions that are followed, as rows.
        session_requests: How many requests these took.
        now: Returns the time, once there is a client.
    """

    vehicles: dict[str, Vehicle] = attrs.field(factory=dict[str, Vehicle])
    newest: dict[str, dt.datetime] = attrs.field(factory=dict[str, dt.datetime])
    errors: Counter[str] = attrs.field(factory=Counter[str])
    last_error: dict[str, str] = attrs.field(factory=dict[str, str])
    cycles: list[tuple[str, ...]] = attrs.field(factory=list[tuple[str, ...]])
    doing: str = "the first snapshot"
    delays: list[float] = attrs.field(factory=list[float])
    spent: Counter[str] = attrs.field(factory=Counter[str])
    hours: float = 0.0
    chargers: dict[str, EVSEStatusLog] = attrs.field(factory=dict[str, EVSEStatusLog])
    charger_logs: int = 0
    sessions: list[tuple[str, ...]] = attrs.field(factory=list[tuple[str, ...]])
    session_requests: int = 0
    now: Callable[[], dt.datetime] | None = None
    _seen: Counter[str] = attrs.field(factory=Counter[str])
    _requests: int = 0
    _one_by_one: int = 0

    def take(self, event: WatchEvent) -> None:
        """Add an event."""
        if getattr(event, "kind", "vehicles") != "vehicles":
            self._take_of_charger(event)
            return
        self._seen[type(event).__name__] += 1
        match event:
            case StatusLogged(vehicle_id=vehicle_id, log=log):
                self._seen["late"] += event.late
                self._seen[event.via] += 1
                self._note_report(vehicle_id, log)
                if event.via == "snapshot" and self.now is not None and isinstance(log.logged_at, dt.datetime):
                    self.delays.append((self.now() - log.logged_at).total_seconds())
            case ErrorLogged(vehicle_id=vehicle_id, log=log):
                self.errors[vehicle_id] += 1
                self.last_error[vehicle_id] = str(log.error_code)
            case VehicleAdded(vehicle_id=vehicle_id, vehicle=vehicle):
                self.vehicles[vehicle_id] = vehicle
                self._note_report(vehicle_id, vehicle.latest_status_log)
            case IntegrationChanged(vehicle_id=vehicle_id, vehicle=vehicle):
                self.vehicles[vehicle_id] = vehicle
            case VehicleRemoved(vehicle_id=vehicle_id):
                del self.vehicles[vehicle_id]
            case CycleFinished():
                self._end_cycle(event)
            case _:
                pass

    def _take_of_charger(self, event: WatchEvent) -> None:
        if isinstance(event, StatusLogged):
            self.charger_logs += 1
        elif isinstance(event, CycleFinished):
            self._note_spent(event)

    def take_session(self, event: SubSessionEvent) -> None:
        """Add an event of a charging sub-session."""
        if self.now is None or isinstance(event, PollFailed):
            return
        session = event.session
        if isinstance(event, SubSessionEnded):
            what = f"after {session.duration_minutes} min of charging"
        else:
            cost = event.changes.get("cost")
            what = "" if cost is None else f"cost {cost.old} -> {cost.new}, and {len(event.changes) - 1} fields more"
        name = type(event).__name__.removeprefix("SubSession").lower()
        energy = f"{session.energy_delivered_watt_hours / 1_000:.1f} kWh"
        self.sessions.append((f"{self.now():%H:%M}", name, str(session.mode), energy, what))

    def note_state(self, state: Mapping[str, DeviceStatus]) -> None:
        """Take the latest status of each charger from the watch's state: no request is needed for it."""
        for status in state.values():
            if isinstance(status.log, EVSEStatusLog):
                self.chargers[status.device_id] = status.log

    def _note_report(self, vehicle_id: str, log: object) -> None:
        if isinstance(log, VehicleStatusLog) and isinstance(log.sampled_at, dt.datetime):
            self.newest[vehicle_id] = max(log.sampled_at, self.newest.get(vehicle_id, log.sampled_at))

    def _end_cycle(self, cycle: CycleFinished) -> None:
        seen, self._seen = self._seen, Counter()
        one_by_one = self._note_spent(cycle)
        if cycle.cycle > 1:
            self.hours += max(cycle.duration, cycle.every) / 3_600
        kinds = ("snapshot", "read", "late", ErrorLogged, IntegrationChanged, VehicleAdded, VehicleRemoved, PollFailed)
        counts = (seen[kind if isinstance(kind, str) else kind.__name__] for kind in kinds)
        numbers = (*counts, cycle.spent.total, one_by_one, cycle.budget_remaining)
        self.cycles.append((str(cycle.cycle), f"{cycle.began_at:%H:%M}", *(f"{each:,}" for each in numbers)))
        self.doing = f"waiting; cycles start {cycle.every / 60:.0f} min apart"

    def _note_spent(self, cycle: CycleFinished) -> int:
        # The naive way reads the status logs and the error logs of each device in each cycle.
        one_by_one = 2 * cycle.vehicles
        self._requests += cycle.spent.total
        self._one_by_one += one_by_one
        if cycle.cycle > 1:
            self.spent.update(attrs.asdict(cycle.spent))
        return one_by_one

    def note_progress(self, progress: Progress) -> None:
        """Show the progress of a cycle."""
        if progress.kind != "vehicles":
            return
        at = "snapshot" if progress.phase == "snapshot" else f"logs, {progress.waiting:,} collections to read"
        self.doing = f"cycle {progress.cycle}: {at}; {progress.vehicles:,} vehicles, {progress.spent.total:,} requests"

    def __rich__(self) -> Group:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
        for name in COLUMNS:
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.cycles:
            table.add_row(*row)
        return Group(table, Text(LEGEND, style="dim"), Text(f"{self.doing}\n"))

    @property
    def verdict(self) -> str:
        """The cost, compared with the naive way."""
        share = self._requests / self._one_by_one if self._one_by_one else 0
        naive = f"reading every device in every cycle takes {self._one_by_one:,}"
        return f"{self._requests:,} requests; {naive} ({share:.1%})"

    def requests(self, plan: Plan) -> Table:
        """Return the requests an hour by purpose, beside those that were planned."""
        table = Table(title="requests an hour", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("for", "planned", "made"):
            table.add_column(name, justify="left" if name == "for" else "right")
        self.spent["sub_sessions"] = self.session_requests
        for name, planned in attrs.asdict(plan.requests).items():
            if name != "backfill":
                made = self.spent[name] / self.hours if self.hours else 0.0
                table.add_row(name.replace("_", "-"), f"{planned:,.0f}", f"{made:,.0f}")
        made = sum(self.spent.values()) / self.hours if self.hours else 0.0
        table.add_row("all", f"{plan.requests.total:,.0f}", f"{made:,.0f}")
        return table

    @property
    def charging(self) -> str:
        """The chargers in one line: logs, plugged in, charging."""
        logs = self.chargers.values()
        plugged, charging = sum(bool(log.is_plugged_in) for log in logs), sum(bool(log.is_charging) for log in logs)
        return (
            f"{len(logs):,} chargers: {self.charger_logs:,} logs came; plugged in: {plugged:,}, charging: {charging:,}"
            " (from `watch.state`, without a request)"
        )

    def sub_sessions(self, charger: str) -> Table:
        """Return what happened to the charging sub-sessions at a charger."""
        table = Table(title=f"charging sub-sessions at {charger}", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("at", "what", "mode", "energy", "changes"):
            table.add_column(name, justify="right" if name == "energy" else "left", no_wrap=name != "changes")
        for row in self.sessions[:_SHOWN]:
            table.add_row(*row)
        return table

    async def count(self, request: Request[Any], following: Handler) -> RawResponse:
        """Count the requests for charging sub-sessions; a middleware."""
        self.session_requests += request.path.startswith("/charging_sub_sessions")
        return await following(request)

    @property
    def freshness(self) -> str:
        """The time from the storing of the newest logs to their delivery, in words."""
        if not self.delays:
            return "No vehicle has reported."
        ranked = sorted(self.delays)
        half, last = ranked[len(ranked) // 2], ranked[int(0.99 * (len(ranked) - 1))]
        return (
            f"{len(ranked):,} newest logs were delivered after {half / 60:.1f} min (half of them)"
            f" and {last / 60:.1f} min (99 %)"
        )

    def worst(self, now: dt.datetime) -> Table:
        """Return the vehicles that need attention, those with the most errors first."""
        wanted = [(vehicle, why) for vehicle in self.vehicles.values() if (why := self.attention(vehicle, now))]
        table = Table(title=f"{len(wanted):,} vehicles need attention", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("vehicle", "why", "errors", "last error"):
            table.add_column(name, no_wrap=True, justify="right" if name == "errors" else "left")
        wanted.sort(key=lambda pair: (-self.errors[pair[0].id], pair[0].id))
        for vehicle, why in wanted[:_SHOWN]:
            row = (vehicle.id, why, str(self.errors[vehicle.id]), self.last_error.get(vehicle.id, ""))
            table.add_row(*row)
        if rest := wanted[_SHOWN:]:
            table.add_row(f"and {len(rest)} more", "", str(sum(self.errors[vehicle.id] for vehicle, _ in rest)), "")
        return table

    def attention(self, vehicle: Vehicle, now: dt.datetime) -> str | None:
        """Return why a vehicle needs attention; None if it does not."""
        if vehicle.integrated is VehicleIntegrated.INACTIVE:
            return "connection lost"
        if vehicle.integrated is not VehicleIntegrated.ACTIVE or vehicle.disabled:
            return None
        newest = self.newest.get(vehicle.id)
        if newest is None:
            return "never reported"
        silent = now - newest
        return f"silent for {silent.total_seconds() / 3600:.0f} h" if silent > _STALE else None


class BoardHandler(logging.Handler):
    """Shows log messages of the package on a board."""

    def __init__(self, board: Board) -> None:
        super().__init__(logging.INFO)
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message."""
        self._board.doing = record.getMessage()
