"""Text that no decoder of JSON takes: it costs the item that it is in, and no other."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ev_energy_async import (
    ClientCredentials,
    CycleFinished,
    DecodeError,
    Drift,
    EvEnergy,
    MemoryCheckpoint,
    PollFailed,
    Response,
    VehicleAdded,
    WatchEvent,
)
from ev_energy_async.codec import Codec, decode, finish
from ev_energy_async.codec.damage import pieces
from ev_energy_async.models import Region
from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.testing import SandboxClock
from tests.conftest import START

if TYPE_CHECKING:
    from ev_energy_async import BadItem, Request
    from ev_energy_async.messages import Handler
    from tests.conftest import Network

# What stands between the quotes of a string, or is a value by itself.
TEXTS: Final = {
    "half an emoji": b'"\\ud83d"',
    "the other half": b'"x\\udc00y"',
    "a control character": b'"a\x01b"',
    "a line feed": b'"a\nb"',
    "not a number": b"NaN",
    "infinity": b"-Infinity",
    "a bad escape": b'"\\x"',
    "a missing value": b"",
    "a quote too many": b'"a"b"',
    "a bracket too many": b'"a"]',
    "a brace too few": b'{"a": 1',
}
NOT_UTF8: Final = b'"caf\xe9"'


def page(damage: bytes, key: str = "name", before: int = 1, after: int = 2) -> bytes:
    """A page of regions, one of which is damaged."""
    good = [b'{"id": "r%d", "name": "R"}' % number for number in range(before + after)]
    bad = b'{"id": "bad", "%s": %s}' % (key.encode(), damage)
    return b"[" + b", ".join([*good[:before], bad, *good[before:]]) + b"]"


@pytest.mark.parametrize("key", ["name", "unknown_to_us"])
@pytest.mark.parametrize("what", TEXTS)
async def test_a_damaged_item_costs_itself(ev: EvEnergy, network: Network, what: str, key: str) -> None:
    network.answer("GET", "/regions", body=page(TEXTS[what], key), repeat=True)

    with pytest.raises(DecodeError) as raised:
        await ev.regions.list()
    assert [region.id for region in raised.value.items or ()] == ["r0", "r1", "r2"]
    assert raised.value.path.startswith("$[1]")

    skipped = await ev.with_options(on_bad_item="skip").regions.list()
    assert [region.id for region in skipped] == ["r0", "r1", "r2"]
    assert Drift("Region", "[]", "undecodable") in ev.stats().drift


@pytest.mark.parametrize("key", ["name", "unknown_to_us"])
async def test_bytes_that_are_not_utf_8_are_replaced_and_reported(ev: EvEnergy, network: Network, key: str) -> None:
    network.answer("GET", "/regions", body=page(NOT_UTF8, key))

    regions = await ev.regions.list()

    assert [region.id for region in regions] == ["r0", "bad", "r1", "r2"]
    if key == "name":
        assert regions[1].name == "caf\ufffd"
        assert Drift("Region", "$", "text") in ev.stats().drift


async def test_drift_beside_bytes_that_are_not_utf_8_is_reported_too(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", "/regions", body=page(NOT_UTF8).replace(b'"r0"', b"null"))

    assert [region.id for region in await ev.regions.list()] == [None, "bad", "r1", "r2"]

    assert ev.stats().drift == {Drift("Region", "$", "text"), Drift("Region", "id", "null")}


async def test_a_document_of_its_own_is_repaired_alike(ev: EvEnergy, network: Network) -> None:
    vehicle = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
    network.answer("GET", f"/vehicles/{vehicle}", body=b'{"id": "%s", "more": %s}' % (vehicle.encode(), NOT_UTF8))
    assert (await ev.vehicles.get(vehicle)).id == vehicle


async def test_a_function_sees_the_damaged_item_as_it_came(ev: EvEnergy, network: Network) -> None:
    seen: list[BadItem] = []
    network.answer("GET", "/regions", body=page(TEXTS["half an emoji"]))

    def replace(item: BadItem) -> Region:
        seen.append(item)
        return Region(id="in its place")

    found = await ev.regions.list(on_bad_item=replace)

    assert [region.id for region in found] == ["r0", "in its place", "r1", "r2"]
    assert [item.raw for item in seen] == [b'{"id": "bad", "name": "\\ud83d"}']
    assert seen[0].index == 1


async def test_the_items_of_an_object_are_separated_too(ev: EvEnergy, network: Network) -> None:
    feed = "cabf01HRFF3SEVSCRAV9B3CHVDFN0H"
    good = b'{"interval_start": "2026-03-14T12:00:00Z", "interval_seconds": 1800, "grams": 1}'
    body = b'{"url": "x", "carbon_intensities": [%s, %s]}' % (good, good.replace(b'"grams": 1', b'"grams": NaN'))
    network.answer("GET", f"/carbon_feeds/{feed}/carbon_intensities", body=body)

    found = await ev.with_options(on_bad_item="skip").carbon_feeds.list_carbon_intensities(feed)

    assert len(found) == 1


@pytest.mark.parametrize("body", [b'[{"id": "a"}, {"id": "b', b"[{]", b'{"id": "\\ud83d"}', b"<html>", b'[1] "x"', b""])
async def test_what_is_no_list_is_an_error_whatever_is_done_with_items(
    ev: EvEnergy, network: Network, body: bytes
) -> None:
    network.answer("GET", "/regions", body=body)
    with pytest.raises(DecodeError):
        await ev.with_options(on_bad_item="skip").regions.list()


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


# A busy machine takes its time to draw them.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(JSON), st.booleans(), st.sampled_from([None, 1]))
def test_the_items_of_any_array_are_separated(items: list[Any], ascii_: bool, indent: int | None) -> None:
    document = json.dumps(items, ensure_ascii=ascii_, indent=indent).encode()
    assert [json.loads(piece) for piece in finish(pieces(document))] == items


@given(st.binary())
def test_whatever_bytes_come_there_is_a_value_or_an_error(data: bytes) -> None:
    for into in (list[Region], Region):
        with suppress(DecodeError):
            decode(data, into)
    with suppress(DecodeError):
        finish(Codec().item_steps(data, Region))


async def test_a_watch_reports_the_damaged_vehicle_and_delivers_all_others() -> None:
    async with Sandbox(vehicles=5, clock=SteppedClock(START)) as sandbox:
        bad, *others = sorted(vehicle.id for vehicle in sandbox.world.vehicles)

        async def damage(request: Request[Any], following: Handler) -> Response[bytes]:
            response = await following(request)
            if request.operation.name != "vehicles.list":
                return response
            whole = [json.dumps(each) for each in json.loads(response.body)]
            texts = [each[:-1] + ', "note": "\\ud83d"}' if json.loads(each)["id"] == bad else each for each in whole]
            body = f"[{', '.join(texts)}]".encode()
            return Response(request, response.url, response.status, response.headers, body, body)

        clock = SandboxClock(sandbox)
        auth = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        async with EvEnergy(auth, base_url=sandbox.base_url, middleware=[damage], clock=clock) as ev:
            events: list[WatchEvent] = []
            async with ev.fleet.watch(checkpoint=MemoryCheckpoint()) as watch:
                async for event in watch:
                    events.append(event)
                    if isinstance(event, CycleFinished):
                        break

    assert sorted(event.vehicle_id for event in events if isinstance(event, VehicleAdded)) == others
    assert [event.vehicle_id for event in events if isinstance(event, PollFailed)] == [bad]
