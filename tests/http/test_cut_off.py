"""Bodies that break off, inside gzip or before their length, and bodies and headers that do not end."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest

from ev_energy_async import ConnectionFailed, DecodeError, EvEnergy, NotFound, OutcomeUnknown, Retry, StaticToken
from ev_energy_async.http import aiohttp_guards
from ev_energy_async.http.transport import LARGEST_SMALL_BODY
from tests.servers import RawServer, reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.servers import Connection

REGIONS: Final = json.dumps([{"name": f"region {number}"} for number in range(500)]).encode()
FAST: Final = Retry(attempts=3, base=0)
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


def head(length: int, encoding: str = "") -> bytes:
    coded = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{coded}Content-Length: {length}\r\n\r\n".encode()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


BROKEN: Final = {
    "gzip that lacks its end": head(len(cut(gzip.compress(REGIONS))), "gzip") + cut(gzip.compress(REGIONS)),
    "deflate that lacks its end": head(len(cut(zlib.compress(REGIONS))), "deflate") + cut(zlib.compress(REGIONS)),
    "less than its length": head(len(REGIONS)) + cut(REGIONS),
    "less than its length, in gzip": head(len(gzip.compress(REGIONS)), "gzip") + cut(gzip.compress(REGIONS)),
}


@pytest.fixture(params=["own", "injected"])
async def session(request: pytest.FixtureRequest) -> AsyncIterator[aiohttp.ClientSession | None]:
    if request.param == "own":
        yield None
        return
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_body_that_breaks_off_is_read_again(session: aiohttp.ClientSession | None, kind: str) -> None:
    async def script(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(BROKEN[kind] if len(server.requests) == 1 else reply(REGIONS))
        line.reset() if len(server.requests) == 1 else None

    async with RawServer(script) as server:
        ev = EvEnergy(StaticToken("t"), base_url=server.base_url, session=session, retry=FAST)
        async with ev:
            assert len(await ev.regions.list()) == 500
        assert len(server.requests) == 2


@pytest.mark.parametrize("kind", BROKEN)
async def test_of_a_write_the_outcome_is_unknown(session: aiohttp.ClientSession | None, kind: str) -> None:
    async def script(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(BROKEN[kind])
        line.reset()

    async with RawServer(script) as server:
        ev = EvEnergy(StaticToken("t"), base_url=server.base_url, session=session, retry=FAST)
        async with ev:
            with pytest.raises(OutcomeUnknown):
                await ev.vehicles.update(VEHICLE, smart_charging_enabled=True)
        assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b'[{"name": "region 1", "lines": [1]', b'"region'])
async def test_a_body_that_breaks_off_where_nothing_shows_it_is_a_failure_of_the_connection(body: bytes) -> None:
    async def script(line: Connection, server: RawServer) -> None:
        for _ in range(2):
            server.requests.append(await line.receive())
            await line.send(head(len(gzip.compress(body)), "gzip") + gzip.compress(body))

    async with RawServer(script) as server, EvEnergy(base_url=server.base_url, retry=FAST) as ev:
        with pytest.raises(ConnectionFailed, match="within the body"):
            await ev.regions.list()
        with pytest.raises(OutcomeUnknown, match="within the body"):
            await ev.vehicles.update(VEHICLE, smart_charging_enabled=True)


async def test_a_complete_body_that_is_no_json_is_not_read_again() -> None:
    async def script(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(head(len(gzip.compress(b"[1,]")), "gzip") + gzip.compress(b"[1,]"))

    async with RawServer(script) as server, EvEnergy(base_url=server.base_url, retry=FAST) as ev:
        with pytest.raises(DecodeError):
            await ev.regions.list()
        assert len(server.requests) == 1


async def test_the_body_of_an_error_is_not_read_without_end() -> None:
    async def script(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9000000\r\n\r\n")
        for _ in range(90):
            await line.send(b"x" * 100_000)

    async with RawServer(script) as server, EvEnergy(base_url=server.base_url, retry=FAST) as ev:
        with pytest.raises((NotFound, DecodeError), match=f"{LARGEST_SMALL_BODY:,} bytes"):
            await ev.regions.list()


@pytest.mark.parametrize("lines", [1, 3_000])
async def test_headers_beyond_what_aiohttp_reads_are_no_reason_to_ask_again(
    session: aiohttp.ClientSession | None, lines: int
) -> None:
    async def script(line: Connection, server: RawServer) -> None:
        server.requests.append(await line.receive())
        await line.send(b"HTTP/1.1 200 OK\r\n")
        await line.send(b"".join(f"X-{n}: {'x' * (600_000 // lines)}\r\n".encode() for n in range(lines)))
        await asyncio.sleep(10)

    async with RawServer(script) as server:
        ev = EvEnergy(StaticToken("t"), base_url=server.base_url, session=session, retry=FAST, timeout=5)
        async with ev:
            with pytest.raises(ConnectionFailed, match="more or larger headers") as raised:
                await ev.regions.list()
        assert not raised.value.transient
        assert server.opened == 1


@pytest.mark.parametrize("injected", [False, True])
async def test_headers_without_end_are_not_read_into_memory_by_an_old_aiohttp(
    monkeypatch: pytest.MonkeyPatch, injected: bool
) -> None:
    monkeypatch.setattr(aiohttp_guards, "_BOUNDS_HEADERS", False)
    sent = 0

    async def script(line: Connection, server: RawServer) -> None:
        nonlocal sent
        server.requests.append(await line.receive())
        await line.send(b"HTTP/1.1 200 OK\r\n")
        while sent < 10_000_000:
            await line.send(b"X: " + b"x" * 4_000 + b"\r\n")
            sent += 4_005

    many: dict[str, Any] = {} if aiohttp.__version__ < "3.14" else {"max_headers": 10_000_000}
    async with RawServer(script) as server, aiohttp.ClientSession(**many) as session:
        ev = EvEnergy(StaticToken("t"), base_url=server.base_url, session=session if injected else None, retry=FAST)
        async with ev:
            with pytest.raises(ConnectionFailed, match="more or larger headers"):
                await ev.regions.list()

    assert sent < 10_000_000
