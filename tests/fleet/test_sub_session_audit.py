"""The completeness of charging sub-sessions, by coverage and by audit, and their cost in requests."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any, assert_type

import pytest

from ev_energy_async.checkpoint import CheckpointMismatch, MemoryCheckpoint, Owner
from ev_energy_async.errors import DecodeError, InvalidArgument, Unauthorized
from ev_energy_async.fleet import (
    AuditReport,
    Fleet,
    PollFailed,
    Reason,
    SubSessionEvent,
    SubSessionRevised,
    SubSessionStarted,
)
from ev_energy_async.messages import BadItem

from .session_kit import HOUR, Charge, ModelSessions, session_id, told, until
from .watch_kit import OWNER, at

if TYPE_CHECKING:
    from ev_energy_async.fleet import Coverage


async def coverage(api: ModelSessions) -> Coverage:
    return await Fleet(api, OWNER).coverage(api.checkpoint)


async def test_coverage_has_a_row_for_sub_sessions_and_a_gap_while_nobody_looks() -> None:
    api = ModelSessions([Charge(session_id(1), at(20), at(60))])
    assert (await coverage(api)).rows == ()
    await until(api.follow(), api, 5)
    [row] = (await coverage(api)).rows
    assert (row.vehicle_id, row.log_kind) == ("charging_sub_sessions", "charging_sub_session")
    assert row.complete(at(10), at(290))
    assert row.gaps == ()
    api.clock.elapsed = 9 * HOUR
    [row] = (await coverage(api)).rows
    assert [gap.reason for gap in row.gaps] == [Reason.DOWNTIME]
    assert not (await coverage(api)).complete(at(10), at(500))
    assert "charging_sub_sessions" in str(await coverage(api))
    await until(api.follow(), api, 9.2)
    [row] = (await coverage(api)).rows
    assert row.gaps == (), "what was missed was read"
    assert row.complete(at(10), at(530))


async def test_an_audit_delivers_what_is_missing_and_nothing_twice() -> None:
    charges = [Charge(session_id(number), at(30 * number), at(30 * number + 100)) for number in range(1, 7)]
    api = ModelSessions(charges, page_size=2)
    api.hidden = {session_id(2), session_id(5)}
    stream = api.follow()
    delivered = await until(stream, api, 4)
    # A copy of the database that lagged behind, say, and shows them hours later without a look that reaches back.
    api.hidden = set()
    charges[0].revisions.append((at(241), 9_999))
    audit = api.follow().audit(at(0), at(240))
    report = await audit
    assert_type(report, AuditReport[SubSessionEvent])
    found = list(report.missing)
    hidden = [event for event in found if getattr(event, "sub_session_id", "") in {session_id(2), session_id(5)}]
    assert Counter(told(hidden)) == {"Started": 2, "Ended": 1}
    assert set(told(found)) == {"Started", "Ended", "Changed"}, "what goes on has changed meanwhile"
    assert (report.missing_count, report.logs, report.is_clean) == (len(found), 6, False)
    assert report.spent == 3, "two pages of those that have ended, and one of those that go on"
    assert (await api.follow().audit(at(0), at(240))).is_clean
    rest = await until(api.follow(), api, 9)
    keys = Counter(event.key for event in (*delivered, *found, *rest))
    assert set(keys.values()) == {1}
    assert [type(event) for event in rest if isinstance(event, SubSessionRevised)] == [SubSessionRevised]


async def test_an_audit_can_be_iterated_and_finds_revisions_too() -> None:
    charge = Charge(session_id(1), at(10), at(60))
    api = ModelSessions([charge])
    await until(api.follow(), api, 3)
    charge.revisions.append((at(190), 777))
    api.clock.elapsed = 3.2 * HOUR
    before = (await coverage(api)).rows[0].complete_upto
    events = [event async for event in api.follow().audit(at(0), at(180))]
    assert [type(event) for event in events] == [SubSessionRevised]
    assert (await coverage(api)).rows[0].complete_upto == before, "it says nothing of what came since"
    assert await until(api.follow(), api, 12) == [], "it is noted that it was delivered"


@pytest.mark.parametrize("page", range(4))
async def test_an_audit_of_which_a_page_failed_reads_that_list_again(page: int) -> None:
    charges = [Charge(session_id(number), at(10), at(60 if number < 4 else 600)) for number in range(1, 7)]
    api = ModelSessions(charges, page_size=2)
    api.hidden = set(api.charges)
    await until(api.follow(), api, 2)
    api.hidden = set()
    audit = api.follow().audit(at(0), at(120))
    # One 401 is waited out, the second one raised.
    refused = {api.count + page + 1, api.count + page + 2}
    api.refuse = lambda number: number in refused
    with pytest.raises(Unauthorized):
        await audit
    report = await audit
    assert report.missing_count == 6 + 3, "each start, and the ends of three"
    assert (await api.follow().audit(at(0), at(120))).is_clean


async def test_an_audit_begins_anew_where_another_process_has_advanced_the_checkpoint() -> None:
    charges = [Charge(session_id(number), at(10), at(600)) for number in (1, 2)]
    api = ModelSessions(charges)
    api.hidden = set(api.charges)
    await until(api.follow(), api, 2)
    api.hidden = {session_id(2)}
    audit = api.follow().audit(at(0), at(120))
    assert told([await anext(audit)]) == ["Started"]
    assert (await api.follow().audit(at(0), at(120))).missing_count == 1, "the other one has it too"
    api.hidden = set()
    rest = [event async for event in audit]
    assert [getattr(event, "sub_session_id", "") for event in rest] == [session_id(2)]


async def test_an_audit_reaches_back_as_far_as_sub_sessions_are_known() -> None:
    charge = Charge(session_id(1), at(10), at(60))
    api = ModelSessions([charge])
    stream = api.follow(settle=2 * HOUR)
    await until(stream, api, 6)
    assert stream.complete_from is not None
    report = await api.follow(settle=2 * HOUR).audit(at(0), at(300))
    assert report.is_clean, "it was forgotten, and is not taken as new"
    assert report.since > at(200)
    with pytest.raises(InvalidArgument, match="since"):
        stream.audit(at(5), at(1))
    with pytest.raises(InvalidArgument, match="since"):
        stream.audit(dt.datetime(2026, 1, 1), at(1))  # noqa: DTZ001  # without a zone on purpose


async def test_a_sub_session_that_cannot_be_decoded_is_reported_once_and_no_part_of_what_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = Charge(session_id(1), at(10), at(600))
    api = ModelSessions([bad, Charge(session_id(2), at(10), at(600))])
    answer, is_bad = api.send, True

    async def send(request: Any) -> Any:
        response = await answer(request)
        data: Any = response.data
        if is_bad and "is_finished" in request.query:
            kept: list[Any] = []
            shown: list[Any] = list(data)
            for index, item in enumerate(shown):
                if item.id == bad.id:
                    request.on_bad_item(BadItem(index, item.to_json(), "it is no number", "$.cost"))
                else:
                    kept.append(item)
            data[:] = kept
        return response

    monkeypatch.setattr(api, "send", send)
    first = await until(api.follow(), api, 1)
    again = await until(api.follow(), api, 2)
    failed = [event for event in (*first, *again) if isinstance(event, PollFailed)]
    assert [event.device_id for event in failed] == [bad.id], "once, although the process was restarted"
    assert isinstance(failed[0].error, DecodeError)
    [row] = (await coverage(api)).rows
    assert [gap.reason for gap in row.gaps] == [Reason.UNDECODABLE]
    is_bad = False
    events = await until(api.follow(), api, 3)
    assert bad.id in {event.sub_session_id for event in events if isinstance(event, SubSessionStarted)}
    [row] = (await coverage(api)).rows
    assert row.gaps == ()


async def test_one_that_goes_on_and_can_be_decoded_no_more_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    charge = Charge(session_id(1), at(10), at(600))
    api = ModelSessions([charge])
    stream = api.follow()
    assert told(await until(stream, api, 0.3)) == ["Started"]
    answer = api.send
    looked_up: list[str] = []

    async def send(request: Any) -> Any:
        response = await answer(request)
        data: Any = response.data
        if request.path.endswith(charge.id):
            looked_up.append(request.path)
        elif data:
            request.on_bad_item(BadItem(0, data.pop().to_json(), "it is no number", "$.cost"))
        return response

    monkeypatch.setattr(api, "send", send)
    assert [type(event) for event in await until(stream, api, 2)] == [PollFailed]
    assert looked_up == []


async def test_an_audit_includes_both_bounds() -> None:
    ended, started = Charge(session_id(1), at(10), at(60)), Charge(session_id(2), at(120), at(600))
    api = ModelSessions([ended, started])
    api.hidden = set(api.charges)
    await until(api.follow(), api, 3)
    api.hidden = set()
    report = await api.follow().audit(at(60), at(120))
    assert {getattr(event, "sub_session_id", "") for event in report.missing} == {ended.id, started.id}
    assert report.logs == 2


async def test_what_is_asked_for_by_which_filter_and_how_often() -> None:
    api = ModelSessions([Charge(session_id(1), at(1), at(20))])
    stream = api.follow()
    await until(stream, api, 24)
    asked = Counter[str]()
    for query in api.asked:
        if query["is_finished"] == "false":
            assert set(query) == {"is_finished", "page_size"}
            asked["those that go on"] += 1
        else:
            assert set(query) == {"is_finished", "page_size", "end__gt"}
            asked["those that have ended"] += 1
    assert 24 * 12 <= asked["those that go on"] <= 24 * 12 + 1
    # Those that ended since the last look, and within an hour, six hours, a day and three days.
    assert asked["those that have ended"] <= 24 * (12 + 4 + 1) + 4 + 2 + 1
    since = [dt.datetime.fromisoformat(query["end__gt"]) for query in api.asked[-20:] if "end__gt" in query]
    ages = sorted({round((at(24 * 60) - each).total_seconds() / 3_600) for each in since})
    assert ages[0] == 0, "most of them reach back minutes"
    assert all(event is not None for event in (stream.complete_from, stream.complete_upto))


async def test_the_checkpoint_of_another_is_refused() -> None:
    api = ModelSessions([])
    await until(api.follow(), api, 0.2)
    with pytest.raises(CheckpointMismatch, match="another"):
        await Fleet(api, Owner(OWNER.base_url, "another")).coverage(api.checkpoint)
    assert (await Fleet(api, OWNER).coverage(MemoryCheckpoint())).rows == ()
