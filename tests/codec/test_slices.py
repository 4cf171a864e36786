"""Large bodies are decoded slice by slice, and the event loop runs in between."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import DecodeError, EvEnergy
from ev_energy_async.codec import AT_ONCE, Codec, codec, decode, decode_strict, finish, slices, strict, tolerant
from ev_energy_async.codec.slices import SLICE, groups
from ev_energy_async.models import Region, RegionDetail, VehicleStatusLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Network

LOG: Final = {
    "url": "https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H/status_logs/x",
    "vehicle": "https://api.ev.energy/v2/vehicles/vhcl01HRFF3SEVSCRAV9B3CHVDFN0H",
    "sampled_at": "2026-03-14T12:00:00Z",
    "logged_at": "2026-03-14T12:00:00Z",
}
POINT: Final = [-0.123456, 51.123456]


def array(item: Any, size: int) -> bytes:
    """An array of some size, of one item again and again."""
    text = json.dumps(item)
    return f"[{', '.join([text] * (size // len(text)))}]".encode()


def region(size: int) -> bytes:
    """A region with a boundary of one ring."""
    shape = b'{"type": "MultiPolygon", "coordinates": [[%b]]}' % array(POINT, size)
    return b'{"id": "regn01HRFF3SEVSCRAV9B3CHVDFN0H", "name": "A", "geometry": %b}' % shape


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of each decoding to a type."""
    sizes: list[int] = []

    def counted(data: bytes, into: Any) -> Any:
        sizes.append(len(data))
        return decode_strict(data, into)

    monkeypatch.setattr(codec, "decode_certain", counted)
    return sizes


@pytest.mark.parametrize(
    ("data", "into"),
    [
        (array(LOG, 3_000_000), list[VehicleStatusLog]),
        (array({**LOG, "note": [{"url": "x"}, {"url": '"},{"url"'}]}, 3_000_000), list[VehicleStatusLog]),
        (region(3_000_000), RegionDetail),
        (b"[%b, %b]" % (region(1_000_000), region(2_000_000)), list[RegionDetail]),
        (array(["a"] * 5, 1_000_000), list[list[str]]),
    ],
    ids=["logs", "logs with objects in them", "region", "regions", "lists"],
)
def test_no_slice_is_large_and_nothing_is_lost(data: bytes, into: Any, decoded: list[int]) -> None:
    made = decode(data, into)

    assert msgspec.json.encode(made) == msgspec.json.encode(decode_strict(data, into))
    assert len(decoded) > len(data) // AT_ONCE
    assert max(decoded) <= AT_ONCE + len(json.dumps(LOG)) * 2


def test_a_body_of_usual_size_is_decoded_at_once(decoded: list[int]) -> None:
    data = array(LOG, AT_ONCE - 10_000)
    assert len(decode(data, list[VehicleStatusLog])) > 100
    assert decoded == [len(data)]


def test_a_document_of_many_small_objects_is_decoded_in_slices(decoded: list[int]) -> None:
    # Each costs some microseconds, so that a few hundred thousand of them would hold the loop for a second.
    assert len(decode(array({}, 250_000), list[VehicleStatusLog])) > 50_000
    assert max(decoded) <= AT_ONCE


@pytest.mark.parametrize("wrong", [b"5", b'{"is_charging": "yes"}'])
def test_an_error_in_a_later_slice_has_its_path_in_the_document(wrong: bytes) -> None:
    good = array(LOG, 400_000)
    count = len(json.loads(good))
    with pytest.raises(DecodeError) as raised:
        decode(b"%b, %b]" % (good[:-1], wrong), list[VehicleStatusLog])
    assert raised.value.path.startswith(f"$[{count}]")


def test_drift_in_a_large_page_is_repaired_where_it_is() -> None:
    drifting = {**LOG, "logged_at": None}
    data = b"%b, %b]" % (array(LOG, 400_000)[:-1], json.dumps(drifting).encode())
    codec_ = Codec()
    logs = codec_.decode(data, list[VehicleStatusLog])
    assert logs[-1].logged_at is None
    assert [str(each.kind) for each in codec_.drift] == ["null"]


