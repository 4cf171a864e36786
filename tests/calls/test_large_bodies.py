"""Regions up to twenty megabytes: checked and sent quickly, refused beyond, and not shown in errors."""

from __future__ import annotations

import asyncio
import json
import math
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from ev_energy_async import (
    UNSET,
    ClientCredentials,
    DecodeError,
    EvEnergy,
    InvalidArgument,
    OutcomeUnknown,
    PayloadTooLarge,
    Retry,
    StaticToken,
    models,
)
from ev_energy_async.calls import build_request
from ev_energy_async.codec import encode
from ev_energy_async.sandbox import Sandbox
from tests.servers import RawServer, leap, reply

if TYPE_CHECKING:
    from tests.conftest import Network
    from tests.servers import Connection

LIMIT: Final = 20 * 1024 * 1024
PATIENCE: Final = 3
"""Seconds: more than a busy machine needs, for what runs out by a leap of the clock."""
SQUARE: Final = [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]


def region(megabytes: float) -> Any:
    """A region whose body has this size and a trifle less: many times the same ring of a thousand points."""
    ring = [[1 + point / 1e6, 50.1 + point / 1e6] for point in range(1_000)]
    shape = {"type": "Polygon", "coordinates": [ring]}
    return {"name": "R", "geometries": [shape] * int(megabytes * 1024 * 1024 / (len(encode(shape)) + 1))}


@pytest.fixture(scope="module")
def twenty() -> Any:
    return region(20)


async def created(line: Connection, server: RawServer) -> None:
    while request := await line.receive():
        server.requests.append(request)
        await line.send(reply(b'{"name": "R"}', 201))


async def reading_nothing(_: Connection, server: RawServer) -> None:
    server.requests.append(b"")
    await leap(PATIENCE)
    await asyncio.Event().wait()


# --- It goes, and soon


async def test_twenty_megabytes_arrive_complete(twenty: Any) -> None:
    async with RawServer(created) as server, EvEnergy(StaticToken("t"), base_url=server.base_url) as ev:
        made = await ev.regions.create(twenty)

    (sent,) = server.requests
    body = sent.partition(b"\r\n\r\n")[2]
    assert made.name == "R"
    assert LIMIT * 0.95 < len(body) <= LIMIT
    assert json.loads(body) == twenty


async def test_making_the_body_does_not_keep_the_loop_for_long(ev: EvEnergy, network: Network) -> None:
    # Two megabytes: a tenth of what may be sent, in a tenth of the time, with much room for a busy machine.
    network.answer("POST", "/regions", {"name": "R"}, status=201)
    body = region(2)

    started = time.process_time()
    await ev.regions.create(body)

    assert time.process_time() - started < 0.6  # it took 1.3 s as long as each number was looked at in Python
    assert network.sent[0].body == encode(models.RegionCreate(**_geometries(body)))


def _geometries(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "geometries": [models.GeoJsonPolygon(**each) for each in body["geometries"]]}


async def test_others_go_on_while_it_is_sent(twenty: Any) -> None:
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            ticks.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0)

    encoded = encode(twenty)
    async with RawServer(created) as server, EvEnergy(StaticToken("t"), base_url=server.base_url) as ev:
        ticking = asyncio.create_task(tick())
        request = attrs.evolve(_request(), body=encoded)
        response = await ev._core.shared.transport.exchange(  # pyright: ignore[reportPrivateUsage]  # the wire alone
            request, f"{server.base_url}/regions", request
        )
        ticking.cancel()

    assert response.status == 201
    assert len(ticks) > 20, "nobody else had a turn"


def _request() -> Any:
    from ev_energy_async.api import regions  # noqa: PLC0415  # its table of operations is private

    return build_request(regions._CREATE_REGION, body={"name": "R", "geometries": []})  # pyright: ignore[reportPrivateUsage]  # no public way to it


async def test_the_deadline_holds_while_it_is_sent() -> None:
    async with (
        RawServer(reading_nothing) as server,
        EvEnergy(StaticToken("t"), base_url=server.base_url, deadline=PATIENCE, retry=Retry(attempts=1)) as ev,
    ):
        with pytest.raises(OutcomeUnknown, match="deadline of 3 s"):
            await ev.regions.create(region(8))  # more than a socket takes of what nobody reads
        assert len(server.requests) == 1


