"""IDs from text, from URLs and from models, and texts that are none."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import InvalidArgument, ResourceId, models
from ev_energy_async.ids import id_text

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
URLS: Final = [
    f"https://api.ev.energy/v2/vehicles/{VEHICLE}",
    f"https://api.ev.energy/vehicles/{VEHICLE}",
    f"https://api.ev.energy/v2/vehicles/{VEHICLE}/",
    f"https://api.ev.energy/v2/vehicles/{VEHICLE}//",
    f"https://api.ev.energy/v2/vehicles/{VEHICLE}?expand=trim#top",
    f"/v2/vehicles/{VEHICLE}",
    f"/vehicles/{VEHICLE}/",
]


@pytest.mark.parametrize("text", [VEHICLE, *URLS])
def test_an_id_is_parsed_from_text_and_urls(text: str) -> None:
    found = ResourceId.parse(text)

    assert (found.prefix, found.ulid, str(found)) == ("vhcl", VEHICLE[4:], VEHICLE)


@pytest.mark.parametrize("text", URLS)
def test_an_argument_accepts_the_url_of_the_resource(text: str) -> None:
    assert id_text("vehicle_id", text, "vhcl") == VEHICLE


def test_an_id_contains_its_time_of_creation() -> None:
    # The example of the ULID specification.
    made = dt.datetime(2016, 7, 30, 23, 54, 10, 259_000, tzinfo=dt.UTC)

    assert ResourceId.parse("vhcl01ARZ3NDEKTSV4RRFFQ69G5FAV").created_at == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vhcl",
        VEHICLE[:-1],
        VEHICLE + "0",
        VEHICLE.lower(),
        VEHICLE.upper(),
        "vhclI1HRFF3SEVSCRAV9B3CHVDFN0H",
        "vhcl81HRFF3SEVSCRAV9B3CHVDFN0H",
        f" {VEHICLE}",
        f"{VEHICLE}\n",
        f"{VEHICLE}/status_logs",
        "https://api.ev.energy/v2/vehicles",
        "https://[",
        None,
        5,
        VEHICLE.encode(),
    ],
)
def test_a_malformed_id_is_refused(text: Any) -> None:
    with pytest.raises(InvalidArgument) as raised:
        ResourceId.parse(text)

    assert raised.value.argument == "text"


def test_a_reference_field_is_a_url_an_object_or_null() -> None:
    user = models.UserUpdate()
    log = models.VehicleStatusLog(vehicle=URLS[0])

    assert isinstance(log.vehicle, str)
    assert ResourceId.of(log.vehicle) == ResourceId("vhcl", VEHICLE[4:])
    assert ResourceId.of(models.Region(id=VEHICLE)) == ResourceId("vhcl", VEHICLE[4:])
    assert ResourceId.of(ResourceId.parse(VEHICLE)) == ResourceId.parse(VEHICLE)
    assert ResourceId.of(None) is None
    with pytest.raises(InvalidArgument):
        ResourceId.of(user)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # it has no ID


def test_a_resource_without_an_id_is_not_a_reference() -> None:
    with pytest.raises(InvalidArgument, match="reference"):
        ResourceId.of(models.Region(name="A"))


ULIDS: Final = st.builds(
    str.__add__,
    st.sampled_from("01234567"),
    st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=25, max_size=25),
)


@given(prefix=st.text("abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=4), ulid=ULIDS)
def test_every_id_survives_parsing_and_formatting(prefix: str, ulid: str) -> None:
    found = ResourceId.parse(f"https://api.ev.energy/v2/things/{prefix}{ulid}/")

    assert str(found) == prefix + ulid
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301  # our own bytes


@given(st.lists(ULIDS, min_size=2, max_size=5))
def test_ids_sort_by_time_of_creation(ulids: list[str]) -> None:
    before_10000 = [ResourceId("vhcl", f"0{ulid[1:]}") for ulid in ulids]

    times = [each.created_at for each in sorted(before_10000)]

    assert times == sorted(times)


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_an_error(text: str) -> None:
    try:
        found = ResourceId.parse(text)
    except InvalidArgument:
        return
    assert str(found) in text
