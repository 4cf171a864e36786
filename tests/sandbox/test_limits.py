"""The rolling hour."""

from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.sandbox.instants import HOUR, SECOND
from ev_energy_async.sandbox.limits import RollingWindow


def test_a_full_hour_on_the_clock_resets_nothing() -> None:
    window = RollingWindow(1_000)
    for _ in range(1_000):
        assert window.admit(11 * HOUR + 3_540 * SECOND)
    assert not window.admit(12 * HOUR)
    assert not window.admit(12 * HOUR + 3_540 * SECOND - 1)
    assert window.admit(12 * HOUR + 3_540 * SECOND)


def test_retry_after_is_the_first_whole_second_at_which_there_is_room() -> None:
    window = RollingWindow(1)
    assert window.admit(250_000)
    wait = window.retry_after(10 * SECOND)
    assert wait == 3_591
    assert not window.admit((10 + wait - 1) * SECOND)
    assert window.admit((10 + wait) * SECOND)


def test_a_clock_set_back_gives_no_room() -> None:
    window = RollingWindow(1)
    assert window.admit(5 * HOUR)
    assert not window.admit(3 * HOUR)
    assert window.retry_after(3 * HOUR) == 3_600


def test_a_limit_of_zero_admits_nobody_and_says_when_to_ask_again() -> None:
    window = RollingWindow(0)
    assert not window.admit(0)
    assert window.retry_after(0) == 3_600
    assert window.remaining(0) == 0


@given(
    limit=st.integers(1, 6),
    pauses=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 60), st.integers(0, 400)), max_size=120),
)
def test_no_window_ever_holds_more_than_the_limit(limit: int, pauses: list[int]) -> None:
    window = RollingWindow(limit, window=100)
    now, admitted = 0, list[int]()
    for pause in pauses:
        now += pause
        expected = limit - sum(1 for at in admitted if at > now - 100)
        assert window.remaining(now) == expected
        assert window.admit(now) == (expected > 0)
        if expected:
            admitted.append(now)
    for start in admitted:
        assert sum(1 for at in admitted if start <= at < start + 100) <= limit
