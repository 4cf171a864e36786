"""Sorted numbers in few bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.fleet.watch.packing import count_of, first_of, last_of, packed, unpacked
from ev_energy_async.instants import ALWAYS, MICROSECOND, NEVER

NUMBERS = st.integers(ALWAYS, NEVER)
# Logs that are some microseconds or hours apart, as well as any others.
STEPS = st.lists(st.integers(1, 10**13).map(lambda step: step * MICROSECOND) | st.integers(1, 10**6), max_size=90)


@given(st.sets(NUMBERS).map(sorted))
def test_numbers_come_out_as_they_went_in(numbers: list[int]) -> None:
    assert list(unpacked(packed(numbers))) == numbers


@given(NUMBERS.filter(lambda first: first < 0), STEPS)
def test_the_first_the_last_and_the_count_are_told_without_unpacking(first: int, steps: list[int]) -> None:
    numbers = [first]
    for step in steps:
        numbers.append(numbers[-1] + step)

    data = packed(numbers)

    assert (first_of(data), last_of(data), count_of(data)) == (numbers[0], numbers[-1], len(numbers))
