"""The budget admits as many requests as the API allows."""

from __future__ import annotations

import datetime as dt
import tracemalloc

import pytest

from ev_energy_async.budget import DEFAULT_LIMIT, Budget
from ev_energy_async.budget.bucket import Bucket
from ev_energy_async.messages.request import RateLimit
from tests.budget.budget_kit import BOOKED, NOON, HeldClock, Server, call, hear, spent, start, stop, turns


@pytest.fixture
def held() -> HeldClock:
    return HeldClock()


# -- how much --------------------------------------------------------------------------------------------------------


async def test_a_thousand_requests_go_at_once_and_the_next_waits_until_the_first_is_an_hour_old(
    held: HeldClock,
) -> None:
    budget, server = Budget(reserve=0, clock=held), Server()
    for _ in range(DEFAULT_LIMIT):
        await call(budget, server, held)
    assert (budget.used, budget.remaining, budget.limit) == (1000, 0, 1000)
    assert budget.next_free == NOON + dt.timedelta(seconds=BOOKED)

    late = await start(call(budget, server, held))
    await held.pass_time(BOOKED - 0.01)
    assert not late.done()
    await held.pass_time(0.01)
    assert late.done()
    assert server.refusals == 0


async def test_the_window_rolls_and_is_not_reset_at_the_full_hour(held: HeldClock) -> None:
    budget, server = Budget(10, reserve=0, clock=held), Server(10)
    for _ in range(10):
        await call(budget, server, held)
        await held.pass_time(60)
    await held.pass_time(BOOKED - 600)
    assert budget.remaining == 1
    await held.pass_time(60)
    assert budget.remaining == 2


