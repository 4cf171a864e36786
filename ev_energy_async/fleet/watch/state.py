"""What a watch knows of a vehicle, and of the fleet: the rows of its checkpoint. Pure values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.instants import ALWAYS, instant_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.devices import Placed

__all__ = ["FLEET", "TIMES", "DeviceState", "Meta", "decoded", "seen"]

# The row of the fleet as a whole; no vehicle has such an ID.
FLEET: Final = "fleet"

# The time that orders the logs of each kind.
TIMES: Final = {"status": "sampled_at", "error": "logged_at"}


class Meta(msgspec.Struct, frozen=True, array_like=True):
    """What is known of the fleet.

    Attributes:
        cycle: Number of the last cycle that is finished.
        since: From when on logs count.
        snapshot_at: When the last complete snapshot was begun; ALWAYS before the first.
        every: Seconds from one cycle to the next, at that time.
        kinds: The kinds of logs that are read.
    """

    cycle: int = 0
    since: int = ALWAYS
    snapshot_at: int = ALWAYS
    every: float = 0.0
    kinds: tuple[str, ...] = ()


class DeviceState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of a vehicle.

    Attributes:
        integrated: Its `integrated`.
        hint: What tells its newest status log from others, as of the last reading; None if it has none.
        since: From when on its logs count.
        is_here: Whether it is there; it stays known after it was removed.
        changes: How often it was added, removed or changed its connection.
        status: What was delivered of its status logs, packed: see `ledger`; None if they are not read.
        error: The same of its error logs.
        gaps: What is missing: kind, from when, until when, why.
        trouble: Why the last reading of a kind failed: kind and reason; `vehicle` for the snapshot.
        behind: Since when it has status logs that were not read; 0 if it has none.
    """

    integrated: str = ""
    hint: str | None = None
    since: int = ALWAYS
    is_here: bool = True
    changes: int = 0
    status: bytes | None = None
    error: bytes | None = None
    gaps: tuple[tuple[str, int, int, str], ...] = ()
    trouble: tuple[tuple[str, str], ...] = ()
    behind: int = 0

    def ledger(self, kind: str) -> Ledger:
        """Return what was delivered of a kind."""
        packed: bytes | None = getattr(self, kind)
        return Ledger.since(self.since) if packed is None else _LEDGER.decode(packed)

    def but(self, **changes: Any) -> DeviceState:
        """Return the same with some changes."""
        return msgspec.structs.replace(self, **changes)

    def with_ledger(self, kind: str, ledger: Ledger) -> DeviceState:
        """Return the same with what was delivered of a kind."""
        return self.but(**{kind: _PACKER.encode(ledger)})

    def with_delivered(self, kind: str, delivered: list[Seen]) -> DeviceState:
        """Return the same with some logs of a kind delivered."""
        return self.with_ledger(kind, self.ledger(kind).with_delivered(delivered))

    def with_trouble(self, kind: str, reason: str) -> DeviceState:
        """Return the same with why the last reading of a kind failed."""
        return self.but(trouble=(*self.without_trouble(kind).trouble, (kind, reason)))

    def without_trouble(self, kind: str) -> DeviceState:
        """Return the same with the last reading of a kind a success; itself if it was one."""
        others = tuple(pair for pair in self.trouble if pair[0] != kind)
        return self if len(others) == len(self.trouble) else self.but(trouble=others)


# A ledger in pieces takes several times the room that it takes packed, and few are needed at a time.
_PACKER: Final = msgspec.msgpack.Encoder()
_LEDGER: Final = msgspec.msgpack.Decoder(Ledger)
_KNOWN: Final = msgspec.json.Decoder(DeviceState)


def seen(placed: Placed, kind: str) -> Seen:
    """Return a log as a ledger knows it."""
    if kind == "error":
        # Its time is that of its storing.
        return Seen(placed.at, placed.at)
    stored = placed.log.logged_at
    return Seen(placed.at, instant_of(stored) if stored else None)


async def decoded(rows: AsyncIterator[tuple[str, str]], into: dict[str, DeviceState]) -> Meta:
    """Decode the rows of a checkpoint: those of vehicles into a mapping by their IDs, that of the fleet is returned."""
    meta = Meta()
    shared: dict[object, Any] = {}
    async for name, text in rows:
        if name == FLEET:
            meta = msgspec.json.decode(text, type=Meta)
            continue
        known = into[name] = _KNOWN.decode(text)
        # What many vehicles have in common is there once.
        for field in ("integrated", "since", "error"):
            value = getattr(known, field)
            msgspec.structs.force_setattr(known, field, shared.setdefault(value, value))
    return meta
