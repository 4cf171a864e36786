"""The rolling hour."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.sandbox.instants import HOUR, SECOND
from ev_energy_async.sandbox.server.limits import RollingWindow


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


def test_a_limit_of_zero_admits_no_request_and_says_when_to_retry() -> None:
    window = RollingWindow(0)
    assert not window.admit(0)
    assert window.retry_after(0) == 3_600
    assert window.remaining(0) == 0


@given(limit=st.integers(6, 40), pauses=st.lists(st.integers(0, 30), max_size=150))
def test_a_limit_too_large_to_keep_each_request_is_never_exceeded_and_gives_room_a_trifle_late(
    limit: int, pauses: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ev_energy_async.sandbox.server.limits._MOMENTS", 5)
        window = RollingWindow(limit, window=100)  # a moment is 20 long
    now, admitted = 0, list[int]()
    for pause in pauses:
        now += pause
        exact = limit - sum(1 for at in admitted if at > now - 100)
        at_least = limit - sum(1 for at in admitted if at > now - 120)
        assert at_least <= window.remaining(now) <= exact
        if window.admit(now):
            admitted.append(now)


def test_a_load_test_does_not_fill_the_memory() -> None:
    window = RollingWindow(10_000_000)
    for number in range(200_000):  # two thousand a second
        assert window.admit(number * 500)
    assert window.remaining(200_000 * 500) == 9_800_000
    assert len(pickle.dumps(window)) < 20_000


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
