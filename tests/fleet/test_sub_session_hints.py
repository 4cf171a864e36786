"""Looks at charging sub-sessions are rarer while webhooks arrive; one that is lost costs time only."""

from __future__ import annotations

import logging
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.errors import InvalidArgument
from ev_energy_async.fleet.plan import plan

from .session_kit import HOUR, Charge, ModelSessions, session_id, told, until, webhook
from .watch_kit import OWNER, at

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from ev_energy_async.fleet import SubSessionEvent, SubSessions

OTHER = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0J"


def hooks(charges: Iterable[Charge]) -> list[tuple[dt.datetime, str, Charge]]:
    """The webhooks of some sub-sessions, each when it is sent."""
    return [(when, what, each) for each in charges for when, what in ((each.start, "created"), (each.end, "ended"))]


async def fed(
    stream: SubSessions, api: ModelSessions, hours: float, sent: list[tuple[dt.datetime, str, Charge]]
) -> list[SubSessionEvent]:
    """The events up to a time, while webhooks arrive."""
    found: list[SubSessionEvent] = []
    for when, what, charge in sorted(sent, key=lambda each: each[0]):
        found += await until(stream, api, (when - at(0)).total_seconds() / HOUR)
        stream.notify(webhook(charge, charge.start if what == "created" else charge.end, what))
    return found + await until(stream, api, hours)


async def test_looks_are_rarer_while_webhooks_arrive_until_one_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    charges = [Charge(session_id(number), at(61 * number), at(61 * number + 30)) for number in range(1, 9)]
    costs: dict[bool, int] = {}
    with caplog.at_level(logging.INFO, "ev_energy_async"):
        for has_webhooks in (False, True):
            api = ModelSessions(charges)
            stream = api.follow()
            events = await fed(stream, api, 11, hooks(charges) if has_webhooks else [])
            assert stream.every == (900 if has_webhooks else 300)
            assert Counter(told(events))["Started"] == Counter(told(events))["Ended"] == 8
            costs[has_webhooks] = api.count
    assert costs[True] < 0.6 * costs[False]
    [said] = [record.getMessage() for record in caplog.records]
    assert said == "webhooks arrive: charging sub-sessions that go on are listed every 900 s instead of 300 s"
    lost = Charge(session_id(9), at(60 * 12 + 1), at(60 * 13))
    api.charges[lost.id] = lost
    before = api.clock.elapsed
    with caplog.at_level(logging.INFO, "ev_energy_async"):
        found = await until(stream, api, 12.4)
    assert told(found)[0] == "Started", "found by a look, and late"
    assert api.clock.elapsed - before < 1.5 * HOUR
    assert stream.every == 300
    assert caplog.records[-1].getMessage().startswith("a webhook did not arrive")


@pytest.mark.parametrize("seed", range(6))
async def test_webhooks_that_are_lost_doubled_late_and_out_of_order_lose_and_double_nothing(seed: int) -> None:
    chance = random.Random(seed)
    charges: list[Charge] = []
    for number in range(1, 13):
        begin, length = chance.randrange(20, 400), chance.randrange(2, 200)
        end = at(begin + length)
        charges.append(Charge(session_id(number), at(begin), end, [(at(begin + length + 90), 10_000 + number)]))
    sent = [
        (when + chance.choice([0, 0, 0, 1, 40]) * (at(1) - at(0)), what, charge)
        for when, what, charge in hooks(charges)
        for _ in range(chance.choice([0, 1, 1, 1, 2]))
    ]
    api = ModelSessions(charges, page_size=3)
    stream = api.follow()
    events = await fed(stream, api, 30, sent)
    assert set(Counter(event.key for event in events).values()) == {1}
    for charge in charges:
        names = told(event for event in events if getattr(event, "sub_session_id", "") == charge.id)
        assert names[0] == "Started"
        assert names.count("Started") == names.count("Ended") == 1
        assert names[-1] == "Revised"


async def test_what_a_look_finds_within_two_minutes_is_no_lost_webhook() -> None:
    charges = [Charge(session_id(number), at(61 * number), at(61 * number + 30)) for number in range(1, 4)]
    api = ModelSessions(charges)
    stream = api.follow()
    await fed(stream, api, 4.9, hooks(charges))
    assert stream.every == 900
    just_now = Charge(session_id(9), api.clock.true, at(600))
    api.charges[just_now.id] = just_now
    before = api.clock.elapsed
    api.clock.elapsed += 1_000
    just_now.start = just_now.shown = api.clock.true
    assert "Started" in told(await until(stream, api, (before + 1_300) / HOUR))
    assert stream.every == 900, "its webhook may be on its way"


