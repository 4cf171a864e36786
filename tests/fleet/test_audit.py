"""Audits: what was missing is delivered, once, in bounded memory, and resumed where it was."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.budget import Budget
from ev_energy_async.errors import Forbidden, InvalidArgument
from ev_energy_async.fleet import Fleet
from ev_energy_async.fleet.events import PollFailed
from ev_energy_async.fleet.watch import state as _state

from .test_coverage import refuse, run
from .watch_kit import OWNER, at, fleet, keys, text

if TYPE_CHECKING:
    from .watch_kit import ModelFleet


async def test_an_audit_finds_what_came_late_and_mends_it() -> None:
    api, [car, *_], clock = fleet()
    for minutes in range(1, 60):
        car.log(minutes)
    missed = [car.log(minutes, late=300, digits="5").text for minutes in (5, 17, 31)]
    watch = api.watch(every=300, logs={"status"})
    told = await run(watch, 14)
    assert len(told) == 59
    clock.elapsed += 36_000
    watched = Fleet(api, OWNER)
    report = await watched.audit(at(0), at(60), checkpoint=api.checkpoint)
    assert [event.key for event in report.missing] == [f"{car.id}/status/{each}" for each in missed]
    assert all(event.late for event in report.missing)
    assert (report.collections, report.spent, report.is_clean) == (3, 3, False)
    assert report.logs == 62
    assert "3 were missing" in str(report)
    # Now they are delivered, also for the watch.
    again = await watched.audit(at(0), at(60), checkpoint=api.checkpoint)
    assert again.is_clean
    assert await run(api.watch(every=300, logs={"status"}, complete_within=300), 3) == []


async def test_an_audit_resumes_with_what_was_not_acknowledged() -> None:
    api, [car, *_], clock = fleet()
    car.log(50)
    await run(api.watch(every=300, logs={"status"}), 12)
    missed = [f"{car.id}/status/{car.log(minutes, late=300).text}" for minutes in (5, 17, 31)]
    clock.elapsed += 36_000
    audit = Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint)
    first = [await anext(audit), await anext(audit)]
    assert [event.key for event in first] == missed[:2]
    rest = [event async for event in Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint)]
    assert [event.key for event in rest] == missed[1:]


async def test_an_audit_reports_what_it_cannot_read() -> None:
    api, cars, _ = fleet()
    await run(api.watch(every=300, logs={"status"}), 2)
    api.fail = refuse(Forbidden, cars[1].id)
    report = await Fleet(api, OWNER).audit(at(0), at(5), checkpoint=api.checkpoint)
    [failed] = report.failed
    assert isinstance(failed, PollFailed)
    assert failed.vehicle_id == cars[1].id
    assert not report.is_clean


async def test_an_audit_beside_a_watch_undoes_nothing() -> None:
    api, [car, *_], _ = fleet()
    car.log(1)
    late = car.log(2, late=100)
    watch = api.watch(every=300, logs={"status"})
    await run(watch, 2)
    api.clock.elapsed += 36_000
    audit = Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint)
    assert [event.key async for event in audit] == [f"{car.id}/status/{late.text}"]
    car.log(610)
    api.clock.elapsed += 3_600
    # What it gave out before it knew of the audit cannot be acknowledged; then it loads the checkpoint again.
    assert set(await run(watch, 1)) == {f"{car.id}/status/{text(610)}"}
    assert await run(api.watch(every=300, logs={"status"}), 1) == []


@pytest.mark.parametrize(
    ("since", "until", "name"),
    [(at(5), at(1), "since"), (dt.datetime(2026, 1, 1), at(1), "since"), (at(1), "now", "until")],  # noqa: DTZ001  # naive
)
def test_an_audit_of_no_time_is_refused(since: Any, until: Any, name: str) -> None:
    api, _, _ = fleet()
    with pytest.raises(InvalidArgument, match=name):
        Fleet(api, OWNER).audit(since, until, checkpoint=api.checkpoint)


async def missed(count: int, vehicles: int = 3) -> tuple[ModelFleet, list[str]]:
    """A fleet whose watch has ended, and the keys of logs that came after that, for a time that it has read."""
    api, cars, clock = fleet(vehicles)
    for car in cars:
        car.log(50)
    await run(api.watch(every=300, logs={"status"}), 12)
    clock.elapsed += 36_000
    late = [f"{car.id}/status/{car.log(1 + 45 * n / count, late=300).text}" for car in cars for n in range(count)]
    return api, list(dict.fromkeys(late))


async def test_an_audit_of_a_long_time_holds_a_portion_of_it_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    api, late = await missed(1_300, 1)
    widest = 0
    encode = _state.DeviceState.with_ledger

    def measured(self: Any, log: str, ledger: Any) -> Any:
        nonlocal widest
        widest = max(widest, len(ledger.extras))
        return encode(self, log, ledger)

    monkeypatch.setattr(_state.DeviceState, "with_ledger", measured)
    audit = Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint)
    found = [event.key async for event in audit]
    assert found == sorted(late)
    assert widest < 1_000
    assert audit.report.missing == (), "whoever iterates has them"
    assert audit.report.missing_count == len(late)
    assert (await Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint)).is_clean


@pytest.mark.parametrize("stop", [0, 1, 4, 9])
async def test_an_audit_is_resumed_from_a_cursor_without_loss(stop: int) -> None:
    api, late = await missed(3, 4)
    audit = Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint, concurrency=1)
    assert audit.cursor is None
    first = [await anext(audit) for _ in range(stop + 1)][:stop]
    resumed = Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint, cursor=audit.cursor)
    before = api.count
    rest = [event async for event in resumed]
    assert keys([*first, *rest]) == late
    assert api.count - before == 4 - stop // 3, "what is through is not read again"
    with pytest.raises(InvalidArgument, match="cursor"):
        Fleet(api, OWNER).audit(at(0), at(61), checkpoint=api.checkpoint, cursor=audit.cursor)
    with pytest.raises(InvalidArgument, match="cursor"):
        Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint, cursor="1.x")


async def test_a_vehicle_that_could_not_be_read_is_read_again_from_the_cursor() -> None:
    api, late = await missed(1)
    sick = late[0].partition("/")[0]
    api.fail = refuse(Forbidden, f"{sick}/status_logs")
    audit = Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint)
    assert keys([event async for event in audit]) == late[1:]
    api.fail = lambda _number, _request: None
    again = Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint, cursor=audit.cursor)
    assert keys([event async for event in again]) == late[:1]


async def test_an_audit_takes_no_more_than_its_share_of_the_budget() -> None:
    api, late = await missed(1, 30)
    api.budget = Budget(100, clock=api.clock)
    began = api.clock.elapsed
    report = await Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint, share=0.1)
    assert report.missing_count == len(late) == 30
    # Ten an hour.
    assert api.clock.elapsed - began >= 2 * 3_600
    wrong: Any = 0
    with pytest.raises(InvalidArgument, match="share"):
        Fleet(api, OWNER).audit(at(0), at(60), checkpoint=api.checkpoint, share=wrong)
