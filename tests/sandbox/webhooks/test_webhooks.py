"""Webhooks as a receiver gets them: signed, tried again, under one ID however often they come."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from aiohttp import web

from ev_energy_async.sandbox import Delivery, FaultPlan, Rule, Sandbox, ScaledClock, SteppedClock
from ev_energy_async.sandbox.clock import Timekeeper
from ev_energy_async.sandbox.faults import Effect, WebhookDelayed, WebhookDuplicated, WebhookLost
from ev_energy_async.sandbox.faults.running import Faults
from ev_energy_async.sandbox.instants import SECOND, Instant, instant
from ev_energy_async.sandbox.protocol.problems import not_found
from ev_energy_async.sandbox.record import Record
from ev_energy_async.sandbox.webhooks.delivery import WEBHOOK_SECRET, Deliverer, checked_url, signing_key
from tests.sandbox.conftest import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

CREATED, ENDED = "charging_sub_session.created", "charging_sub_session.ended"
FIVE_MINUTES, HALF_AN_HOUR = 300, 1_800


@attrs.frozen
class Got:
    """One request that the receiver got."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["svix-id"]

    @property
    def about(self) -> tuple[str, str]:
        """The event's type and the ID of what it is about."""
        body = json.loads(self.body)
        return body["type"], body["data"]["id"]


@attrs.define
class Receiver:
    """Takes webhooks and answers each with the next status, the last one for ever."""

    url: str = ""
    statuses: list[int] = attrs.field(factory=lambda: [204])
    got: list[Got] = attrs.field(factory=list[Got])
    taken: Callable[[], object] = lambda: None

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.got.append(Got(request.headers.copy(), await request.read()))
        self.taken()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers={"Location": self.url})


@attrs.frozen
class Happened:
    at: Instant
    type: str
    sub_session_id: str


