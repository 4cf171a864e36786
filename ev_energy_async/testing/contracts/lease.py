"""The contract of leases."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Final, Protocol

from hypothesis import strategies as st

from ev_energy_async.lease import Keeper, Lease, LeaseLost, Term
from ev_energy_async.testing.contracts.kit import SECONDS, expect, holds_for, made, raises

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["check_lease"]


class MovedClock(Protocol):
    """A clock that the kit moves, such as a `FakeClock`."""

    def advance(self, delay: float) -> None:
        """Move time forward by seconds."""
        ...


async def check_lease(factory: Callable[[], Lease | Awaitable[Lease]], *, clock: MovedClock | None = None) -> None:
    """Check a lease against the contract of `Lease`.

    Args:
        factory: Returns a handle on the same lease with every call, each with a holder of its own; plain or `async`.
        clock: The clock that its terms expire by, if that is not the real time: it is moved. Without one, give the
            lease a `ttl` of a second: the kit waits for its end.

    Raises:
        AssertionError: A promise is broken; the text says which.

    Example:
        >>> async def test_my_lease(dsn):  # doctest: +SKIP
        ...     await check_lease(lambda: MyLease(dsn, ttl=1))
    """
    async with asyncio.timeout(SECONDS):
        leases = [await made(factory) for _ in range(3)]
        expect(len({lease.holder for lease in leases}) == len(leases), "each object is a holder of its own")
        await _check_program(leases)
        await _check_race(leases)
        if leases[0].ttl < math.inf:
            await _check_expiry(leases, clock)
        await _check_keeping(leases)


_STEPS: Final = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["take", "renew", "release", "current"])), max_size=15
)


async def _check_program(leases: Sequence[Lease]) -> None:
    newest = 0

    async def law(steps: list[tuple[int, str]]) -> None:
        nonlocal newest
        held: Term | None = None
        for lease in leases:
            await lease.release()
        for who, what in steps:
            lease = leases[who]
            is_mine = held is not None and held.holder == lease.holder
            if what == "take":
                term = await lease.take()
                expect((term is None) == (held is not None), "`take` begins a term if, and only if, nobody has one")
                if term is not None:
                    expect(term.holder == lease.holder, "a term names its holder")
                    expect(term.epoch > newest, "each term has a higher epoch than all before it")
                    held, newest = term, term.epoch
            elif what == "renew":
                term = await lease.renew()
                expect((term is not None) == is_mine, "`renew` extends the holder's own term, and no other's")
                expect(term is None or term.epoch == newest, "`renew` keeps the epoch")
            elif what == "release":
                await lease.release()
                held = None if is_mine else held
            else:
                term = await lease.current()
                found = None if term is None else (term.holder, term.epoch)
                known = None if held is None else (held.holder, held.epoch)
                expect(found == known, "`current` returns the term of whoever has it")

    await holds_for(_STEPS, law)
    for lease in leases:
        await lease.release()


async def _check_race(leases: Sequence[Lease]) -> None:
    for _ in range(10):
        terms = await asyncio.gather(*(lease.take() for lease in leases))
        expect(sum(term is not None for term in terms) == 1, "of those who ask at once, one has it")
        for lease in leases:
            await lease.release()


async def _check_expiry(leases: Sequence[Lease], clock: MovedClock | None) -> None:
    one, two, _ = leases

    async def let_pass(delay: float) -> None:
        if clock is None:
            await asyncio.sleep(delay)
        else:
            clock.advance(delay)

    first = await one.take()
    expect(first is not None and first.expires_at is not None, "a term that expires says when")
    await let_pass(0.6 * one.ttl)
    expect(await one.renew() is not None, "`renew` succeeds before a term ends")
    await let_pass(0.6 * one.ttl)
    expect(await two.take() is None, "a term lasts for `ttl` after it was renewed")
    await let_pass(0.5 * one.ttl)
    expect(await two.current() is None, "a term that is not renewed ends")
    second = await two.take()
    expect(second is not None and first is not None and second.epoch > first.epoch, "an expired term can be taken over")
    expect(await one.renew() is None, "whoever was succeeded cannot renew")
    await one.release()
    expect(await two.renew() is not None, "whoever was succeeded cannot release")
    await two.release()


async def _check_keeping(leases: Sequence[Lease]) -> None:
    """Check what a `Keeper` makes of it, as a watch does."""
    one, two, _ = leases
    keeper = Keeper(one)
    term = await keeper.acquire()
    expect(keeper.is_held and await two.take() is None, "whoever keeps a lease has it")
    await keeper.release()
    later = await two.take()
    expect(later is not None and later.epoch > term.epoch, "a lease that was released can be taken at once")
    await raises(LeaseLost, _work(keeper), "whoever has released a lease does nothing under it")
    await two.release()


async def _work(keeper: Keeper) -> None:
    async with keeper.working():
        pass
