"""Following the logs of a device when things go wrong: outages, refusals, cancellation, faults on real sockets."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import logging
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from ev_energy_async import EvEnergy, StaticToken, models
from ev_energy_async.devices.kinds import DEVICES
from ev_energy_async.errors import (
    BudgetExhausted,
    ConnectionFailed,
    DecodeError,
    Forbidden,
    NotFound,
    ServiceUnavailable,
    error_for,
)
from ev_energy_async.messages.request import Response
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import ResetAfter, Unavailable
from ev_energy_async.testing import SandboxClock
from tests.conftest import START, Answer

from .follow_kit import MINUTE, VEHICLE, ModelServer, QuickClock, log, take, texts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.messages.request import Request
    from tests.conftest import FakeClock, Network, Sent

Log = models.VehicleStatusLog
DAY: Final = dt.timedelta(days=1)


@pytest.fixture
def server() -> ModelServer:
    """A server with no logs, which ends each test after a day."""
    made = ModelServer(QuickClock(), [])
    made.until = START + dt.timedelta(days=1)
    return made


# --- When something fails


def failures(kind: str, request: Request[Any]) -> Exception:
    made: dict[str, Exception] = {
        "reset": ConnectionFailed(request, "reset"),
        "closed": ConnectionFailed(request, "the client is closed", transient=False),
        "503": ServiceUnavailable(Response(request, "", 503, {}, b"", b"")),
        "429": error_for(Response(request, "", 429, {}, b"", b"")),
        "403": error_for(Response(request, "", 403, {}, b"", b"")),
        "404": error_for(Response(request, "", 404, {}, b"", b"")),
        "budget": BudgetExhausted(request, START + 30 * MINUTE),
        "decoding": DecodeError("no log", "$[0]"),
    }
    return made[kind]


@pytest.mark.parametrize("kind", ["reset", "503", "429", "budget"])
async def test_a_failure_that_passes_is_waited_out_and_logged_once(
    server: ModelServer, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    caplog.set_level(logging.INFO, "ev_energy_async")
    server.logs += [log(minute) for minute in (1, 5, 6, 50)]
    server.fail = lambda number, request: failures(kind, request) if 4 <= number < 10 else None

    logs = server.vehicle.status_logs(since=START).follow()

    assert await take(logs, 4) == texts(*server.logs)
    interrupted, goes_on = (record.getMessage() for record in caplog.records)
    assert "is interrupted" in interrupted
    assert "resumed after 6 failures" in goes_on
    if kind == "budget":
        assert 27 * 60 in server.clock.naps, "until the budget frees up"


@pytest.mark.parametrize(
    ("kind", "error"),
    [("403", Forbidden), ("404", NotFound), ("decoding", DecodeError), ("closed", ConnectionFailed)],
)
async def test_what_waiting_does_not_mend_is_raised_and_nothing_is_lost_by_asking_again(
    server: ModelServer, kind: str, error: type[Exception]
) -> None:
    server.logs += [log(1), log(5)]
    server.fail = lambda number, request: failures(kind, request) if number == 4 else None
    logs = server.vehicle.status_logs(since=START).follow()

    assert await take(logs, 1) == texts(server.logs[0])
    with pytest.raises(error):
        await anext(logs)
    assert await take(logs, 1) == texts(server.logs[1])


async def test_a_log_without_any_time_is_an_error_that_says_so(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", f"/vehicles/{VEHICLE}/status_logs?page_size=100", [{"is_charging": True}])

    with pytest.raises(DecodeError, match="sampled_at"):
        await anext(ev.vehicle(VEHICLE).status_logs().follow())


# --- Cancellation


class Stalled(ModelServer):
    """A server that does not answer until it is told to."""

    def __init__(self) -> None:
        super().__init__(QuickClock(), [])
        self.answers = asyncio.Event()
        self.under_way = 0

    async def send(self, request: Request[Any]) -> Response[Any]:
        self.under_way += 1
        try:
            await self.answers.wait()
            return await super().send(request)
        finally:
            self.under_way -= 1


async def test_a_wait_that_is_cut_short_loses_nothing() -> None:
    server = Stalled()
    server.logs += [log(0)]
    logs = server.vehicle.status_logs(since=START).follow()

    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(logs)
        assert not server.under_way
    server.answers.set()

    assert await take(logs, 1) == texts(*server.logs)


async def test_one_task_at_a_time_may_wait() -> None:
    server = Stalled()
    logs = server.vehicle.status_logs(since=START).follow()
    waiting = asyncio.create_task(take(logs, 1))
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="another task"):
        await anext(logs)
    with pytest.raises(RuntimeError, match="another task"):
        await logs.aclose()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await logs.aclose()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(StopAsyncIteration):
        await anext(logs)


@pytest.mark.parametrize("way", ["break", "aclose", "with", "cancel"])
async def test_an_abandoned_iterator_leaves_no_task(server: ModelServer, way: str) -> None:
    server.logs += [log(-minute) for minute in range(3_000, 0, -1)]
    query = server.vehicle.status_logs(since=START - 3_000 * MINUTE)

    async def use() -> None:
        logs = query.follow()
        if way == "with":
            async with logs:
                await anext(logs)
            return
        async for _ in logs:
            if way == "aclose":
                await logs.aclose()
            if way == "cancel":
                await asyncio.Event().wait()
            break

    task = asyncio.create_task(use())
    if way == "cancel":
        while not server.queries:  # noqa: ASYNC110  # the model sets no event
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    del task
    gc.collect()

    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- On real sockets


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    clock = SteppedClock(START)
    async with Sandbox(
        vehicles=6, evses=4, seed=11, rate_limit=100_000, clock=clock, token_lifetime=7 * DAY
    ) as running:
        yield running


@pytest.fixture
async def live(sandbox: Sandbox) -> AsyncIterator[EvEnergy]:
    async with EvEnergy(
        StaticToken(sandbox.issue_token()), base_url=sandbox.base_url, clock=SandboxClock(sandbox)
    ) as client:
        yield client


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_day_of_a_car_comes_complete_through_faults_and_restarts(
    sandbox: Sandbox, live: EvEnergy, ordered: bool
) -> None:
    vehicle = live.vehicle((await live.vehicles.list())[0])
    sandbox.faults = FaultPlan((Rule(Unavailable(), probability=0.1), Rule(ResetAfter(), probability=0.05)), seed=3)
    end = START + DAY
    came: list[Log] = []
    late: list[bool] = []
    cursor: str | None = None
    while True:
        logs = vehicle.status_logs(since=START, until=end).follow(every=300, ordered=ordered, cursor=cursor)
        try:
            for _ in range(17):
                came.append(await anext(logs))
                late.append(logs.late)
                cursor = logs.cursor
        except StopAsyncIteration:
            break

    sandbox.faults = FaultPlan()
    there = await vehicle.status_logs(since=START, until=end).all()
    urls = [each.url for each in came]
    assert len(urls) == len(set(urls))
    assert set(urls) == {each.url for each in there}
    assert len(urls) > 50
    on_time = [each.sampled_at for each, is_late in zip(came, late, strict=True) if not is_late]
    assert on_time == sorted(on_time, key=str)
    overtaken = [each for each in came if each.logged_at - each.sampled_at > 15 * MINUTE]  # type: ignore[operator]  # a TypedDict of a name that is a value
    assert overtaken, "the day has logs that are later than the lateness"


async def test_every_kind_of_log_can_be_followed(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    def answer(sent: Sent) -> Answer:
        kind = sent.url.partition("?")[0].rpartition("/v2/")[2]
        time = "logged_at" if "logged_at" in sent.url else "sampled_at"
        at = "2026-03-14T12:00:01.1234567Z"
        return Answer([{"url": f"https://api.ev.energy/v2/{kind}/{at}", time: at}])

    network.handle("GET", re.compile(r".*/v2/.*"), answer)
    methods = {"current": "logs"}
    found: list[str] = []
    for device in DEVICES.values():
        for name in (name for name, row in device.logs.items() if row.function):
            handle = getattr(ev, device.noun)(f"{device.prefix}1")
            query = getattr(handle, methods.get(name, f"{name}_logs"))(since=START)
            found.append(query.key(await anext(query.follow())))

    assert len(found) == len(set(found)) == 11
    assert all(key.endswith("/2026-03-14T12:00:01.1234567Z") for key in found)
    assert clock.naps == []