@pytest.mark.parametrize("is_lookup", [False, True])
async def test_a_response_that_was_on_its_way_when_a_webhook_told_of_an_end_does_not_take_it_back(
    monkeypatch: pytest.MonkeyPatch, *, is_lookup: bool
) -> None:
    charge = Charge(session_id(1), at(7), at(43))
    api = ModelSessions([charge])
    stream = api.follow()
    answer, overtaken = api.send, 0

    async def send(request: Any) -> Any:
        nonlocal overtaken
        is_here = api.clock.true >= at(30)
        if is_here and is_lookup:
            # It is missing in the list, and so it is looked up.
            api.hidden = set() if request.path.endswith(charge.id) else {charge.id}
        response = await answer(request)
        if is_here and not overtaken and (request.path.endswith(charge.id) or not is_lookup):
            overtaken += stream.notify(webhook(charge, charge.end, "ended"))
            api.clock.elapsed = 44 * 60
            api.hidden = set()
        return response

    monkeypatch.setattr(api, "send", send)
    events = await until(stream, api, 3)
    assert overtaken == 1
    names = told(events)
    assert names[-1] == "Ended"
    assert names.count("Ended") == 1
    assert "Revised" not in names
    assert len({event.key for event in events}) == len(events)


async def test_those_of_a_vehicle_are_filtered_by_the_api_and_so_are_webhooks() -> None:
    mine = [Charge(session_id(number), at(10 * number), at(200)) for number in (1, 2)]
    others = [Charge(session_id(number), at(10), at(200), vehicle=OTHER) for number in range(3, 250)]
    api = ModelSessions([*mine, *others])
    stream = api.follow(vehicle=mine[0].vehicle)
    events = await until(stream, api, 0.4)
    assert not stream.notify(webhook(others[0], at(10), "created"))
    events += await until(stream, api, 5)
    assert {getattr(event, "sub_session_id", "") for event in events} == {each.id for each in mine}
    assert {asked.get("vehicle_id") for asked in api.asked if asked} == {mine[0].vehicle}
    assert all("page_after" not in asked for asked in api.asked), "one page has all of them"
    with pytest.raises(InvalidArgument, match="vehicle"):
        api.follow(vehicle="evse01HRFF3SEVSCRAV9B3CHVDFN0H")


async def test_a_stream_of_one_user_takes_no_webhook_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Charge(session_id(1), at(7), at(200))
    api = ModelSessions([mine])
    monkeypatch.setattr("tests.fleet.session_kit.OWNER", type(OWNER)(OWNER.base_url, "app", "user01"))
    stream = api.follow()
    assert await until(stream, api, 0.05) == []
    other = Charge(session_id(2), at(7), at(200), vehicle=OTHER)
    assert not stream.notify(webhook(other, at(7), "created")), "whose it is does not stand in it"
    assert told(await until(stream, api, 0.4))[0] == "Started", "a look shows the user's own"
    assert stream.notify(webhook(mine, at(200), "ended")), "it is known"


async def test_looks_at_many_that_go_on_take_a_tenth_of_the_budget() -> None:
    api = ModelSessions([Charge(session_id(number), at(1), at(6_000)) for number in range(20)], page_size=1)
    stream = api.follow()
    await until(stream, api, 0.2)
    assert stream.every == 300, "this budget is large"
    small = ModelSessions(list(api.charges.values()), page_size=1, limit=1_000)
    slow = small.follow()
    await until(slow, small, 0.2)
    assert slow.every == 20 * 3_600 / 100
    before, began = small.count, small.clock.elapsed
    await until(slow, small, 6)
    per_hour = (small.count - before) / (small.clock.elapsed - began) * HOUR
    assert per_hour < 150


def test_the_plan_shows_what_sub_sessions_cost_and_that_webhooks_save_most_of_it() -> None:
    alone = plan(1_000, budget=980)
    assert alone.requests.sub_sessions == 0
    assert "sub-sessions" not in str(alone)
    polled = plan(1_000, sub_sessions=1_000, budget=980)
    told_of = plan(1_000, sub_sessions=1_000, webhooks=True, budget=980)
    assert told_of.requests.sub_sessions < 0.5 * polled.requests.sub_sessions
    assert "sub-sessions that go on are listed every 5 min\n" in str(polled)
    assert "sub-sessions that go on are listed every 15 min, and their starts and ends by webhook" in str(told_of)
    large = plan(10_000, evses=500, sub_sessions=10_000, budget=980)
    assert large.requests.total <= 0.95 * 980 + 1e-6, "it is set aside before the watch shares out the rest"
    assert large.requests.sub_sessions == pytest.approx(189, abs=1)
    with pytest.raises(InvalidArgument, match="sub_sessions"):
        plan(10, sub_sessions=-1)