async def test_until_the_api_reports_the_budget_only_a_few_requests_go(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    tasks = [await start(budget.acquire()) for _ in range(10)]
    granted = [task for task in tasks if task.done()]
    assert len(granted) == 4
    granted[0].result().settle(RateLimit(1000, 500))
    await turns()
    assert all(task.done() for task in tasks)
    assert budget.remaining == 500 - 9


async def test_without_reports_of_the_api_our_own_count_applies(held: HeldClock) -> None:
    budget = Budget(20, reserve=0, clock=held)
    for _ in range(20):
        (await budget.acquire()).settle(None)
    assert (budget.used, budget.remaining) == (20, 0)
    assert budget.next_free == NOON + dt.timedelta(seconds=BOOKED)


async def test_after_an_hour_of_silence_nothing_is_taken_for_granted(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 900)
    assert budget.remaining == 900
    await held.pass_time(BOOKED)
    assert budget.remaining == 4


async def test_spending_before_a_restart_is_learnt_from_the_first_response(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 3)
    assert (budget.used, budget.remaining) == (997, 3)


async def test_others_who_spend_from_the_bucket_are_taken_into_account(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 700)
    await hear(budget, 200)
    assert (budget.used, budget.remaining) == (800, 200)
    await held.pass_time(1)
    await hear(budget, 350)  # the requests of others have left the window
    assert (budget.used, budget.remaining) == (650, 350)


async def test_more_than_our_own_count_allows_is_never_sent_whatever_the_headers_say(held: HeldClock) -> None:
    budget = Budget(5, reserve=0, clock=held)
    for _ in range(5):
        await hear(budget, 5, limit=5)
    assert budget.remaining == 0


async def test_overlapping_responses_in_any_order_count_each_request_once(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 999)
    await held.pass_time(1)
    under_way = [await budget.acquire() for _ in range(600)]
    await held.pass_time(1)
    remaining = list(range(998, 398, -1))
    # The last to arrive is answered first: the others have not been counted twice when they come.
    for spending, left in reversed(list(zip(under_way, remaining, strict=True))):
        spending.settle(RateLimit(1000, left))
    assert (budget.used, budget.remaining) == (601, 399)


async def test_a_response_does_not_account_for_requests_that_may_have_arrived_later(held: HeldClock) -> None:
    budget = Budget(100, reserve=0, clock=held)
    await hear(budget, 50, limit=100)
    await held.pass_time(1)
    early, later = await budget.acquire(), await budget.acquire()
    await held.pass_time(1)
    early.settle(RateLimit(100, 49))
    assert budget.remaining == 48
    later.settle(RateLimit(100, 48))
    assert budget.remaining == 48


async def test_a_late_response_does_not_restore_an_old_state(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 900)
    slow = await budget.acquire()
    await held.pass_time(1)
    await hear(budget, 10)
    await held.pass_time(1)
    slow.settle(RateLimit(1000, 899))
    assert budget.remaining == 10


async def test_a_limit_that_the_api_lowers_or_raises_holds_at_once(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    for count in range(1, 101):
        await hear(budget, 1000 - count)
        await held.pass_time(0.01)
    await hear(budget, 0, limit=101)
    assert (budget.limit, budget.remaining, budget.used) == (101, 0, 101)
    await held.pass_time(60)  # then one request goes on suspicion only if our own count leaves room: it does not
    waiting = await start(budget.acquire())
    assert not waiting.done()
    await stop(waiting)
    await held.pass_time(BOOKED)
    await hear(budget, 4999, limit=5000)
    assert (budget.limit, budget.remaining) == (5000, 4999)


async def test_the_limit_of_an_older_request_does_not_replace_that_of_a_newer(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    slow = await budget.acquire()
    await held.pass_time(1)
    await hear(budget, 1900, limit=2000)
    slow.settle(RateLimit(1000, 900))
    assert budget.limit == 2000


async def test_a_limit_of_nothing_still_lets_one_request_an_hour_ask_for_news(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 0, limit=0)
    waiting = await start(budget.acquire())
    await held.pass_time(BOOKED)
    waiting.result().settle(RateLimit(1000, 999))
    assert budget.remaining == 999


async def test_a_request_that_left_the_window_before_the_last_response_frees_nothing(
    held: HeldClock,
) -> None:
    budget = Budget(10, reserve=0, clock=held)
    slow = await budget.acquire()
    await held.pass_time(100)
    slow.settle(RateLimit(10, 9))  # when it was counted in these 100 seconds, nobody knows
    await held.pass_time(3550)
    await hear(budget, 5, limit=10)
    await held.pass_time(60)
    assert budget.remaining == 5


async def test_requests_of_ours_that_leave_the_window_free_what_they_took(held: HeldClock) -> None:
    budget = Budget(10, reserve=0, clock=held)
    await hear(budget, 4, limit=10)
    await held.pass_time(1800)
    await hear(budget, 3, limit=10)
    await held.pass_time(BOOKED - 1800)
    assert (budget.used, budget.remaining) == (6, 4)
    await hear(budget, 3, limit=10)
    assert budget.remaining == 3, "an answer that came since has taken that into account"


async def test_a_request_that_was_perhaps_never_counted_frees_nothing_when_its_hour_is_over(held: HeldClock) -> None:
    unanswered, refused = Budget(10, reserve=0, clock=held), Budget(10, reserve=0, clock=held)
    (await unanswered.acquire()).settle(None)
    (await refused.acquire()).refused(RateLimit(10, 0), 1)
    await held.pass_time(1)
    for budget in (unanswered, refused):
        await hear(budget, 5, limit=10)
    await held.pass_time(BOOKED - 1)
    assert (unanswered.remaining, refused.remaining) == (5, 5)


async def test_requests_of_one_second_are_free_when_the_last_of_them_is(held: HeldClock) -> None:
    budget = Budget(2, reserve=0, clock=held)
    await hear(budget, 1, limit=2)
    await held.pass_time(0.9)
    await hear(budget, 0, limit=2)
    await held.pass_time(BOOKED - 0.9)
    assert budget.remaining == 0
    await held.pass_time(0.9)
    assert budget.remaining == 2


async def test_a_service_with_a_share_uses_no_more_than_that(held: HeldClock) -> None:
    budget, server = Budget(100, share=0.25, reserve=0, clock=held), Server(100)
    for _ in range(25):
        await call(budget, server, held)
    assert budget.remaining == 0
    assert (budget.limit, budget.used) == (100, 25)
    assert budget.next_free == NOON + dt.timedelta(seconds=BOOKED)


async def test_a_million_requests_an_hour_take_no_more_room_than_its_seconds() -> None:
    bucket = Bucket(1_000_000)
    tracemalloc.start()
    try:
        for count in range(40_000):
            now = count / 10
            grant = bucket.take(now)
            assert grant is not None
            bucket.settle(now, grant, RateLimit(1_000_000, 999_999 - count))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bucket.used(4000) >= 3600 * 10
    assert size < 1_500_000


# -- 429 and a bucket that others used up ----------------------------------------------------------------------------


async def test_after_a_429_no_request_is_sent_before_the_time_it_named_not_even_a_command(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 500)
    (await budget.acquire()).refused(RateLimit(1000, 0), 120)
    poll, command = await start(budget.acquire()), await start(budget.acquire(priority=5))
    assert budget.next_free == NOON + dt.timedelta(seconds=120)
    await held.pass_time(119.9)
    assert not poll.done()
    assert not command.done()
    await held.pass_time(0.1)
    assert command.done()
    assert not poll.done(), "one goes alone, to hear how the bucket stands"
    command.result().settle(RateLimit(1000, 30))
    await turns()
    assert poll.done()


async def test_a_429_without_a_time_means_a_minute_and_longer_if_it_comes_again(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    for pause in (60, 120, 240, 480, 900, 900):
        (await budget.acquire()).refused(None, None)
        assert budget.next_free == held.now() + dt.timedelta(seconds=pause)
        await held.pass_time(pause)


async def test_who_is_refused_again_and_again_stays_away_longer(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        (await budget.acquire()).refused(RateLimit(1000, 0), 0)
        assert budget.next_free == held.now() + dt.timedelta(seconds=pause)
        await held.pass_time(pause)
    await hear(budget, 5)
    (await budget.acquire()).refused(RateLimit(1000, 0), 0)
    assert budget.next_free == held.now() + dt.timedelta(seconds=1)


async def test_requests_refused_together_are_one_refusal_and_the_latest_time_holds(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 500)
    together = [await budget.acquire() for _ in range(20)]
    await held.pass_time(1)
    for seconds, spending in enumerate(reversed(together)):
        spending.refused(RateLimit(1000, 0), 20 - seconds)
    assert budget.next_free == held.now() + dt.timedelta(seconds=20)


@pytest.mark.parametrize("nonsense", [float("nan"), -5.0])
async def test_a_time_to_wait_that_makes_no_sense_counts_as_none(held: HeldClock, nonsense: float) -> None:
    budget = Budget(reserve=0, clock=held)
    (await budget.acquire()).refused(RateLimit(1000, 0), nonsense)
    assert budget.next_free == NOON + dt.timedelta(seconds=60)


@pytest.mark.parametrize("absurd", [3601.0, 86_400.0, 1_767_225_600.0, 1e18, float("inf")])
async def test_no_wait_exceeds_the_window_whatever_a_429_states(held: HeldClock, absurd: float) -> None:
    budget = Budget(reserve=0, clock=held)
    (await budget.acquire()).refused(RateLimit(1000, 0), absurd)
    assert budget.next_free == NOON + dt.timedelta(hours=1)


async def test_if_others_used_up_the_bucket_one_request_probes_after_a_minute_and_then_less_often(
    held: HeldClock,
) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 0)
    waiting = [await start(budget.acquire()) for _ in range(10)]
    for pause in (60, 120, 240):
        await held.pass_time(pause - 0.1)
        assert not any(task.done() for task in waiting)
        await held.pass_time(0.1)
        waiting.pop(0).result().settle(RateLimit(1000, 0))
        await turns()
    await held.pass_time(480)
    waiting.pop(0).result().settle(RateLimit(1000, 4))
    await turns()
    assert [task.done() for task in waiting] == [True] * 4 + [False] * 2
    await stop(*waiting)


async def test_a_request_on_suspicion_that_never_ends_well_lets_the_next_ask_later(held: HeldClock) -> None:
    budget = Budget(reserve=0, clock=held)
    await hear(budget, 0)
    first, second = await start(budget.acquire()), await start(budget.acquire())
    await held.pass_time(60)
    with first.result():
        await held.pass_time(30)
    assert not second.done()
    await held.pass_time(120)
    assert second.done()


async def test_an_hour_after_the_last_report_one_request_goes_although_another_just_failed(held: HeldClock) -> None:
    budget = Budget(10, reserve=0, clock=held)
    await hear(budget, 0, limit=10)
    await held.pass_time(BOOKED - 10)
    with await budget.acquire():
        pass
    assert budget.next_free == NOON + dt.timedelta(seconds=BOOKED)
    waiting = await start(budget.acquire())
    await held.pass_time(10)
    assert waiting.done()


# -- how a request ends ----------------------------------------------------------------------------------------------


async def test_a_request_that_was_never_sent_is_given_back(held: HeldClock) -> None:
    budget = Budget(1, reserve=0, clock=held)
    spending = await budget.acquire()
    waiting = await start(budget.acquire())
    assert not waiting.done()
    spending.release()
    await turns()
    assert waiting.done()


async def test_a_request_without_a_response_is_spent_for_an_hour_from_its_possible_arrival(
    held: HeldClock,
) -> None:
    budget = Budget(1, reserve=0, clock=held)
    with pytest.raises(TimeoutError), await budget.acquire():
        raise TimeoutError
    assert budget.remaining == 0
    assert budget.next_free == NOON + dt.timedelta(seconds=60 + BOOKED)


async def test_the_outcome_of_a_request_is_reported_once(held: HeldClock) -> None:
    budget = Budget(10, reserve=0, clock=held)
    with await budget.acquire() as spending:
        spending.settle(RateLimit(10, 9))
        spending.release()
        spending.refused(None, 500)
        spending.settle(RateLimit(10, 2))
    assert (budget.used, budget.remaining) == (1, 9)


async def test_a_request_without_a_response_is_not_in_the_report_of_an_overlapping_one(held: HeldClock) -> None:
    budget = Budget(100, reserve=0, clock=held)
    await hear(budget, 50, limit=100)
    with await budget.acquire():
        await held.pass_time(1)
    await held.pass_time(1)
    await hear(budget, 49, limit=100)
    assert budget.remaining == 48, "it may arrive after the request that was counted"
    await held.pass_time(61)
    await hear(budget, 47, limit=100)
    assert budget.remaining == 47


async def test_the_length_of_a_wait_is_reported(held: HeldClock) -> None:
    budget = await spent(held)
    waiting = await start(budget.acquire())
    await held.pass_time(BOOKED)
    assert waiting.result().waited == BOOKED
    assert (await budget.acquire()).waited == 0