@attrs.define
class Bench:
    """A deliverer of events that a test makes up."""

    clock: SteppedClock
    receiver: Receiver
    happened: list[Happened] = attrs.field(factory=list[Happened])
    plan: FaultPlan = attrs.field(factory=FaultPlan)
    record: Record = attrs.field(factory=lambda: Record(kept=None, path=None))
    deliverer: Deliverer = attrs.field(init=False)
    _faults: Faults = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        start = instant(self.clock.now())
        self.deliverer = Deliverer(
            self._events,
            self._body,
            Timekeeper(self.clock),
            self.record,
            lambda: self._faults,
            url=self.receiver.url,
            secrets=[WEBHOOK_SECRET, "whsec_b2xk"],
        )
        self._faults = Faults(self.plan, start)

    def use(self, *rules: Rule) -> None:
        self._faults = Faults(FaultPlan(rules), instant(self.clock.now()))

    def _events(self, since: Instant, until: Instant) -> Sequence[Sequence[Happened]]:
        return [[event] for event in self.happened if since < event.at <= until]

    def _body(self, event: Any) -> object:
        if event.sub_session_id == "gone":
            raise not_found()
        return {"id": event.sub_session_id}

    def happen(self, sub_session_id: str, type_: str = CREATED, *, after: float = 1) -> None:
        """Lets an event happen some seconds from now."""
        self.happened.append(Happened(instant(self.clock.now()) + round(after * SECOND), type_, sub_session_id))

    async def pass_(self, seconds: float) -> list[tuple[str, str]]:
        """Let time pass, and return what is delivered meanwhile."""
        known = len(self.receiver.got)
        self.clock.advance(seconds)
        await self.deliverer.settle()
        return [got.about for got in self.receiver.got[known:]]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    taking = Receiver()
    runner = web.ServerRunner(web.Server(taking.take, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    taking.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    yield taking
    await runner.cleanup()


@pytest.fixture
async def bench(clock: SteppedClock, receiver: Receiver) -> AsyncIterator[Bench]:
    bench = Bench(clock, receiver)
    bench.deliverer.start()
    yield bench
    await bench.deliverer.stop()


async def test_an_event_is_delivered_when_its_time_comes(bench: Bench) -> None:
    bench.happen("csub1", after=10)
    assert await bench.pass_(9.9) == []
    assert await bench.pass_(0.1) == [(CREATED, "csub1")]
    (got,) = bench.receiver.got
    assert json.loads(got.body)["timestamp"] == "2026-03-14T21:05:17.250000Z"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["svix-event-type"] == CREATED
    assert got.id.startswith("msg_")


async def test_settling_ends_though_more_becomes_due_meanwhile(bench: Bench) -> None:
    for number in range(20):
        bench.happen(f"csub{number}", after=10 * (number + 1))
    bench.receiver.taken = lambda: bench.clock.advance(10)  # as fast as deliveries take

    assert await bench.pass_(10) == [(CREATED, "csub0")]


async def test_events_before_the_start_are_not_delivered(clock: SteppedClock, receiver: Receiver) -> None:
    bench = Bench(clock, receiver)
    bench.happen("csub1")
    clock.advance(5)
    bench.deliverer.start()
    assert await bench.pass_(5) == []
    await bench.deliverer.stop()


async def test_the_signature_is_made_over_id_timestamp_and_body_with_every_key(bench: Bench) -> None:
    bench.happen("csub1")
    await bench.pass_(10)
    (got,) = bench.receiver.got
    assert got.headers["svix-timestamp"] == str(int(bench.clock.now().timestamp()))
    signed = f"{got.id}.{got.headers['svix-timestamp']}.".encode() + got.body
    expected = [
        "v1," + base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
        for key in (b"the-sandbox-webhook-secret", b"old")
    ]
    assert got.headers["svix-signature"].split() == expected


async def test_a_delivery_that_fails_comes_again_later_and_later_under_the_same_id(bench: Bench) -> None:
    bench.receiver.statuses = [500, 302, 429, 200]
    bench.happen("csub1")
    delivered = [len(await bench.pass_(step)) for step in (1, 4.9, 0.1, FIVE_MINUTES - 1, 1, HALF_AN_HOUR, 86_400)]
    assert delivered == [1, 0, 1, 0, 1, 1, 0]
    assert len({got.id for got in bench.receiver.got}) == 1
    assert len({got.body for got in bench.receiver.got}) == 1
    assert len({got.headers["svix-signature"] for got in bench.receiver.got}) == 4
    assert [(entry.attempt, entry.status) for entry in bench.record.deliveries] == [
        (1, 500),
        (2, 302),
        (3, 429),
        (4, 200),
    ]


async def test_after_eight_attempts_it_is_given_up(bench: Bench) -> None:
    bench.receiver.statuses = [500]
    bench.happen("csub1")
    for _ in range(40):
        await bench.pass_(3_600)
    assert len(bench.receiver.got) == 8


async def test_a_receiver_that_is_not_there_gets_it_when_it_is_back(clock: SteppedClock, receiver: Receiver) -> None:
    bench = Bench(clock, Receiver(url="http://127.0.0.1:9/"))
    bench.deliverer.start()
    bench.happen("csub1")
    assert await bench.pass_(1) == []
    assert bench.record.deliveries[0].status is None
    bench.deliverer.url = receiver.url
    await bench.pass_(5)
    assert [got.about for got in receiver.got] == [(CREATED, "csub1")]
    await bench.deliverer.stop()


async def test_events_about_removed_resources_are_not_delivered(bench: Bench) -> None:
    bench.happen("gone")
    bench.happen("csub1")
    assert await bench.pass_(1) == [(CREATED, "csub1")]


async def test_events_come_in_their_order(bench: Bench) -> None:
    bench.happen("csub2", after=3)
    bench.happen("csub1", after=2)
    bench.happen("csub1", ENDED, after=4)
    assert await bench.pass_(5) == [(CREATED, "csub1"), (CREATED, "csub2"), (ENDED, "csub1")]


async def test_a_redelivery_has_the_same_id(bench: Bench) -> None:
    bench.happen("csub1")
    await bench.pass_(1)
    bench.deliverer.redeliver(bench.receiver.got[0].id)
    assert await bench.pass_(0) == [(CREATED, "csub1")]
    assert bench.receiver.got[0].id == bench.receiver.got[1].id
    with pytest.raises(KeyError):
        bench.deliverer.redeliver("msg_unknown")


@pytest.mark.parametrize(
    ("effect", "delivered"),
    [
        (WebhookDuplicated(seconds=10), [["csub1", "csub2"], ["csub1"]]),
        (WebhookDelayed(seconds=12), [["csub2"], ["csub1"]]),
        (WebhookLost(), [["csub2"], []]),
    ],
)
async def test_deliveries_may_come_twice_late_or_never(
    bench: Bench, effect: Effect, delivered: list[list[str]]
) -> None:
    bench.use(Rule(effect, operation="*.created", count=1))
    bench.happen("csub1", after=1)
    bench.happen("csub2", after=2)
    assert [[id_ for _, id_ in await bench.pass_(step)] for step in (5, 11)] == delivered


async def test_nothing_is_left_after_the_end(clock: SteppedClock, receiver: Receiver) -> None:
    before = asyncio.all_tasks()
    bench = Bench(clock, receiver)
    bench.deliverer.start()
    settling = asyncio.create_task(bench.deliverer.settle())
    await asyncio.sleep(0)
    await bench.deliverer.stop()
    await asyncio.gather(settling, return_exceptions=True)
    await bench.deliverer.settle()
    assert asyncio.all_tasks() == before


async def test_webhooks_deliver_what_the_api_returns(clock: SteppedClock, receiver: Receiver) -> None:
    async with Sandbox(vehicles=30, clock=clock, webhook_url=receiver.url) as sandbox:
        sandbox.advance(24 * 3_600)
        await sandbox.settle()
        assert {got.about[0] for got in receiver.got} == {CREATED, ENDED}
        assert len(sandbox.deliveries) == len(receiver.got)
        assert all(isinstance(entry, Delivery) and entry.status == 204 for entry in sandbox.deliveries)
        data = json.loads(receiver.got[-1].body)["data"]
        assert data["url"].startswith(sandbox.base_url)
        again = len(receiver.got)
        sandbox.redeliver(receiver.got[0].id)
        await sandbox.settle()
        assert receiver.got[again].id == receiver.got[0].id


async def test_a_fast_world_signs_by_the_receivers_clock(receiver: Receiver) -> None:
    clock = ScaledClock(100_000, START)
    bench_clock = Timekeeper(clock)
    assert abs(bench_clock.receivers_now().timestamp() - ScaledClock().now().timestamp()) < 5
    async with Sandbox(vehicles=30, clock=clock, webhook_url=receiver.url) as sandbox:
        async with asyncio.timeout(10):
            while not sandbox.deliveries:
                sandbox.advance(3_600)
                await sandbox.settle()
    assert abs(int(receiver.got[0].headers["svix-timestamp"]) - ScaledClock().now().timestamp()) < 10


def test_webhooks_stay_on_this_machine_unless_they_may_not() -> None:
    for url in ("http://127.0.0.1:1/x", "https://localhost/x", "http://[::1]:80/"):
        assert checked_url(url, anywhere=False) == url
    for url in ("http://example.com/", "http://10.0.0.1/", "http://localhost.example.com/"):
        with pytest.raises(ValueError, match="this machine only"):
            Sandbox(vehicles=0, webhook_url=url)
        assert checked_url(url, anywhere=True) == url
    with pytest.raises(ValueError, match="http or https"):
        checked_url("ftp://localhost/", anywhere=True)


@pytest.mark.parametrize("secret", ["", "whsec_", "c2VjcmV0", "whsec_!!!!"])
def test_a_malformed_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        signing_key(secret)
    with pytest.raises(ValueError, match="whsec_"):
        Sandbox(vehicles=0, webhook_url="http://localhost/", webhook_secret=secret)
