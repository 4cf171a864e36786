"""The places of the logs of a page: those that each log has by itself, and their order."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.devices import Placed, in_order, place, place_all
from ev_energy_async.errors import DecodeError

AT = dt.datetime(2026, 3, 14, 12, tzinfo=dt.UTC)


@st.composite
def urls(draw: st.DrawFn) -> object:
    """A URL, nearly always as the API writes those of logs; or none."""
    time = AT + draw(st.timedeltas(dt.timedelta(0), dt.timedelta(microseconds=3)))
    spelled = draw(st.sampled_from(["microseconds"] * 5 + ["seconds", "milliseconds"]))
    text = time.isoformat(timespec=spelled).replace("+00:00", draw(st.sampled_from(["Z"] * 9 + ["00Z", "z", ""])))
    before = draw(st.sampled_from(["https://api.ev.energy/v2/vehicles/one/status_logs/"] * 9 + ["", "/?/", "/%2F/"]))
    after = draw(st.sampled_from([""] * 9 + ["/", "//", "?x=/", "%30", "Z"]))
    odd = draw(st.sampled_from([None] * 9 + [7, "", "/latest"]))
    return f"{before}{text}{after}" if odd is None else odd


def log(url: object, time: object = AT) -> Any:
    return SimpleNamespace(url=url, sampled_at=time)


@given(st.lists(st.builds(log, urls(), st.sampled_from([AT, AT.replace(tzinfo=None)])), max_size=5))
def test_logs_of_a_page_have_the_places_that_each_has_by_itself(logs: list[Any]) -> None:
    assert place_all(logs, "sampled_at") == [place(each, "sampled_at") for each in logs]


@given(st.lists(st.builds(log, urls()), max_size=5))
def test_the_order_of_logs_does_not_depend_on_how_they_are_listed(logs: list[Any]) -> None:
    listed = sorted({each.text: each for each in place_all(logs, "sampled_at")}.values(), reverse=True)
    assert in_order(listed) == in_order(reversed(listed)) == sorted(listed)


def test_of_two_logs_of_one_time_the_one_stored_first_is_kept() -> None:
    late, early = (Placed(1, "a", SimpleNamespace(logged_at=stored)) for stored in (AT + dt.timedelta(seconds=1), AT))
    assert in_order([late, early]) == [early]


def test_a_page_with_a_log_without_its_time_is_refused() -> None:
    with pytest.raises(DecodeError, match="without its time"):
        place_all([log("https://api.ev.energy/v2/x/2026-03-14T12:00:00Z"), log("", None)], "sampled_at")
