"""Whose turn it is, within a process and across several: without a budget around it, in exact steps."""

from __future__ import annotations

import math
from typing import Any

from ev_energy_async.budget.exchange import LATEST, SOON, Ask, Report, Wish, exchange, next_look
from ev_energy_async.budget.queue import IN_A_ROW, Turns, Waiter


def waiter(number: int, priority: int, since: float) -> Waiter:
    outcome: Any = None
    return Waiter(outcome, number, priority, since, math.inf)


def test_calls_that_are_served_at_once_take_no_turn_from_those_that_wait() -> None:
    turns = Turns()
    turns.add(waiter(0, 0, since=0.0))
    for number in range(1, 3 * IN_A_ROW):
        prompt = waiter(number, 1, since=100.0 + number)
        turns.add(prompt)
        turns.serve(prompt, now=100.5 + number)
    last = waiter(99, 1, since=200.0)
    turns.add(last)
    assert turns.first(now=202.0) == (last, True)


def test_a_process_with_an_urgent_call_asks_again_after_a_part_of_what_it_has_waited() -> None:
    assert next_look(100.0, 4_000.0, Wish(1, True, 0.0)) == 100.0 + SOON
    assert next_look(100.0, 4_000.0, Wish(1, True, 8.0)) == 102.0
    assert next_look(100.0, 4_000.0, Wish(1, True, 10_000.0)) == 100.0 + LATEST
    assert next_look(100.0, 4_000.0, Wish(0, False, 8.0)) == 100.0 + LATEST
    assert next_look(100.0, 130.0, Wish(0, False, 8.0)) == 130.0
    assert next_look(100.0, math.inf, Wish(0, False, 8.0)) == 100.0 + SOON


class State:
    """A budget that several processes share: twenty requests an hour, with twelve in reserve."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._reports: list[Report] = []

    def has_turn(self, holder: str, now: float, wish: Wish) -> bool:
        """Ask for a turn, and return whether it was given; its request is answered at once."""
        ask = Ask(holder=holder, reports=self._reports, alone=[], wish=wish, limit=20, reserve=12)
        self._text, reply = exchange(self._text, now, ask)
        permit = reply.granted
        self._reports = [] if permit is None else [Report(permit=permit, how="settle")]
        return permit is not None


def test_an_older_call_that_is_owed_a_turn_has_it_of_the_reserve_that_the_urgent_one_may_use() -> None:
    shared = State()
    poll, web_call = Wish(0, False, 0.0), Wish(1, True, 2.0)
    assert all(shared.has_turn("first", 0.0, poll) for _ in range(8))
    assert not shared.has_turn("old", 0.0, poll), "only the reserve is left"
    for number in range(IN_A_ROW):
        assert shared.has_turn("urgent", 10.0 + number, web_call)
    assert shared.has_turn("urgent", 30.0, web_call), "it does not wait for the other to ask"
    assert shared.has_turn("old", 31.0, Wish(0, False, 31.0))
    assert not shared.has_turn("old", 32.0, poll)
