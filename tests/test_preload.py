"""`preload`: after it, nothing is imported in the event loop and nothing blocks it.

In a process of its own, where nothing else has imported anything yet.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

# What a service does in its first minute, under a watch that raises at the first blocking call in the loop.
PROGRAM: Final = """
import asyncio
import sys

import ev_energy_async
from aiohttp import web
from blockbuster import BlockBuster

VEHICLE = {vehicle!r}


async def serve(request):
    if request.path == "/o/token/":
        return web.json_response({{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}})
    if request.path.endswith("vhcl_gone"):
        return web.json_response({{"title": "No", "detail": "Gone."}}, status=404)
    if request.method == "GET" and request.path.endswith(("_logs", "/regions")):
        return web.json_response([{{"sampled_at": "2026-03-14T07:05:00", "created_at": ""}}])  # the tolerant way
    is_list = request.method == "GET" and request.path[-1] == "s"
    return web.json_response([] if is_list else {{"id": "vhcl", "description": None}})


async def main():
    runner = web.ServerRunner(web.Server(serve, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base_url = f"http://127.0.0.1:{{runner.addresses[0][1]}}/v2"
    await asyncio.to_thread(ev_energy_async.preload)
    watch = BlockBuster()
    watch.activate()
    before = set(sys.modules)
    try:
        credentials = ev_energy_async.ClientCredentials("id", "secret")
        async with ev_energy_async.EvEnergy(credentials, base_url=base_url) as ev:
            await asyncio.gather(*(ev.vehicles.list(expand=["latest_status_log"]).all() for _ in range(20)))
            await ev.vehicles.get(VEHICLE)
            await ev.vehicles.get_many([VEHICLE, "vhcl_gone"])
            await ev.vehicle(VEHICLE).status_logs().all()
            await ev.evse("evse1").ocpp_logs().all()
            await ev.regions.list()
            await ev.vehicles.update(VEHICLE, smart_charging_enabled=True)
            await ev.regions.create(name="A", geometries=[{{"type": "Polygon", "coordinates": []}}])
            await ev.as_user("user01HN2NJ9NMRZBXT1H6FT9N7735").vehicle_makes.list()
            ev_energy_async.ResourceId.parse(VEHICLE).created_at
            for call in (ev.vehicles.get("vhcl_gone"), ev.users.get("..")):
                try:
                    await call
                except ev_energy_async.EvEnergyError:
                    pass
    finally:
        watch.deactivate()
    print(*sorted(set(sys.modules) - before))
    await runner.cleanup()


asyncio.run(main())
"""


def run(program: str) -> str:
    done = subprocess.run(  # our own program
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_after_preload_a_run_of_calls_imports_nothing_and_blocks_nowhere() -> None:
    assert run(PROGRAM.format(vehicle="vhcl01HRFF3SEVSCRAV9B3CHVDFN0H")) == ""


def test_preload_imports_what_is_lazy_and_importing_the_package_does_not() -> None:
    program = (
        "import sys, ev_energy_async; ev_energy_async.EvEnergy();"
        "lazy = ['cattrs', 'oauthlib', 'ulid', 'ev_energy_async._tolerant', 'ev_energy_async.models._vehicles'];"
        "print([name in sys.modules for name in lazy]);"
        "ev_energy_async.preload();"
        "print([name in sys.modules for name in lazy])"
    )

    assert run(program).splitlines() == [str([False] * 5), str([True] * 5)]


def test_the_watch_sees_what_blocks() -> None:
    blocking = PROGRAM.format(vehicle="vhcl01HRFF3SEVSCRAV9B3CHVDFN0H").replace(
        "        async with", "        __import__('time').sleep(0.01)\n        async with"
    )

    done = subprocess.run(  # our own program
        [sys.executable, "-c", blocking], capture_output=True, text=True, timeout=60, check=False
    )

    assert "BlockingError" in done.stderr