def test_drift_beside_a_large_boundary_is_repaired() -> None:
    codec_ = Codec()
    made = codec_.decode(region(1_000_000).replace(b'"A"', b"null"), RegionDetail)
    assert made.name is None
    assert made.geometry.coordinates[0][0][0] == POINT
    assert [each.kind for each in codec_.drift] == ["null"]


async def test_the_event_loop_runs_while_a_large_page_is_decoded(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", body=array({"name": "A", "type": "OTHER"}, 2_000_000))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    regions = await ev.regions.list()
    counting.cancel()
    assert len(regions) > 50_000
    assert turns > 2_000_000 // SLICE // 2


async def test_the_deadline_holds_while_a_large_page_is_decoded(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", body=array({"name": "A"}, 2_000_000))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ev.regions.list()


# --- The other side does not choose the cost


# Of 20,000 items or more: twice what is ever decoded at once.
HOSTILE: Final[dict[str, Callable[[], bytes]]] = {
    "nulls where there are none": lambda: array({"url": None}, 300_000),
    "values of no enum": lambda: json.dumps([{"type": f"v{n}"} for n in range(30_000)]).encode(),
    "items that differ": lambda: b"[{}, [], {}, 1, %b]" % array({"a": []}, 300_000)[1:-1],
    "items in items": lambda: json.dumps([{"groups": [{}] * 300_000}]).encode(),
    "half emoji": lambda: array({"name": "x"}, 300_000).replace(b'"x"', b'"\\ud83d"'),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_page_holds_the_event_loop_for_long(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = 0

    def counted(function: Callable[..., Any], cost: int) -> Callable[..., Any]:
        def count(*args: Any) -> Any:
            nonlocal work
            work += cost
            return function(*args)

        return count

    # In microseconds, as measured: the fast path, the tolerant path.
    monkeypatch.setattr(codec, "decode_certain", counted(strict.decode_certain, 5))
    monkeypatch.setattr(tolerant, "structure", counted(tolerant.structure, 200))
    longest = 0
    steps = Codec().item_steps(HOSTILE[what](), VehicleStatusLog)
    with suppress(StopIteration, DecodeError):
        while True:
            next(steps)
            longest, work = max(longest, work), 0
    assert max(longest, work) < 100_000, "the event loop waits for a tenth of a second at most"


def test_a_page_of_which_all_departs_from_the_schema_is_given_up() -> None:
    with pytest.raises(DecodeError, match="more than 1,000 items of a page depart from the schema"):
        decode(array({"url": None}, 100_000), list[VehicleStatusLog])


def test_an_item_that_departs_from_the_schema_everywhere_is_given_up() -> None:
    many = json.dumps({"id": 5, "region_groups": [{"x": None}] * 60_000}).encode()
    with pytest.raises(DecodeError):
        decode(many, Region)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=30), st.integers(1, 40), st.sampled_from([None, 1]))
def test_any_array_is_cut_between_its_items(items: list[Any], size: int, indent: int | None) -> None:
    data = json.dumps(items, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SLICE", size)
        found = list(groups(data))
    assert [item for group, _ in found for item in json.loads(group)] == items
    assert [count for _, count in found] == [len(json.loads(group)) for group, _ in found]


@given(st.lists(JSON, min_size=1, max_size=10), st.integers(1, 20), st.data())
def test_no_cut_makes_a_malformed_array_a_good_one(items: list[Any], size: int, data: st.DataObject) -> None:
    whole = json.dumps(items).encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + whole[at + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SLICE", size)
        try:
            found = [item for group, _ in groups(damaged) for item in msgspec.json.decode(group)]
        except (msgspec.DecodeError, UnicodeDecodeError):
            with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
                msgspec.json.decode(damaged, type=list)
        else:
            assert found == msgspec.json.decode(damaged)


def test_steps_are_run_to_their_end() -> None:
    assert len(finish(Codec().decode_steps(array(LOG, 500_000), list[VehicleStatusLog]))) > 1_000
