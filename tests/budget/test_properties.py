"""In any order of events, the budget never overspends, wakes every waiter and starves none."""

from __future__ import annotations

import asyncio
import math
import pickle
from typing import Any

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ev_energy_async.budget import Budget, NotInTime
from ev_energy_async.budget.bucket import Bucket, Permit
from ev_energy_async.budget.queue import Turns, Waiter
from tests.budget.budget_kit import HOUR, OTHERS, Answer, HeldClock, Server, turns

TIMES = st.one_of(
    st.sampled_from([0.0, 0.5, 1.0, 59.0, 60.0, 61.0, 1800.0, 3599.0, 3600.0, 3601.0, 3602.0]),
    st.floats(0, 3, allow_nan=False),
    st.floats(0, 4000, allow_nan=False),
)


@attrs.define(eq=False)
class Sent:
    """A request of ours on its way."""

    number: int
    permit: Permit
    answer: Answer | None = None
    arrives_by: float = math.inf


class BucketMachine(RuleBasedStateMachine):
    """A bucket against a server; nobody else spends, and nothing is repeated."""

    @initialize(limit=st.integers(1, 12), reserve=st.integers(0, 3))
    def start(self, limit: int, reserve: int) -> None:
        self.now = 0.0
        self.server = Server(limit)
        self.bucket = Bucket(limit, 1.0, min(reserve, limit - 1))
        self.numbers = iter(range(10**9))
        self.flying: list[Sent] = []
        self.lost: list[Sent] = []  # nobody waits for them, and they have not arrived
        self.heard_at = 0  # how many requests the server had counted when it last spoke to us
        self.heard: float | None = None  # when that was
        self.probes: list[float] = []

    @rule(urgent=st.booleans(), times=st.integers(1, 6))
    def take(self, urgent: bool, times: int) -> None:
        for _ in range(times):
            promised = self.bucket.remaining(self.now, urgent=urgent)
            permit = self.bucket.take(self.now, urgent=urgent)
            if permit is None:
                assert promised == 0
                return
            if permit.probe:
                self.probes.append(self.now)
            else:
                assert promised >= 1
            self.flying.append(Sent(next(self.numbers), permit))

    def least_left(self) -> int:
        """Return what is left if only we have spent anything since the last report."""
        known = [when for index, (when, whose) in enumerate(self.server.counted) if whose >= 0 or index < self.heard_at]
        on_the_way = sum(sent.answer is None for sent in self.flying) + len(self.lost)
        return self.server.limit - sum(when > self.now - HOUR for when in known) - on_the_way

    @precondition(lambda self: any(sent.answer is None for sent in self.flying))
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        self.handle(data.draw(st.sampled_from([sent for sent in self.flying if sent.answer is None])))

    def handle(self, sent: Sent) -> None:
        sent.answer = self.server.handle(self.now, sent.number)
        own = [when for when, whose in self.server.counted if whose >= 0]
        for when in own:
            assert sum(when <= other <= when + HOUR for other in own) <= self.server.limit

    @precondition(lambda self: any(sent.answer is not None for sent in self.flying))
    @rule(data=st.data(), told=st.sampled_from([True, True, True, False]))
    def answer(self, data: st.DataObject, told: bool) -> None:
        sent = data.draw(st.sampled_from([sent for sent in self.flying if sent.answer is not None]))
        self.flying.remove(sent)
        answer = sent.answer
        assert answer is not None
        if answer.retry_after is not None:
            self.bucket.refused(self.now, sent.permit, answer.rate, answer.retry_after)
        elif told:
            self.bucket.settle(self.now, sent.permit, answer.rate)
        else:
            self.bucket.settle(self.now, sent.permit, None)
            return
        self.heard_at = max(self.heard_at, answer.said_at)
        self.heard = self.now

    @rule()
    def all_end(self) -> None:
        for sent in list(self.flying):
            if sent.answer is None:
                self.handle(sent)
        for sent in list(self.flying):
            answer = sent.answer
            assert answer is not None
            self.flying.remove(sent)
            if answer.retry_after is None:
                self.bucket.settle(self.now, sent.permit, answer.rate)
            else:
                self.bucket.refused(self.now, sent.permit, answer.rate, answer.retry_after)
            self.heard_at = max(self.heard_at, answer.said_at)
            self.heard = self.now

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from(self.flying))
        self.flying.remove(sent)
        self.bucket.forget(self.now, sent.permit)
        if sent.answer is None:
            sent.arrives_by = self.now + 59
            self.lost.append(sent)

    @precondition(lambda self: any(sent.answer is None for sent in self.flying))
    @rule(data=st.data())
    def never_sent(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from([sent for sent in self.flying if sent.answer is None]))
        self.flying.remove(sent)
        if sent.permit.probe:
            self.probes.remove(sent.permit.at)
        self.bucket.release(self.now, sent.permit)

    @rule(passed=TIMES)
    def time_passes(self, passed: float) -> None:
        until = self.now + passed
        for sent in sorted(self.lost, key=lambda sent: sent.arrives_by):
            if sent.arrives_by <= until:
                self.now = max(self.now, sent.arrives_by)
                self.lost.remove(sent)
                self.handle(sent)
        self.now = until

    @invariant()
    def the_outlook_is_true(self) -> None:
        """With nothing under way, a request is free at the moment that was foretold, and not before."""
        if self.bucket.in_flight:
            return
        frozen = pickle.dumps(self.bucket)  # copies a tenth as long as `copy.deepcopy` does
        for urgent in (False, True):
            bucket: Bucket = pickle.loads(frozen)  # noqa: S301  # our own, just made
            soonest, likely = bucket.outlook(self.now, urgent=urgent)
            assert soonest == likely < self.now + HOUR + 64
            if likely > self.now:
                assert bucket.take(likely - 0.001, urgent=urgent) is None
            assert bucket.take(likely, urgent=urgent) is not None

    @invariant()
    def no_more_is_promised_than_the_server_left(self) -> None:
        if self.heard is not None and self.heard + HOUR + 1 > self.now:
            assert self.bucket.remaining(self.now, urgent=True) <= max(0, self.least_left())

    @invariant()
    def nothing_is_left_under_way(self) -> None:
        assert self.bucket.in_flight == len(self.flying)
        assert self.bucket.used(self.now) >= self.bucket.in_flight


