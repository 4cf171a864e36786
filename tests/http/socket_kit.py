"""A client on a real socket, its calls, and what servers may do to them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async import (
    EvEnergy,
    Retry,
    StaticToken,
)
from tests.servers import Connection, RawServer, leap, reply

if TYPE_CHECKING:
    from ev_energy_async.sandbox import Sandbox

VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
ONE_CAR: Final = "vhcl01GZBFXCPR7GEFD93NX6FAK4NF"
"""The vehicle of a sandbox that has one."""
ATTEMPTS: Final = 3
LIMIT: Final = 3
"""Seconds: more than a busy machine needs, for what runs out by a leap of the clock."""

# Made for this test, good for nothing else: nobody trusts it, which is the point.
CERTIFICATE: Final = """\
-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUAM2KHcdj41k5nnoIJ6Lvui/yEq8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE0NDE1NVoYDzIxMjYxMDI5
MTQ0MTU1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR29mnV0/fSxHLZIHepfnsdgVG27CusazWitgSR+dXmHFuzRN1wC6dx
hhdK2AUUUVEyYhu4m2VXcTTNJuOZsgEao28wbTAdBgNVHQ4EFgQUxlwVVYLAegiT
nx1XStf6O8tCX8gwHwYDVR0jBBgwFoAUxlwVVYLAegiTnx1XStf6O8tCX8gwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgXAqC0AYSVQzZNhgRO6C22qMXY6umV1uRjPgEXOAEQb4CIDFG
VdBhuWaw18gUdv+4YS++hAZNCZaHy8dBearJ43xw
-----END CERTIFICATE-----
"""
KEY: Final = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5Ud05ojX0aqcdyYH
7pQ24nQ1sk5JuL/FWOtCtquEcvOhRANCAAR29mnV0/fSxHLZIHepfnsdgVG27Cus
azWitgSR+dXmHFuzRN1wC6dxhhdK2AUUUVEyYhu4m2VXcTTNJuOZsgEa
-----END PRIVATE KEY-----
"""


def client(server: RawServer | Sandbox, **options: Any) -> EvEnergy:
    given: dict[str, Any] = {"timeout": 5, "deadline": 8, "retry": Retry(attempts=ATTEMPTS, base=0), **options}
    return EvEnergy(StaticToken("token"), base_url=server.base_url, **given)


async def read(ev: EvEnergy) -> object:
    return await ev.regions.list()


async def remove(ev: EvEnergy) -> object:
    return await ev.vehicles.delete(VEHICLE)


async def create(ev: EvEnergy) -> object:
    return await ev.as_user(USER).vehicles.create(model="m")


def ours(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """The tasks that were not there before, apart from those of the server."""
    served = ("_accept", "RequestHandler.start")
    return {task for task in asyncio.all_tasks() - before if not any(name in repr(task) for name in served)}


# --- What servers do


async def reset_at_once(line: Connection, _: RawServer) -> None:
    line.reset()


async def reset_after_the_request(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    line.reset()


async def half_a_body(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await line.send(reply(b"[{}, {}]")[:-4])


async def half_a_body_in_chunks(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    await line.send(head + b"4\r\n[{},\r\n")


async def silence(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    await leap(LIMIT)
    await line.until_closed()


async def slow_body(line: Connection, server: RawServer) -> None:
    server.requests.append(await line.receive())
    whole = reply(b"[" + b" " * 1_000 + b"]")
    await line.send(whole[:-1_000])
    for _ in range(10):
        await line.send(b" ")
        await leap(LIMIT / 8)
    await line.until_closed()


BROKEN: Final = [reset_at_once, reset_after_the_request, half_a_body, half_a_body_in_chunks]
STALLED: Final = [silence, slow_body]
