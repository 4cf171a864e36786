"""Which lists of charging sub-sessions are due, and how far back they reach."""

from __future__ import annotations

from typing import Final

from ev_energy_async.fleet.sub_sessions.looks import ENDED, EVERY, RUNNING, SETTLE, Look, Looks
from ev_energy_async.instants import SECOND, SKEW, moment

HOUR: Final = 3_600 * SECOND
NOW: Final = 1_000 * HOUR


def due(looked: dict[str, int], now: int) -> Look:
    found = Looks(EVERY, SETTLE).next(looked, 0, now)
    assert found is not None
    return found


def test_what_ended_around_the_last_look_is_listed_again_since_clocks_differ() -> None:
    look = due({RUNNING: NOW, ENDED: NOW - 300 * SECOND}, NOW)
    assert (look.name, look.filters) == (
        ENDED,
        {"is_finished": True, "end_gt": moment(NOW - 300 * SECOND - SKEW)},
    )


def test_after_a_pause_a_look_reaches_back_to_what_was_to_be_listed_meanwhile() -> None:
    before = NOW - 100 * HOUR
    looked = {RUNNING: NOW, ENDED: NOW, "ended within 3600 s": before}
    look = due(looked, NOW)
    # It was due a quarter of an hour after the last one, for those that had ended within the hour before.
    assert look.filters["end_gt"] == moment(before + 900 * SECOND - HOUR - SKEW)


def test_after_a_webhook_that_was_lost_as_many_have_to_arrive_as_at_first() -> None:
    looks = Looks(EVERY, SETTLE)
    for _ in range(3):
        looks.note_webhook()
    assert looks.has_webhooks
    looks.note_missed(NOW - HOUR, NOW)
    looks.note_webhook()
    looks.note_webhook()
    assert not looks.has_webhooks
    looks.note_webhook()
    assert looks.has_webhooks