class AloneMachine(BucketMachine):
    """Alone on the bucket, nobody ever hears a 429."""

    def handle(self, sent: Sent) -> None:
        super().handle(sent)
        assert sent.answer is not None
        assert sent.answer.retry_after is None


class CrowdMachine(BucketMachine):
    """Others spend from the bucket, and the HTTP library sends some requests twice without a word."""

    @rule(count=st.integers(1, 12))
    def others_spend(self, count: int) -> None:
        for _ in range(count):
            self.server.handle(self.now, OTHERS)

    @precondition(lambda self: any(sent.answer is None for sent in self.flying))
    @rule(data=st.data())
    def repeated_silently(self, data: st.DataObject) -> None:
        sent = data.draw(st.sampled_from([sent for sent in self.flying if sent.answer is None]))
        self.handle(sent)
        sent.answer = self.server.handle(self.now, OTHERS)

    @invariant()
    def suspicion_is_rare(self) -> None:
        """A request on suspicion goes at most once a minute, unless a 429 named the time."""
        for earlier, later in zip(self.probes, self.probes[1:], strict=False):
            assert later - earlier >= 1


_SETTINGS = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAlone = AloneMachine.TestCase
TestAlone.settings = _SETTINGS
TestCrowd = CrowdMachine.TestCase
TestCrowd.settings = _SETTINGS


@attrs.frozen
class Caller:
    comes_at: float
    priority: int
    takes: float
    gives_up_after: float | None
    deadline_in: float | None


