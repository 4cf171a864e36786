"""The selection of a backfill: its checked arguments, and the list of the vehicles that it reads.

Pure: no I/O. `backfill` asks the API for the list, and this module what follows from a page of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from ev_energy_async.clock import utc_bounds, utc_text
from ev_energy_async.devices import DEVICES, last_segment, log_name, place
from ev_energy_async.errors import DecodeError, InvalidArgument
from ev_energy_async.fleet.backfill.positions import undecodable
from ev_energy_async.ids import id_text
from ev_energy_async.instants import instant, instant_of
from ev_energy_async.messages import BadItem

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from ev_energy_async.devices import DeviceKind, LogKind
    from ev_energy_async.ids import Ref

__all__ = ["LogSelection", "device_ids", "itself"]


@attrs.frozen
class LogSelection:
    """The logs that are read of each device.

    Attributes:
        of: The kind of devices.
        log: `status`, `error`, `command`, and so on.
        row: How they are listed.
        since: From when on; None for all.
        filters: The bounds in time, as arguments of the function that lists them.
        text: All of it as text, for a cursor and the log.
    """

    of: DeviceKind
    log: str
    row: LogKind
    since: dt.datetime | None
    filters: dict[str, Any]
    text: str

    @classmethod
    def select(cls, kind: object, log: object, since: dt.datetime | None, until: dt.datetime | None) -> LogSelection:
        """Return the selection, checked.

        Raises:
            InvalidArgument: There is no such kind, or no such log of it, a bound is no aware time, or `since` is after
                `until`.
        """
        of = DEVICES.get(kind) if isinstance(kind, str) else None
        logs = {} if of is None else {name: row for name, row in of.logs.items() if row.function}
        if of is None or not logs:
            kept = (name for name, row in DEVICES.items() if row.regular.function)
            raise InvalidArgument("kind", kind, f"one of {', '.join(map(repr, kept))}")
        name = log_name("log", log, logs)
        row = logs[name]
        since, until = utc_bounds(since, until)
        texts = {
            f"{row.time}_{way}": utc_text(argument, bound)
            for argument, way, bound in (("since", "gte", since), ("until", "lte", until))
            if bound is not None
        }
        filters = {f"{row.time}_{way}": bound for way, bound in (("gte", since), ("lte", until)) if bound is not None}
        shown = "&".join(f"{filter_}={text}" for filter_, text in texts.items())
        # That of vehicles is as it was before there were others.
        of_what = name if of.kind == "vehicles" else f"{of.kind}/{name}"
        return cls(of, name, row, since, filters, f"{of_what}?{shown}" if shown else of_what)

    def may_be_had(self, device: Any) -> bool:
        """Whether a device has to be asked, as far as its newest status log tells.

        That is one of the status logs, and the one with the latest `sampled_at`. Of other logs it tells nothing: a car
        whose telematics fail has new error logs and no new status, and commands and locations have times of their own.
        """
        if self.row.newest is None:
            return True
        latest = getattr(device, self.row.newest)
        if latest is None or self.since is None:
            return latest is not None
        try:
            at = instant(last_segment(latest)) if isinstance(latest, str) else place(latest, self.row.time).at
        except DecodeError:
            return True
        return at is None or at >= instant_of(self.since)

    def find(self, page: Iterable[Any]) -> tuple[list[str], list[tuple[str, DecodeError]]]:
        """Return the IDs of the vehicles of a page that have to be asked, and what is wrong with those without one.

        Of a vehicle that cannot be decoded the ID is enough.
        """
        found: list[str] = []
        errors: list[tuple[str, DecodeError]] = []
        for item in page:
            if not isinstance(item, BadItem):
                if self.may_be_had(item):
                    found.append(item.id)
                continue
            try:
                found.append(id_text("id", msgspec.json.decode(item.raw, type=_HasId).id, self.of.prefix))
            except (InvalidArgument, msgspec.MsgspecError):
                error = DecodeError(item.reason, item.path.replace("$", f"$[{item.index}]", 1))
                errors.append((undecodable(item.raw), error))
        return found, errors


class _HasId(msgspec.Struct):
    id: str


def itself(item: BadItem) -> BadItem:
    """Return what stands for an item that cannot be decoded: itself, in its place."""
    return item


def device_ids(vehicles: Iterable[Ref], prefix: str = "vhcl") -> list[str]:
    """Return the IDs of devices, each once.

    Raises:
        InvalidArgument: One of them is none of this kind, or they are not in a list.
    """
    try:
        refs = None if isinstance(vehicles, str | bytes) else list(vehicles)
    except TypeError:
        refs = None
    if refs is None:
        raise InvalidArgument("vehicles", vehicles, "devices (IDs, URLs or models) in a list, or None for all")
    return list(dict.fromkeys(id_text("vehicles", reference, prefix) for reference in refs))
