"""Instants: all digits of a time, whichever way it is spelled."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async.instants import instant, instant_of, instants

_TIMES = st.datetimes(min_value=dt.datetime(1900, 1, 1), max_value=dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001  # hypothesis adds the zone


_NONE = [
    "2026-W11-6T12:00:00Z",
    "2026-02-30T12:00:00Z",
    "2026-03-14T24:00:00Z",
    "2026-03-14T12:00:00,123456Z",
    "2026-03-14T12:00:00.12345aZ",
    "2026-03-1\u0664T12:00:00Z",
    "20260314T120000.000000000Z",
]


@st.composite
def texts(draw: st.DrawFn) -> str:
    time = draw(_TIMES).replace(tzinfo=None).isoformat(timespec=draw(st.sampled_from(["microseconds", "seconds"])))
    return time + draw(st.sampled_from(["Z", "z", "+05:45", "", "0Z"]))


@given(_TIMES, st.sampled_from(["Z", "z", "+00:00", ""]), st.sampled_from(["T", "t", " "]))
def test_all_spellings_of_a_time_are_one_instant(time: dt.datetime, zone: str, separator: str) -> None:
    for digits, whole in (("", time.replace(microsecond=0)), (f".{time.microsecond:06}", time)):
        text = f"{time:%Y-%m-%d}{separator}{time:%H:%M:%S}{digits}{zone}"
        assert instant(text) == instant_of(whole)
        if digits:
            assert instant(text.replace(digits, f"{digits}789")) == instant_of(whole) + 789


@given(st.lists(st.one_of(texts(), st.sampled_from(_NONE), st.text(max_size=3)), max_size=4))
def test_many_texts_name_the_instants_that_each_of_them_names(spelled: list[str]) -> None:
    assert instants(spelled) == [instant(text) for text in spelled]


@given(
    st.lists(_TIMES, max_size=4),
    st.sampled_from(["microseconds", "seconds"]),
    st.integers(0, 26),
    st.sampled_from("0:\n\u0664\ud800"),
)
def test_one_text_among_many_that_is_spelled_in_another_way_is_told_apart(
    times: list[dt.datetime], digits: str, index: int, character: str
) -> None:
    spelled = [f"{time.replace(tzinfo=None).isoformat(timespec=digits)}Z" for time in times]
    assert instants(spelled) == [instant_of(dt.datetime.fromisoformat(text)) for text in spelled]
    for text in spelled[-1:]:
        spelled[-1] = text[:index] + character + text[index + 1 :]
    assert instants(spelled) == [instant(text) for text in spelled]


@pytest.mark.parametrize("text", _NONE)
def test_what_is_no_rfc_3339_text_names_no_instant(text: str) -> None:
    assert instant(text) is None
    assert instants(["2026-03-14T12:00:00Z", text]) == [instant("2026-03-14T12:00:00Z"), None]


def test_a_time_without_its_zone_is_in_utc_to_the_last_digit() -> None:
    assert instant("1970-01-01T00:00:00.1234567") == 123_456_700
