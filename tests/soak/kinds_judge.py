"""The truth to judge a run with all kinds by: the logs of devices and the charging sub-sessions of a sandbox."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import attrs

from ev_energy_async import api
from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet import PollFailed

from .kinds_cost import Need

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from ev_energy_async import EvEnergy
    from ev_energy_async.fleet import SubSessionEvent
    from ev_energy_async.models import ChargingSubSession

__all__ = ["MOST_RATIO", "Outcome", "judged_sessions", "stored"]

MOST_RATIO: Final = 1.25
"""All requests, as a multiple of what is necessary; of what an oracle needs where the budget is limited."""

# The first look is made a little after the beginning.
_GRACE: Final = dt.timedelta(minutes=1)


@attrs.frozen(kw_only=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        logs: Distinct logs that were delivered, by kind of devices.
        sub_sessions: How many sub-sessions have begun or ended.
        hooks: Webhooks that arrived, and those that brought news.
        repeated: Events that were redelivered, and had not been acknowledged.
        lost: Logs, starts, ends and revisions that were not delivered.
        twice: Events that were redelivered although acknowledged.
        invented: Logs that the sandbox never had.
        needs: All requests, by purpose.
        is_limited: Whether the API allowed few of them.
    """

    logs: Counter[str]
    sub_sessions: int
    hooks: tuple[int, int]
    repeated: int
    lost: tuple[str, ...]
    twice: tuple[str, ...]
    invented: tuple[str, ...]
    needs: dict[str, Need]
    is_limited: bool

    @property
    def ratio(self) -> float:
        """What is judged of the requests: where there is a budget to spare, proofs do not count as waste."""
        return self.total.of_oracle if self.is_limited else self.total.ratio

    @property
    def total(self) -> Need:
        """The requests for all purposes together."""
        return sum(self.needs.values(), Need())

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.twice or self.invented) and self.ratio <= MOST_RATIO

    def lines(self, seed: int, took: float) -> Iterator[str]:
        """Yield what came of it, for people.

        Args:
            seed: The seed of the run.
            took: How many seconds it took.
        """
        by_kind = ", ".join(f"{each} {count:,}" for each, count in self.logs.items())
        yield (
            f"{seed}: {sum(self.logs.values()):,} logs ({by_kind}), {self.sub_sessions} sub-sessions,"
            f" {self.hooks[0]} webhooks of which {self.hooks[1]} brought news, {self.repeated} repeated,"
            f" {len(self.lost)} lost, {len(self.twice)} twice, {len(self.invented)} invented,"
            f" {self.ratio:.3f} of what is necessary; {took:.0f} s, {'good' if self.is_good else 'bad'}"
        )
        yield f"  {'':14} {'sent':>7} {'oracle':>7} {'proofs':>7}   ratio, of the oracle's alone"
        for name, need in (*self.needs.items(), ("all", self.total)):
            counts = f"{need.sent:7,} {need.oracle:7,} {need.proofs:7,}"
            yield f"  {name:14} {counts}   {need.ratio:.3f}, {need.of_oracle:.3f}"
        for name in ("lost", "twice", "invented"):
            yield from (f"  {name}: {each}" for each in getattr(self, name)[:10])


async def stored(
    ev: EvEnergy, kind: str, begin: dt.datetime, until: dt.datetime, *, errors: bool
) -> tuple[set[str], set[str]]:
    """Return the keys of the logs of a kind of devices: those that are due, and all there are."""
    of = DEVICES[kind]
    due, known = set[str](), set[str]()
    async for device in getattr(api, of.list_devices)(ev):
        for log in of.watched:
            row = of.logs[log]
            if log == "error" and not errors:
                continue
            async for each in getattr(api, row.function)(ev, device.id):
                key = f"{device.id}/{log}/{each.url.rpartition('/')[2].replace('%3A', ':')}"
                known.add(key)
                # Where the API does not say when it stored a log, one that was sampled in time may come late.
                stored = getattr(each, row.stored or row.time)
                if begin < stored <= until and getattr(each, row.time) > begin:
                    due.add(key)
    return due, known


async def judged_sessions(
    ev: EvEnergy, events: list[SubSessionEvent], acknowledged: AbstractSet[str], begin: dt.datetime, until: dt.datetime
) -> tuple[list[str], int]:
    """Return which starts, ends and revisions did not come, or came twice; and of how many sub-sessions.

    One that was not acknowledged comes again as what the sub-session is by then, under another key if that has changed.
    """
    wrong: list[str] = []
    made: dict[str, dict[str, str]] = {}
    last: dict[str, ChargingSubSession] = {}
    for event in events:
        assert not isinstance(event, PollFailed)
        name = type(event).__name__
        before = made.setdefault(event.sub_session_id, {})
        if name in {"SubSessionStarted", "SubSessionEnded"}:
            if before.get(name, event.key) != event.key and before[name] in acknowledged:
                wrong.append(f"{event.key}: another {name}")
            before[name] = event.key
        last[event.sub_session_id] = event.session
    count = 0
    async for session in ev.charging_sub_sessions.list(end_gt=begin):
        if session.end is None or not begin + _GRACE < session.end < until:
            continue
        count += 1
        found = made.get(session.id, {})
        wrong += [f"{session.id}: no {name}" for name in ("SubSessionStarted", "SubSessionEnded") if name not in found]
        known = last.get(session.id)
        if known is not None and known.energy_delivered_watt_hours != session.energy_delivered_watt_hours:
            wrong.append(f"{session.id}: its last revision did not come")
    return wrong, count
