"""A watch under a lease: one process leads, the others stand by, and who was succeeded cannot write any more."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async import EvEnergy, InvalidArgument, StaticToken
from ev_energy_async.backends.postgres import PostgresLease
from ev_energy_async.backends.redis import RedisLease
from ev_energy_async.checkpoint import CheckpointConflict, MemoryCheckpoint, SqliteCheckpoint
from ev_energy_async.fleet import CycleFinished, Role
from ev_energy_async.fleet.watch import FencedCheckpoint
from ev_energy_async.lease import LeaseError, LeaseLost, MemoryLease
from ev_energy_async.metrics import EvEnergyCollector
from ev_energy_async.testing import FakeClock

from .watch_kit import OWNER, ModelFleet, fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ev_energy_async.checkpoint import Owner
    from ev_energy_async.fleet import Watch, WatchEvent

TTL = 30.0


@pytest.fixture
def time() -> FakeClock:
    """The time of the lease."""
    return FakeClock(moves_by_itself=False)


@pytest.fixture
def lease(time: FakeClock) -> MemoryLease:
    return MemoryLease(ttl=TTL, clock=time, holder="one")


def api_with_logs() -> ModelFleet:
    api, cars, _ = fleet(3)
    for car in cars:
        for minutes in range(1, 4):
            car.log(minutes)
    return api


def watch(api: ModelFleet, **options: Any) -> Watch:
    return api.watch(**{"every": 300, "logs": {"status"}, "order": "time", **options})


def keys_of(events: Sequence[WatchEvent]) -> list[str]:
    """The keys of all events but the ends of cycles."""
    return [event.key for event in events if not isinstance(event, CycleFinished)]


async def turns() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "make",
    [
        MemoryLease,
        partial(PostgresLease, "postgresql://nowhere.example/db"),
        partial(RedisLease, "redis://nowhere.example/0"),
    ],
)
@pytest.mark.parametrize("ttl", [float("inf"), 0, -1, True, "30"])
def test_a_term_that_has_no_length_is_refused(make: Callable[..., object], ttl: Any) -> None:
    with pytest.raises(InvalidArgument, match="ttl"):
        make(ttl=ttl)


async def test_whoever_stands_by_goes_on_from_the_last_acknowledged_event(time: FakeClock, lease: MemoryLease) -> None:
    alone = keys_of([event async for event in watch(api_with_logs(), cycles=2)])
    api, checkpoint = api_with_logs(), MemoryCheckpoint()
    roles: list[tuple[str, Role]] = []

    def noting(name: str) -> Callable[[Role], None]:
        return lambda role: roles.append((name, role))

    first, second = (
        watch(
            api,
            checkpoint=checkpoint,
            lease=each,
            ack="explicit",
            cycles=2,
            on_role_change=noting(each.holder),
        )
        for each in (lease, lease.rival("two"))
    )
    found = [await anext(first) for _ in range(5)]
    await found[3].ack()
    waiting = asyncio.ensure_future(anext(second))
    await turns()
    assert not waiting.done()
    assert roles == [("one", Role("standby")), ("one", Role("leader", 1)), ("two", Role("standby"))]
    # The first vanishes: nobody closes it, and its term runs out.
    first._keeper.abandon()  # type: ignore[attr-defined]  # of a watch with a lease
    await turns()
    time.advance(TTL - 1)
    await turns()
    assert not waiting.done()
    time.advance(2)
    rest = [await waiting]
    async for event in second:
        rest.append(event)
        await event.ack()
    assert roles[3:5] == [("two", Role("leader", 2)), ("two", Role("standby"))]
    assert keys_of([*found[:4], *rest]) == alone
    # Its lease was given up with its end.
    assert await lease.take() is not None


async def test_a_leader_that_was_paused_cannot_write_and_stands_by(time: FakeClock, lease: MemoryLease) -> None:
    api, checkpoint = api_with_logs(), MemoryCheckpoint()
    first, second = (
        watch(api, checkpoint=checkpoint, lease=each, ack="explicit") for each in (lease, lease.rival("two"))
    )
    event = await anext(first)
    # As in a process that is stopped: nothing of it runs while time goes by and another takes over.
    time.advance(TTL + 1)
    other = await anext(second)
    assert other.key == event.key
    with pytest.raises(CheckpointConflict):
        await event.ack()
    waiting = asyncio.ensure_future(anext(first))
    await turns()
    assert not waiting.done()
    assert first.role == Role("standby")  # type: ignore[attr-defined]  # of a watch with a lease
    await other.ack()
    await second.aclose()
    time.advance(2)
    assert (await waiting).key != event.key
    await first.aclose()


async def test_a_later_term_of_another_lease_is_an_error_that_says_what_to_do(
    time: FakeClock, lease: MemoryLease
) -> None:
    api, checkpoint, elsewhere = api_with_logs(), MemoryCheckpoint(), MemoryLease(ttl=TTL, clock=time)
    for _ in range(2):
        assert [event async for event in watch(api, checkpoint=checkpoint, lease=elsewhere, cycles=1)]
    roles: list[Role] = []
    moved = watch(api, checkpoint=checkpoint, lease=lease, on_role_change=roles.append)
    async with asyncio.timeout(5):
        with pytest.raises(LeaseError, match=r"written in term 2, after term 1, .*`ev-energy checkpoint copy`"):
            await anext(moved)
    assert roles == [Role("standby"), Role("leader", 1), Role("standby")]
    assert await lease.current() is None


async def test_a_leader_that_is_succeeded_while_its_term_begins_stands_by(time: FakeClock, lease: MemoryLease) -> None:
    class SlowCheckpoint(MemoryCheckpoint):
        """Takes so long to open that another has taken over by then."""

        is_slow = True

        async def open(self, owner: Owner) -> None:
            await super().open(owner)
            if self.is_slow:
                self.is_slow = False
                await lease.release()
                await anext(second)

    api, checkpoint = api_with_logs(), SlowCheckpoint()
    first, second = (watch(api, checkpoint=checkpoint, lease=each) for each in (lease, lease.rival("two")))
    waiting = asyncio.ensure_future(anext(first))
    await turns()
    assert not waiting.done()
    assert [each.role for each in (first, second)] == [Role("standby"), Role("leader", 2)]  # type: ignore[attr-defined]  # of watches with a lease
    await second.aclose()
    time.advance(2)
    assert await waiting
    await first.aclose()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_checkpoint_compares_the_epoch_with_each_writing(kind: str, tmp_path: Path) -> None:
    kept = MemoryCheckpoint() if kind == "memory" else SqliteCheckpoint(tmp_path / "fleet.db")
    old, new = FencedCheckpoint(kept, "watch", 7), FencedCheckpoint(kept, "watch", 8)
    await old.open(OWNER)
    version = await old.advance("watch/a", 0, "1")
    await new.open(OWNER)
    with pytest.raises(CheckpointConflict):
        await old.advance("watch/a", version, "2")
    with pytest.raises(CheckpointConflict):
        await old.advance("watch/b", 0, "2")
    with pytest.raises(LeaseLost):
        await old.open(OWNER)
    assert await new.advance("watch/a", version, "3") > version
    if isinstance(kept, SqliteCheckpoint):
        # A transaction that is undone leaves the leader able to write.
        async def undone() -> None:
            async with kept.transaction():
                await new.advance("watch/b", 0, "4")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await undone()
        assert await new.advance("watch/b", 0, "5") > 0
    assert [key async for key, _ in new.entries("watch/")] == ["watch/a"] + ["watch/b"] * (kind == "sqlite")
    await new.close()


async def test_a_block_under_a_lease_is_cancelled_when_it_is_lost(time: FakeClock, lease: MemoryLease) -> None:
    async def work() -> None:
        async with lease as term:
            assert term.epoch == 1
            await asyncio.sleep(3_600)

    task = asyncio.create_task(work())
    await turns()
    for _ in range(6):  # it is renewed
        time.advance(TTL / 2)
        await turns()
    assert await lease.rival().take() is None
    # As a store that has given it to another.
    await lease.release()
    assert await lease.rival().take() is not None
    time.advance(TTL / 2)
    with pytest.raises(LeaseLost):
        await task


async def test_statistics_and_metrics_show_the_role(lease: MemoryLease) -> None:
    ev = EvEnergy(StaticToken("a-token-of-a-test"), label="fleet")
    assert ev.stats().watch_role is None
    stream = ev.fleet.watch(lease=lease, checkpoint=MemoryCheckpoint())
    assert (ev.stats().watch_role, ev.stats().watch_epoch) == ("standby", None)
    [leads] = [metric for metric in EvEnergyCollector(ev).collect() if metric.name == "ev_energy_watch_leader"]
    assert [(sample.labels, sample.value) for sample in leads.samples] == [({"client": "fleet"}, 0)]
    await stream.aclose()
    await ev.close()


async def test_the_last_cycle_gives_the_lease_up(lease: MemoryLease) -> None:
    api, checkpoint = api_with_logs(), MemoryCheckpoint()
    for _ in range(2):  # as from cron
        events = [event async for event in watch(api, checkpoint=checkpoint, lease=lease, cycles=1)]
        assert isinstance(events[-1], CycleFinished)
        assert await lease.current() is None