SECONDS = st.one_of(st.sampled_from([0.0, 1.0, 60.0, 3600.0, 3601.0]), st.floats(0, 8000))
CALLERS = st.builds(
    Caller,
    comes_at=SECONDS,
    priority=st.integers(0, 2),
    takes=st.sampled_from([0.0, 0.0, 0.2, 1.0, 100.0]),
    gives_up_after=st.none() | SECONDS,
    deadline_in=st.none() | SECONDS,
)


@settings(max_examples=150, deadline=None)
@given(limit=st.integers(1, 6), reserve=st.integers(0, 2), callers=st.lists(CALLERS, max_size=25))
def test_every_waiter_is_served_in_order_or_gets_an_error_and_none_is_forgotten(
    limit: int, reserve: int, callers: list[Caller]
) -> None:
    asyncio.run(_serve(limit, min(reserve, limit - 1), callers))


async def _serve(limit: int, reserve: int, callers: list[Caller]) -> None:
    clock, server = HeldClock(), Server(limit)
    budget = Budget(limit, reserve=reserve, clock=clock)
    came = 0
    went: dict[int, list[tuple[int, float]]] = {}
    told: list[tuple[float, float, float]] = []

    async def come(caller: Caller) -> None:
        nonlocal came
        await clock.sleep(caller.comes_at)
        came += 1
        place = came
        deadline = None if caller.deadline_in is None else clock.monotonic() + caller.deadline_in
        try:
            spending = await budget.acquire(priority=caller.priority, deadline=deadline)
        except NotInTime as error:
            told.append((clock.monotonic(), deadline or 0.0, error.retry_at_monotonic))
            return
        with spending:
            went.setdefault(caller.priority, []).append((place, clock.monotonic()))
            answer = server.handle(clock.monotonic())
            assert answer.retry_after is None, "more than the limit was sent"
            await clock.sleep(caller.takes)
            spending.settle(answer.rate)

    async def give_up(caller: Caller, task: asyncio.Task[None]) -> None:
        await clock.sleep(caller.comes_at + (caller.gives_up_after or 0.0))
        task.cancel()

    tasks = [asyncio.create_task(come(caller)) for caller in callers]
    quitting = [
        asyncio.create_task(give_up(caller, task))
        for caller, task in zip(callers, tasks, strict=True)
        if caller.gives_up_after is not None
    ]
    await turns()
    while not all(task.done() for task in (*tasks, *quitting)):
        assert clock.asleep, "some wait, and nothing will ever wake them"
        await clock.pass_time(min(when for when, _ in clock.asleep) - clock.monotonic())
    # All could be served one after the other, each an hour after the one before.
    assert clock.monotonic() < 16_000 + (len(callers) + 1) * 3800
    assert all(now <= deadline <= retry_at for now, deadline, retry_at in told)
    for task in tasks:
        if not task.cancelled():
            task.result()
    for served in went.values():
        times = [when for _, when in sorted(served)]
        assert times == sorted(times), "one who came later was served earlier"
    assert budget.waiting == 0
    assert not clock.asleep
    assert asyncio.all_tasks() == {asyncio.current_task()}


@given(st.lists(st.integers(-1, 2), min_size=1, max_size=20), st.lists(st.integers(-1, 2), max_size=120))
def test_a_waiter_is_served_after_ten_turns_for_each_earlier_one(first: list[int], later: list[int]) -> None:
    queue, turn = Turns(), 0
    since: dict[int, tuple[int, int]] = {}

    def arrive(priority: int) -> None:
        number = len(since)
        since[number] = turn, len(queue)
        nothing: Any = None
        queue.add(Waiter(nothing, number, priority, 0.0, math.inf))

    for priority in first:
        arrive(priority)
    while queue:
        if turn < len(later):
            arrive(later[turn])
        waiter, _ = queue.first(10.0)
        queue.serve(waiter, 10.0)
        turn += 1
        came, ahead = since[waiter.number]
        assert turn - came <= 10 * (ahead + 1)
