"""The latest known status of every device of a watch, as a mapping: for dashboards, which then need not ask the API.

`Watch.state` is one. It reads what the watch keeps anyway, and decodes a log when it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from ev_energy_async.codec import AsDict
from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet.watch.latest import log_of
from ev_energy_async.ids import id_text
from ev_energy_async.instants import ALWAYS, moment

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator

    from ev_energy_async.clock import Clock
    from ev_energy_async.fleet.watch.state import DeviceState, FleetState

__all__ = ["DeviceStatus", "States"]


@attrs.frozen(kw_only=True)
class DeviceStatus(AsDict):
    """The latest known status of a device.

    Attributes:
        device_id: Which device.
        kind: The collection that it is of.
        log: Its latest log, without `url` and the reference to the device; None if it has none.
        integrated: The state of its connection; empty if its kind has none.
        as_of: Up to when this is known to be its latest log, aware; None before the first snapshot.
        staleness: How long ago that was; None before the first snapshot.
    """

    device_id: str
    kind: str
    log: Any
    integrated: str
    as_of: dt.datetime | None
    staleness: dt.timedelta | None


class States(Mapping[str, DeviceStatus]):
    """The latest known status of every device, by ID; it follows the watch.

    Example:
        >>> status = watch.state[vehicle_id]  # doctest: +SKIP
        >>> print(status.log.state_of_charge_percentage, status.staleness)  # doctest: +SKIP
    """

    def __init__(self, states: Collection[FleetState], clock: Clock) -> None:
        self._states = states
        self._clock = clock

    def __getitem__(self, device: object) -> DeviceStatus:
        device_id = id_text("device", device)
        for fleet in self._states:
            state = fleet.devices.get(device_id)
            if state is not None and state.is_here:
                return self._status(device_id, state, fleet)
        raise KeyError(device_id)

    def __iter__(self) -> Iterator[str]:
        for fleet in self._states:
            # The watch goes on while somebody iterates.
            yield from [device_id for device_id, state in fleet.devices.items() if state.is_here]

    def __len__(self) -> int:
        return sum(state.is_here for fleet in self._states for state in fleet.devices.values())

    def __repr__(self) -> str:
        return f"<States of {len(self)} devices>"

    def _status(self, device_id: str, state: DeviceState, fleet: FleetState) -> DeviceStatus:
        row = DEVICES[state.kind].regular
        read_at = state.ledger(row.log).read_at
        was_missed = any(what == DEVICES[state.kind].noun for what, _ in state.trouble)
        seen_at = (
            read_at if was_missed or row.newest is None else max(read_at, fleet.meta.snapshot_at, fleet.meta.began)
        )
        as_of = None if seen_at <= ALWAYS else moment(seen_at)
        return DeviceStatus(
            device_id=device_id,
            kind=state.kind,
            log=log_of(state.latest, row),
            integrated=state.integrated,
            as_of=as_of,
            staleness=None if as_of is None else self._clock.now() - as_of,
        )
