"""Opening the state of a large fleet: what it takes grows with the number of vehicles, and a vehicle takes little."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Final

from ev_energy_async.checkpoint import SqliteCheckpoint
from ev_energy_async.fleet.watch.journal import Journal
from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.fleet.watch.state import DeviceState, decoded
from ev_energy_async.instants import ALWAYS, SECOND, instant_of
from tests.conftest import START

from .watch_kit import OWNER, text, vehicle_id

if TYPE_CHECKING:
    from pathlib import Path

VEHICLES: Final = 5_000
INTERVAL: Final = 300 * SECOND


def after_hours(number: int) -> DeviceState:
    """Return the state of a vehicle that has reported sixty times and had an error."""
    begin = instant_of(START) + number * 1_234_567
    logs = [Seen(begin + count * INTERVAL, begin + count * INTERVAL + SECOND) for count in range(60)]
    end = logs[-1].at + 5 * SECOND
    status = Ledger.after(begin - 1, begin).with_reading(logs, reach=begin - 1, read_at=end)
    error = Ledger.since(begin).with_reading([Seen(begin, begin)], reach=ALWAYS, read_at=end)
    known = DeviceState.new("ACTIVE", text(60 * 5), instant_of(START))
    return known.with_ledger("status", status).with_ledger("error", error)


async def test_the_state_of_a_large_fleet_is_opened_and_takes_little_room(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    async with SqliteCheckpoint(path) as checkpoint:
        journal = Journal(checkpoint, "watch")
        assert [name async for name, _ in journal.load(OWNER)] == []
        await journal.write({vehicle_id(number): after_hours(number) for number in range(VEHICLES)})

    async with SqliteCheckpoint(path) as checkpoint:
        live: dict[str, DeviceState] = {}
        journal = Journal(checkpoint, "watch")
        await decoded(journal.load(OWNER), {})  # what is imported on the way does not count
        live.clear()
        tracemalloc.start()
        try:
            await decoded(journal.load(OWNER), live)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert live == {vehicle_id(number): after_hours(number) for number in range(VEHICLES)}
    # Two dictionaries of this size have more room to spare than those of a hundred thousand, which take 99 MB.
    assert held / VEHICLES < 1_100