async def test_beyond_the_limit_the_server_says_so() -> None:
    async with Sandbox(vehicles=1) as sandbox:
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        async with EvEnergy(credentials, base_url=sandbox.base_url) as ev:
            with pytest.raises(PayloadTooLarge, match=f"larger than {LIMIT} bytes") as raised:
                await ev.regions.create(name="R" * LIMIT, geometries=[])

    assert raised.value.status == 413
    assert len(raised.value.request.body or b"") > LIMIT


# --- What is wrong with it is found all the same


@pytest.mark.parametrize(
    ("geometry", "path"),
    [
        ({"type": "Polygon", "coordinates": [[[0, 0], [0, "1"]]]}, r"\$\.geometries\[1\]\.coordinates\[0\]\[1\]\[1\]"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [0, None]]]}, r"\$\.geometries\[1\]\.coordinates"),
        ({"type": "Polygon"}, r"\$\.geometries\[1\]"),
        ({"coordinates": SQUARE}, r"\$\.geometries\[1\]"),
        ({"type": 5, "coordinates": SQUARE}, r"\$\.geometries\[1\]\.type"),
        ("everywhere", r"\$\.geometries\[1\]"),
        (None, r"\$\.geometries\[1\]"),
    ],
)
async def test_a_wrong_geometry_is_refused_with_its_path(
    ev: EvEnergy, network: Network, geometry: Any, path: str
) -> None:
    right: Any = {"type": "Polygon", "coordinates": SQUARE}

    with pytest.raises(InvalidArgument, match=path):
        await ev.regions.create({"name": "R", "geometries": [right, geometry]})
    assert network.sent == []


@pytest.mark.parametrize("body", [{"name": "R"}, {"geometries": []}])
async def test_a_region_without_what_it_needs_is_refused(ev: EvEnergy, body: Any) -> None:
    with pytest.raises(InvalidArgument, match="missing required field"):
        await ev.regions.create(body)


async def test_a_key_that_is_unknown_is_found_however_deep_it_is(ev: EvEnergy) -> None:
    odd: Any = {"type": "Polygon", "coordinates": SQUARE, "colour": "red"}

    with pytest.raises(InvalidArgument, match=r"unknown: geometries\.colour"):
        await ev.regions.create({"name": "R", "geometries": [{"coordinates": SQUARE, "type": "Polygon"}, odd]})


async def test_integers_and_any_order_of_keys_are_accepted(ev: EvEnergy, network: Network) -> None:
    network.answer("POST", "/regions", {"name": "R"}, status=201)
    point: Any = {"coordinates": (((0, 0), (1, 0), (1, 1), (0, 0)),), "type": "Polygon"}

    body: Any = MappingProxyType({"geometries": (MappingProxyType(point),), "type": None, "name": "R"})
    await ev.regions.create(body)

    sent = json.loads(network.sent[0].body or b"")
    assert sent == {"name": "R", "type": None, "geometries": [{"type": "Polygon", "coordinates": SQUARE}]}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_an_invalid_number_is_found_at_any_depth(number: float) -> None:
    # As JSON it would be null, which clears what it is sent to.
    for value in (
        {"a": [[[1.0, number]]]},
        {"a": None, "b": ({"c": [None, [number]]},)},
        models.LatLong(latitude=number, longitude=1),
        {"place": models.LatLong(latitude=number, longitude=1)},
        [MappingProxyType({"a": UNSET, "b": number})],
    ):
        with pytest.raises(DecodeError, match="not JSON"):
            encode(value)
    assert encode({"a": None, "b": [None, "null"]}) == b'{"a":null,"b":[null,"null"]}'


# --- Errors


async def test_a_large_body_that_a_server_quotes_is_not_shown(ev: EvEnergy, network: Network) -> None:
    body = region(0.2)
    network.problem("POST", "/regions", 422, detail="50.100999 in Planted-Name is outside; kim@example.com. Mend it.")
    named: Any = {**body, "name": "The Planted-Name of kim@example.com"}

    with pytest.raises(Exception, match="422") as raised:
        await ev.regions.create(named)

    assert "Planted" not in str(raised.value)
    assert "kim" not in str(raised.value)
    assert "50.100999" not in str(raised.value)
    assert "is outside" in str(raised.value)
    assert str(raised.value).endswith("Mend it.")
