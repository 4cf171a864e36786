"""The ledger of a collection: each log is delivered once, however late, in bounded memory."""

from __future__ import annotations

import attrs
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ev_energy_async.fleet.watch import ledger as _ledger
from ev_energy_async.fleet.watch.ledger import Ledger, Seen
from ev_energy_async.instants import ALWAYS, SECOND, SKEW

PAGE = 10
MINUTE = 60 * SECOND
START = 1_000_000 * SECOND


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thin out early, so that few logs show what many do."""
    monkeypatch.setattr(_ledger, "_MOST", 8)
    monkeypatch.setattr(_ledger, "_KEPT", 4)


@attrs.define
class Server:
    """A collection of logs, newest first, and what a watch has delivered of it."""

    now: int = START
    logs: dict[int, Seen] = attrs.field(factory=dict[int, Seen])
    visible_at: dict[int, int] = attrs.field(factory=dict[int, int])
    delivered: list[int] = attrs.field(factory=list[int])

    def store(self, at: int, stored: int) -> None:
        if at not in self.logs:
            self.logs[at] = Seen(at, stored)
            self.visible_at[at] = self.now

    def read(self, target: int) -> tuple[list[Seen], int]:
        newest_first = sorted(self.logs.values(), reverse=True)
        for end in range(PAGE, len(newest_first) + PAGE, PAGE):
            if end >= len(newest_first):
                break
            if newest_first[end - 1].at <= target:
                return newest_first[:end], newest_first[end - 1].at
        return newest_first, ALWAYS

    def poll(self, ledger: Ledger, target: int | None = None, acked: int | None = None) -> Ledger:
        """Read and deliver; with `acked`, die after so many logs."""
        logs, reach = self.read(ledger.target if target is None else target)
        new = sorted(log for log, unseen in zip(logs, ledger.unseen(logs), strict=True) if unseen)
        self.delivered += [log.at for log in new[:acked]]
        if acked is not None:
            return msgspec.json.decode(msgspec.json.encode(ledger.with_delivered(new[:acked])), type=Ledger)
        return ledger.with_reading(logs, reach=reach, read_at=self.now)

    def look(self, ledger: Ledger) -> Ledger:
        """Deliver the newest log, as a snapshot shows it."""
        newest = max(self.logs.values(), default=None)
        if newest is None or not ledger.unseen([newest])[0]:
            return ledger
        self.delivered.append(newest.at)
        return ledger.with_direct(newest.at)

    def page(self, ledger: Ledger) -> Ledger:
        """Read one page, however far back it goes, and deliver."""
        logs = sorted(self.logs.values(), reverse=True)[:PAGE]
        if not logs:
            return ledger
        self.delivered += [log.at for log, unseen in zip(logs, ledger.unseen(logs), strict=True) if unseen]
        reach = logs[-1].at if len(self.logs) > PAGE else ALWAYS
        if reach > ledger.target:
            return ledger.with_gap(logs, reach=reach, read_at=self.now)
        return ledger.with_reading(logs, reach=reach, read_at=self.now)


ARRIVALS = st.tuples(
    st.just("log"),
    st.one_of(st.integers(0, 4), st.integers(0, 60), st.integers(0, 4_000)),  # minutes late
    st.integers(-150, 150),  # by how many seconds the API's own clocks differ
)
STEPS = st.one_of(
    ARRIVALS,
    ARRIVALS,
    st.tuples(st.just("burst"), st.integers(1, 30), st.integers(0, 600)),
    st.tuples(st.just("wait"), st.integers(1, 120), st.just(0)),
    st.tuples(st.just("poll"), st.just(0), st.just(0)),
    st.tuples(st.just("poll"), st.just(0), st.just(0)),
    st.tuples(st.just("die"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("look"), st.just(0), st.just(0)),
    st.tuples(st.just("look"), st.just(0), st.just(0)),
    st.tuples(st.just("page"), st.just(0), st.just(0)),
    st.tuples(st.just("deep"), st.integers(60, 4_000), st.just(0)),
)


@settings(max_examples=300, deadline=None)
@example([("wait", 2, 0), ("burst", 10, 0), ("wait", 59, 0), ("deep", 60, 0)], False)
@given(st.lists(STEPS, max_size=60), st.booleans())
def test_each_log_is_delivered_once_and_all_are_after_a_deep_read(
    steps: list[tuple[str, int, int]], begins_empty: bool
) -> None:
    server = Server()
    if begins_empty:
        ledger = Ledger.since(ALWAYS)
    else:
        for minutes in range(0, 300, 7):
            server.store(START - minutes * MINUTE, START - minutes * MINUTE + SECOND - SKEW)
        ledger = Ledger.after(START, START)
    before = set(server.logs)
    for step, first, second in steps:
        server.now += SECOND
        if step == "log":
            server.store(server.now - first * MINUTE - second, server.now + second * SECOND)
        elif step == "burst":
            for number in range(first):
                server.store(server.now - second * MINUTE - number * 7 * SECOND - 3, server.now)
        elif step == "wait":
            server.now += first * MINUTE
        elif step == "poll":
            ledger = server.poll(ledger)
        elif step == "look":
            ledger = server.look(ledger)
        elif step == "page":
            ledger = server.page(ledger)
        elif step == "die":
            ledger = server.poll(ledger, acked=first)
        else:
            # A read for late logs goes back to what was delivered at the least.
            ledger = server.poll(ledger, target=min(ledger.target, server.now - first * MINUTE))
        assert len(ledger.instants) <= 8 * (PAGE + 60)
    ledger = server.poll(ledger, target=ALWAYS)
    assert len(server.delivered) == len(set(server.delivered)), "delivered twice"
    # What was stored in the moment of the start may be taken as old.
    arrived = {at for at in server.logs if at not in before}
    lost = {at for at in arrived - set(server.delivered) if begins_empty or (server.logs[at].stored or 0) >= START}
    assert not lost
    assert not before & set(server.delivered)


def test_logs_that_come_in_order_cost_one_page_and_bounded_room() -> None:
    server = Server()
    ledger = Ledger.since(ALWAYS)
    for _ in range(2_000):
        server.now += 5 * MINUTE
        server.store(server.now, server.now + SECOND)
        if len(server.logs) % 3 == 0:
            logs, _ = server.read(ledger.target)
            assert len(logs) <= PAGE
            ledger = server.poll(ledger)
    assert len(server.delivered) == 1_998
    # An hour's readings would leave steps behind; those of a day are kept until the past is read again.
    assert len(msgspec.json.encode(ledger)) < 25_000
    ledger = server.poll(ledger, target=ALWAYS)
    assert len(msgspec.json.encode(ledger)) < 500
    assert len(set(server.delivered)) == len(server.delivered) == 2_000


def test_a_log_of_a_clock_that_is_ahead_hides_nothing() -> None:
    server = Server()
    ledger = Ledger.since(ALWAYS)
    server.store(START + 10_000 * MINUTE, START)
    ledger = server.poll(ledger)
    for _ in range(50):
        server.now += MINUTE
        server.store(server.now, server.now)
    server.poll(ledger)
    assert len(server.delivered) == 51


def test_what_came_before_it_began_to_count_is_not_delivered() -> None:
    server = Server()
    for minutes in range(20):
        server.store(START - minutes * MINUTE, START)
    ledger = Ledger.since(START - 5 * MINUTE)
    ledger = server.poll(ledger)
    server.poll(ledger, target=ALWAYS)
    assert sorted(server.delivered) == [START - minutes * MINUTE for minutes in reversed(range(6))]


def test_a_log_below_the_floor_is_told_by_its_storing_though_it_lies_beyond_all_that_was_delivered() -> None:
    ledger = Ledger.since(100, stored=50).with_delivered([Seen(10, 60)])

    assert ledger.unseen([Seen(20, 40)]) == [False]
    assert ledger.unseen([Seen(20, 50)]) == [True]


def test_a_row_that_does_not_say_what_was_delivered_last_is_looked_through() -> None:
    ledger = msgspec.structs.replace(Ledger.after(5, 5).with_delivered([Seen(9, 9)]), last=ALWAYS)

    assert ledger.unseen([Seen(9, 9)]) == [False]
    assert ledger.unseen([Seen(10, 10)]) == [True]
