"""Lists of a large fleet's sessions block no other request, and a change costs little."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.sandbox.instants import DAY, instant
from ev_energy_async.sandbox.world.sessions import SessionBook
from ev_energy_async.sandbox.world.world import World
from tests.sandbox.conftest import START, Client

if TYPE_CHECKING:
    import pytest

    from ev_energy_async.sandbox.world.entities import Plug

NOW = instant(START)


async def test_others_are_served_while_a_list_is_worked_out(clock: SteppedClock) -> None:
    async with Sandbox(vehicles=1_500, clock=clock) as sandbox, aiohttp.ClientSession() as session:
        client = Client(sandbox, session)
        long = asyncio.create_task(client.get("/charging_sub_sessions?is_finished=false&page_size=1"))
        served = 0
        while not long.done():
            await client.get("/timezones")
            served += 1
        assert (await long).status == 200

    assert served > 5


def test_what_was_worked_out_in_steps_is_the_same() -> None:
    made, stepped = (World(vehicles=250, evses=None, seed=3, start=NOW).sessions for _ in range(2))
    day = NOW // DAY
    steps = sum(1 for _ in stepped.ahead(day, subs=True))

    assert steps > 2
    assert stepped.beginnings(day, subs=True) == made.beginnings(day, subs=True) != []
    assert not list(stepped.ahead(day, subs=True)), "nothing is left"


def test_a_change_lets_one_plug_be_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(vehicles=60, evses=None, seed=3, start=NOW)
    day, book = NOW // DAY, world.sessions
    before = book.beginnings(day, subs=False)
    looked_at: list[int] = []
    of_day = SessionBook._of_day  # pyright: ignore[reportPrivateUsage]  # no public way to it

    def noting(book: SessionBook, plug: Plug, day: int, *, subs: bool) -> object:
        looked_at.append(plug.number)
        return of_day(book, plug, day, subs=subs)

    monkeypatch.setattr(SessionBook, "_of_day", noting)
    vehicle = list(world.vehicles)[7]
    world.disconnect(vehicle, NOW)
    added = world.add_vehicle(vehicle.user, vehicle.trim, "ACTIVE", NOW)

    after = book.beginnings(day, subs=False)

    assert vehicle.plug is not None
    assert added.plug is not None
    assert sorted(looked_at) == sorted([vehicle.plug.number, added.plug.number])
    assert [each for each in after if each.plug != added.plug.number] == before


def test_the_feed_of_a_large_fleet_comes_in_portions() -> None:
    made, stepped = (World(vehicles=300, evses=None, seed=3, start=NOW) for _ in range(2))
    portions = list(stepped.events.portions(NOW, NOW + DAY))

    assert len(portions) > 3
    assert sorted(event for portion in portions for event in portion) == made.sub_session_events(NOW, NOW + DAY) != []
