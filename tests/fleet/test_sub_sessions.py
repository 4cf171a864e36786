"""Charging sub-sessions as a stream: each start, change, end and revision once, through crashes and lost webhooks."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ev_energy_async import EvEnergy, StaticToken, models
from ev_energy_async.errors import InvalidArgument, Unauthorized
from ev_energy_async.fleet import (
    SubSessionChanged,
    SubSessionEnded,
    SubSessionRevised,
    SubSessionStarted,
)
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from tests.conftest import START

from .session_kit import HOUR, Charge, ModelSessions, one, session_id, told, until, webhook
from .watch_kit import at

if TYPE_CHECKING:
    from ev_energy_async.fleet import SubSessionEvent


async def test_a_sub_session_starts_changes_ends_and_is_revised_each_once() -> None:
    charge = Charge(session_id(1), at(20), at(65), [(at(60 * 30), 480)])
    api = ModelSessions([charge])
    stream = api.follow()
    events = await until(stream, api, 60)
    names = told(events)
    assert names[0] == "Started"
    assert names.count("Changed") == 4, "with each 100 Wh, and not with each minute"
    assert names[-2:] == ["Ended", "Revised"]
    revised = events[-1]
    assert isinstance(revised, SubSessionRevised)
    assert revised.changes["energy_delivered_watt_hours"] == (400, 480)
    assert revised.changes["cost"] == (10, 12)
    assert (revised.sub_session_id, revised.vehicle_id) == (charge.id, "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H")
    ended = events[-2]
    assert isinstance(ended, SubSessionEnded)
    assert ended.changes["end"].old is None
    assert len({event.key for event in events}) == len(events)


async def test_what_has_ended_before_it_began_does_not_count_unless_asked_for() -> None:
    charges = [Charge(session_id(1), at(-300), at(-200)), Charge(session_id(2), at(-30), at(40))]
    first = ModelSessions(charges)
    assert {getattr(event, "sub_session_id", "") for event in await until(first.follow(), first, 1)} == {session_id(2)}
    second = ModelSessions(charges)
    events = await until(second.follow(since=at(-400)), second, 1)
    assert [type(event) for event in events if getattr(event, "sub_session_id", "") == session_id(1)] == [
        SubSessionStarted,
        SubSessionEnded,
    ]


async def test_it_costs_little_while_nothing_happens_and_forgets_what_is_settled() -> None:
    api = ModelSessions([Charge(session_id(number), at(1), at(20)) for number in range(50)])
    stream = api.follow()
    await until(stream, api, 24)
    # One look at what goes on and one at what has ended each five minutes, and the tiers.
    assert api.count < 24 * (12 * 2 + 4 + 1) + 40
    assert "50 under way" in repr(stream)
    assert stream.complete_upto is not None
    assert stream.complete_upto >= at(24 * 60 - 10)
    await until(stream, api, 24 * 5)
    assert "0 under way" in repr(stream)
    names = [key async for key, _ in api.checkpoint.entries("sub_sessions/")]
    assert names == ["sub_sessions/fleet"]


async def test_a_pause_is_no_gap() -> None:
    api = ModelSessions(
        [Charge(session_id(1), at(20), at(60 * 30), [(at(60 * 40), 7)]), Charge(session_id(2), at(600), at(660))]
    )
    await until(api.follow(), api, 1)
    api.clock.elapsed = 50 * HOUR
    events = await until(api.follow(), api, 54)
    assert Counter(told(events))["Ended"] == 2
    assert {event.sub_session_id for event in events if isinstance(event, SubSessionStarted)} == {session_id(2)}


async def test_what_was_not_acknowledged_comes_again_as_it_is_by_then() -> None:
    api = ModelSessions([Charge(session_id(1), at(2), at(200))])
    first = await anext(api.follow(ack="explicit"))
    api.clock.elapsed += 1_800
    again = await anext(api.follow(ack="explicit"))
    assert isinstance(first, SubSessionStarted)
    assert isinstance(again, SubSessionStarted)
    assert first.key != again.key, "or a sink that has the first one would not take the facts of the second"
    assert (first.session.energy_delivered_watt_hours or 0) < (again.session.energy_delivered_watt_hours or 0)
    await again.ack()
    api.clock.elapsed += 1_800
    assert not isinstance(await anext(api.follow(ack="explicit")), SubSessionStarted)


async def test_a_webhook_is_delivered_at_once_and_what_it_brings_comes_once() -> None:
    charge = Charge(session_id(1), at(7), at(43))
    api = ModelSessions([charge])
    stream = api.follow()
    events = await until(stream, api, 0.118)
    assert events == []
    before = api.clock.elapsed
    assert stream.notify(webhook(charge, at(7), "created"))
    started = await anext(stream)
    assert isinstance(started, SubSessionStarted)
    assert api.clock.elapsed == before
    assert not stream.notify(webhook(charge, at(7), "created")), "doubled"
    events = await until(stream, api, 0.72)
    assert set(told(events)) <= {"Changed"}
    assert stream.notify(webhook(charge, at(43), "ended"))
    assert not stream.notify(webhook(charge, at(7), "created")), "out of order"
    assert not stream.notify(webhook(charge, at(43), "ended"))
    assert told([await anext(stream)]) == ["Ended"]
    assert told(await until(stream, api, 5)) == []
    assert not stream.notify(SimpleNamespace(payload=SimpleNamespace(type="vehicle.created", data={})))


async def test_a_sub_session_that_is_deleted_is_forgotten() -> None:
    api = ModelSessions([Charge(session_id(1), at(7), at(600), gone=at(30))])
    stream = api.follow()
    assert told(await until(stream, api, 0.4))[0] == "Started"
    await until(stream, api, 1)
    assert "0 under way" in repr(stream)


async def test_one_401_is_waited_out_and_a_second_one_raised() -> None:
    api = ModelSessions([Charge(session_id(1), at(7), at(30))])
    refused = {3}
    api.refuse = lambda number: number in refused
    stream = api.follow()
    assert told(await until(stream, api, 1)).count("Ended") == 1
    refused |= {api.count + 1, api.count + 2}
    with pytest.raises(Unauthorized):
        await until(stream, api, 2)


async def test_a_list_of_which_a_page_was_refused_is_asked_for_from_its_beginning() -> None:
    api = ModelSessions([Charge(session_id(number), at(-5), at(600)) for number in range(1, 4)], page_size=1)
    refused = {2, 3}
    api.refuse = lambda number: number in refused
    stream = api.follow()
    with pytest.raises(Unauthorized):
        await until(stream, api, 1)
    before = len(api.asked)
    assert told(await until(stream, api, 0.5)).count("Started") == 2
    assert "page_after" not in api.asked[before]


async def test_bad_arguments_are_refused() -> None:
    api = ModelSessions([])
    for name, value in (("settle", -1), ("every", 0), ("ack", "never"), ("since", dt.datetime(2026, 1, 1))):  # noqa: DTZ001  # without a zone on purpose
        with pytest.raises(InvalidArgument, match=name):
            api.follow(**{name: value})


minutes = st.integers(1, 60 * 10)


def charge(number: int, start: int, length: int, revisions: list[int], late: int) -> Charge:
    return Charge(
        session_id(number),
        at(start),
        at(start + length),
        [(at(start + length + after), 10_000 + after) for after in revisions],
        shown=at(start + late),
    )


charges = st.builds(
    charge,
    st.integers(1, 9),
    minutes,
    st.integers(1, 300),
    st.lists(st.integers(20, 720), max_size=3, unique=True),
    st.sampled_from([0, 0, 0, 30, 400]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(charges, max_size=6, unique_by=lambda charge: charge.id),
    st.lists(st.integers(0, 12), max_size=5),
    st.sets(st.integers(2, 80), max_size=20),
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["created", "ended"])), max_size=6),
)
def test_each_revision_comes_once_whatever_fails_and_whatever_webhooks_say(
    here: list[Charge], crashes: list[int], failures: set[int], hints: list[tuple[int, str]]
) -> None:
    asyncio.run(_each_once(here, crashes, failures, hints))


async def _each_once(here: list[Charge], crashes: list[int], failures: set[int], hints: list[tuple[int, str]]) -> None:
    api = ModelSessions(here, page_size=2)
    api.fail = lambda number: number in failures
    acknowledged: list[SubSessionEvent] = []
    for crash in [*crashes, None]:
        stream = api.follow(every=1_800, settle=20 * HOUR, ack="explicit")
        count = 0
        while (event := await one(stream, api, 44)) is not None and count != crash:
            await event.ack()
            acknowledged.append(event)
            count += 1
            for number, what in hints:
                charge = api.charges.get(session_id(number))
                if charge is not None and charge.shown <= api.clock.true:
                    has_ended = what == "ended" and charge.end <= api.clock.true
                    at_its_time = charge.end if has_ended else charge.start
                    stream.notify(webhook(charge, at_its_time, "ended" if has_ended else "created"))
    keys = Counter(event.key for event in acknowledged)
    assert set(keys.values()) <= {1}, "told twice"
    for charge in here:
        mine = [event for event in acknowledged if getattr(event, "sub_session_id", "") == charge.id]
        names = told(mine)
        assert names.count("Started") == names.count("Ended") == 1, "once each"
        last = mine[-1]
        assert isinstance(last, SubSessionChanged | SubSessionEnded | SubSessionRevised)
        assert last.session.energy_delivered_watt_hours == charge.energy(at(60 * 48)), "the last revision came"


async def test_all_sub_sessions_of_the_sandbox_come_once() -> None:
    async with (
        Sandbox(vehicles=8, seed=11, rate_limit=5_000, clock=SteppedClock(START), token_lifetime=7 * 86_400) as sandbox,
        EvEnergy(StaticToken(sandbox.issue_token()), base_url=sandbox.base_url, clock=SandboxClock(sandbox)) as ev,
    ):
        end = sandbox.now() + dt.timedelta(hours=14)
        events: list[Any] = []
        async for event in ev.fleet.sub_sessions(every=900, expand=["energy_usage"]):
            events.append(event)
            if sandbox.now() >= end:
                break
        begin, upto = START + dt.timedelta(minutes=16), sandbox.now() - dt.timedelta(minutes=31)
        started = [event.sub_session_id for event in events if isinstance(event, SubSessionStarted)]
        ended = [event.sub_session_id for event in events if isinstance(event, SubSessionEnded)]
        sessions = await ev.charging_sub_sessions.list(end_gt=START).all()
        assert len(started) == len(set(started))
        assert len(ended) == len(set(ended))
        due = {each.id for each in sessions if each.end is not None and begin < each.end < upto}
        assert due
        assert due <= set(ended)
        assert {each.id for each in sessions if begin < each.start < upto} <= set(started)
        expanded = [
            (event.session.energy_delivered_watt_hours, event.session.energy_usage)
            for event in events
            if isinstance(event, SubSessionEnded) and isinstance(event.session.energy_usage, models.EnergyUsage)
        ]
        assert expanded
        for energy, usage in expanded:
            parts = usage.to_dict("json")["intervals"]
            assert sum(each["total_energy_delivered_watt_hours"] for each in parts) == energy
