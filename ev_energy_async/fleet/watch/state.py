"""The state of a watch: what it knows of each device and of the fleet, as the rows of its checkpoint have it.

Pure values, and `FleetState`, which holds those of a running watch and is changed in one place only, its `apply`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import force_setattr

from ev_energy_async.checkpoint import CheckpointError
from ev_energy_async.devices import DEVICES
from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.instants import ALWAYS, instant_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from ev_energy_async.devices import LogKind, Placed

__all__ = ["DeviceState", "FleetState", "Meta", "decoded", "load", "seen"]

# The row of the fleet as a whole; no device has such an ID. Those of other kinds than vehicles are "fleet/evses" etc.
_FLEET: Final = "fleet"
_FLEETS: Final = "fleet/"
_VEHICLES: Final = "vehicles"
# The version of the row of a device, which stands first in it.
_VERSION: Final = 2
# Where the ledger of a log stands in the row of a device.
_PLACES: Final[dict[str, dict[str, int]]] = {
    kind: {log: place for place, log in enumerate(row.watched)} for kind, row in DEVICES.items()
}


class Meta(msgspec.Struct, frozen=True, array_like=True):
    """The state of the fleet as a whole.

    Attributes:
        cycle: Number of the last cycle that is finished.
        since: From when on logs count.
        snapshot_at: When the last complete snapshot was begun; ALWAYS before the first.
        every: Seconds from one cycle to the next, at that time.
        kinds: The logs that are read.
        cursor: The page with which the snapshot under way continues; None if there is none.
        began: When that snapshot was begun; ALWAYS if there is none.
    """

    cycle: int = 0
    since: int = ALWAYS
    snapshot_at: int = ALWAYS
    every: float = 0.0
    kinds: tuple[str, ...] = ()
    cursor: str | None = None
    began: int = ALWAYS


class DeviceState(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=_VERSION):
    """The state of a device.

    Attributes:
        kind: The collection that it is of.
        epoch: The lease under which it was written; 0 without one.
        integrated: Its `integrated`.
        hint: The identity of its newest status log, as last shown; None if it has none.
        since: From when on its logs count.
        is_here: Whether it is there; it stays known after it was removed.
        changes: How often it was added, removed or changed its connection.
        logs: What was delivered of each log that is watched, in the order of the table, packed: see `ledger`.
        gaps: What is missing: log, from when, until when, why.
        trouble: Why the last read of a log failed: log and reason; the device's noun for the snapshot.
        behind: Up to when its logs are proven, if a newer one was shown than any read has seen; 0 if none was.
        latest: Its latest log, in few bytes: see `latest`; None if unknown.
    """

    kind: str
    epoch: int
    integrated: str
    hint: str | None
    since: int
    is_here: bool
    changes: int
    logs: tuple[bytes | None, ...]
    gaps: tuple[tuple[str, int, int, str], ...]
    trouble: tuple[tuple[str, str], ...]
    behind: int
    latest: bytes | None = None

    @property
    def regular(self) -> str:
        """The log that it writes regularly."""
        return DEVICES[self.kind].regular.log

    @classmethod
    def new(
        cls, integrated: str, hint: str | None, since: int, *, kind: str = "vehicles", changes: int = 1
    ) -> DeviceState:
        """Return the state of a device that is seen for the first time."""
        logs = (None,) * len(_PLACES[kind])
        return cls(kind, 0, integrated, hint, since, True, changes, logs, (), (), 0)  # is here

    def ledger(self, log: str) -> Ledger:
        """Return what was delivered of a log."""
        packed = self.logs[_PLACES[self.kind][log]]
        return Ledger.since(self.since) if packed is None else _LEDGER.decode(packed)

    def but(self, **changes: Any) -> DeviceState:
        """Return the same with some changes."""
        return msgspec.structs.replace(self, **changes)

    def with_ledger(self, log: str, ledger: Ledger) -> DeviceState:
        """Return the same with what was delivered of a log."""
        place = _PLACES[self.kind][log]
        return self.but(logs=(*self.logs[:place], _PACKER.encode(ledger), *self.logs[place + 1 :]))

    def with_delivered(self, log: str, delivered: list[Seen]) -> DeviceState:
        """Return the same with some entries of a log delivered."""
        return self.with_ledger(log, self.ledger(log).with_delivered(delivered))

    def with_gap(self, log: str, begin: int, end: int, why: str) -> DeviceState:
        """Return the same with a gap; of very many the oldest are forgotten."""
        return self.but(gaps=(*self.gaps, (log, begin, end, why))[-_MOST_GAPS:])

    def with_trouble(self, what: str, reason: str) -> DeviceState:
        """Return the same with why the last read of a log failed."""
        return self.but(trouble=(*self.without_trouble(what).trouble, (what, reason)))

    def without_trouble(self, what: str) -> DeviceState:
        """Return the same with the last read of a log a success; itself if it was one."""
        if not self.trouble:
            return self
        others = tuple(pair for pair in self.trouble if pair[0] != what)
        return self if len(others) == len(self.trouble) else self.but(trouble=others)


_MOST_GAPS: Final = 50
# A ledger in pieces takes several times the room that it takes packed, and few are needed at a time.
_PACKER: Final = msgspec.msgpack.Encoder()
_LEDGER: Final = msgspec.msgpack.Decoder(Ledger)
_STATE: Final = msgspec.json.Decoder(DeviceState)
_META: Final = msgspec.json.Decoder(Meta)


class _First(msgspec.Struct, frozen=True, array_like=True):
    """A row of version 1, which had no version; see `DeviceState`."""

    integrated: str
    hint: str | None
    since: int
    is_here: bool
    changes: int
    status: bytes | None
    error: bytes | None
    gaps: tuple[tuple[str, int, int, str], ...]
    trouble: tuple[tuple[str, str], ...]
    behind: int


_FIRST: Final = msgspec.json.Decoder(_First)


def _converted(text: str) -> DeviceState:
    """Return the state in a row of version 1."""
    old = _FIRST.decode(text)
    state = DeviceState.new(old.integrated, old.hint, old.since, changes=old.changes)
    behind = old.behind
    for log, packed in (("status", old.status), ("error", old.error)):
        if packed is None:
            continue
        ledger = _LEDGER.decode(packed)
        if ledger.deep_at == ALWAYS:
            # The past was not read again yet; what counts was stored since.
            ledger = ledger.with_deep_read(old.since)
        if log == "status" and behind:
            behind = max(old.since, ledger.read_at)
        state = state.with_ledger(log, ledger)
    return state.but(is_here=old.is_here, gaps=old.gaps, trouble=old.trouble, behind=behind)


class FleetState:
    """The state of the devices of a kind in a running watch.

    Args:
        kind: The kind.

    Attributes:
        devices: The state of each device, with all that was delivered.
        meta: The state of all of them.
        meta_row: The name of the row with that.
    """

    def __init__(self, kind: str = _VEHICLES) -> None:
        self.kind = kind
        self.meta_row = _FLEET if kind == _VEHICLES else f"{_FLEET}/{kind}"
        self.devices: dict[str, DeviceState] = {}
        self.meta = Meta()

    def apply(self, changes: Mapping[str, DeviceState]) -> None:
        """Take the new states of some devices."""
        self.devices.update(changes)

    def take(self, other: FleetState) -> None:
        """Begin anew with another state."""
        self.devices.clear()
        self.devices.update(other.devices)
        self.meta = other.meta


async def load(rows: AsyncIterator[tuple[str, str]]) -> dict[str, FleetState]:
    """Return the state in the rows of a checkpoint, by kind of devices.

    Raises:
        CheckpointError: A row cannot be understood.
    """
    states = {kind: FleetState(kind) for kind in DEVICES}
    devices: dict[str, DeviceState] = {}
    metas = await decoded(rows, devices)
    for state in states.values():
        state.meta = metas.get(state.meta_row, state.meta)
    while devices:
        device_id, device = devices.popitem()
        states[device.kind].devices[device_id] = device
    return states


def seen(logs: Iterable[Placed], row: LogKind) -> list[Seen]:
    """Return entries of a log as a ledger knows them."""
    if row.time == row.stored:
        return [Seen(placed.at, placed.at) for placed in logs]
    pairs = ((placed.at, getattr(placed.log, row.stored, None) if row.stored else None) for placed in logs)
    return [Seen(at, instant_of(stored) if stored else None) for at, stored in pairs]


async def decoded(rows: AsyncIterator[tuple[str, str]], into: dict[str, DeviceState]) -> dict[str, Meta]:
    """Decode the rows of a checkpoint: those of devices into a mapping by their IDs, the others are returned.

    Raises:
        CheckpointError: A row cannot be understood.
    """
    metas: dict[str, Meta] = {}
    shared: dict[object, Any] = {}
    share = shared.setdefault
    async for name, text in rows:
        try:
            if name == _FLEET or name.startswith(_FLEETS):
                metas[name] = _META.decode(text)
                continue
            # A row of version 1 begins with a text.
            state = into[name] = _converted(text) if text.startswith('["') else _STATE.decode(text)
        except msgspec.MsgspecError as error:
            raise _unreadable(name, error) from error
        if state.kind not in DEVICES:
            raise _unreadable(name, f"it is of {state.kind!r}")
        # What many devices have in common is there once.
        for field, value in (("kind", state.kind), ("integrated", state.integrated), ("since", state.since)):
            force_setattr(state, field, share(value, value))
        regular, *others = state.logs
        force_setattr(state, "logs", (regular, *map(share, others, others)))
    return metas


def _unreadable(name: str, why: object) -> CheckpointError:
    return CheckpointError(
        f"the row {name!r} cannot be understood: {why}. Restore the checkpoint from a backup, or begin anew with"
        " another file or another `name=`"
    )
