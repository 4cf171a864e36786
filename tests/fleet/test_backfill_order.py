"""The order in which a backfill gives the logs of a page, however they are listed and spelled."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.devices import place
from ev_energy_async.fleet.backfill.positions import Position, SavedPosition
from tests.devices.test_places import log, urls


class Listed(list[Any]):
    """The last page of a vehicle."""

    next_cursor = response = None


def delivered(position: Position, logs: list[Any]) -> list[tuple[str, Any]]:
    page: Any = Listed(logs)
    position.take(page, "sampled_at")
    return position.give_all()


@given(st.lists(st.builds(log, urls()), max_size=5), st.booleans(), st.integers(0, 5))
def test_logs_are_given_newest_first_and_each_once_from_where_an_earlier_run_was(
    logs: list[Any], is_listed_in_order: bool, given_before: int
) -> None:
    placed = {place(each, "sampled_at").text: place(each, "sampled_at") for each in logs}
    newest_first = sorted(placed.values(), reverse=True)
    expected = [(each.text, each.log) for each in newest_first]
    listed = [log for _, log in expected] if is_listed_in_order else logs

    position = Position(SavedPosition("vhcl01"))
    assert delivered(position, listed) == expected
    assert position.is_over

    below = dict(enumerate((text for text, _ in expected), 1)).get(given_before, "")
    assert delivered(Position(SavedPosition("vhcl01", below=below)), listed) == expected[given_before if below else 0 :]
