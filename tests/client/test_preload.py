"""`preload`: after it, nothing is imported in the event loop and nothing blocks it.

In a process of its own, where nothing else has imported anything yet.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Final

from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import NullField

# What a service does in its first minute, under a watch that raises at the first blocking call in the loop.
PROGRAM: Final = """
import asyncio
import sys

import ev_energy_async
from blockbuster import BlockBuster

GONE = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


async def main():
    base_url, client_id, client_secret, vehicle, evse, user = sys.argv[1:]
    await asyncio.to_thread(ev_energy_async.preload)
    watch = BlockBuster()
    watch.activate()
    before = set(sys.modules)
    try:
        credentials = ev_energy_async.ClientCredentials(client_id, client_secret)
        async with ev_energy_async.EvEnergy(credentials, base_url=base_url) as ev:
            await asyncio.gather(*(ev.vehicles.list(expand=["latest_status_log"]).all() for _ in range(20)))
            await ev.vehicles.get(vehicle)
            await ev.vehicles.get_many([vehicle, GONE])
            await ev.vehicle(vehicle).status_logs().all()
            await ev.evse(evse).ocpp_logs().all()
            await ev.regions.list()
            await ev.vehicles.update(vehicle, smart_charging_enabled=True)
            square = [[0, 50], [1, 50], [1, 51], [0, 51], [0, 50]]
            await ev.regions.create(name="A", geometries=[{"type": "Polygon", "coordinates": [square]}])
            await ev.as_user(user).vehicle_makes.list()
            ev_energy_async.ResourceId.parse(vehicle).created_at
            for call in (ev.vehicles.get(GONE), ev.users.get("..")):
                try:
                    await call
                except ev_energy_async.EvEnergyError:
                    pass
    finally:
        watch.deactivate()
    print(*sorted(set(sys.modules) - before))


asyncio.run(main())
"""


def run(program: str) -> str:
    done = subprocess.run(  # our own program
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def run_beside_a_sandbox(program: str) -> tuple[str, str]:
    """What a program that calls a sandbox prints, and what it complains of."""
    # Logs that only the tolerant way reads.
    plan = FaultPlan((Rule(NullField(), operation="*.list_*_logs"),))
    async with Sandbox(vehicles=5, faults=plan) as sandbox:
        world = sandbox.world
        ids = next(iter(world.vehicles)).id, next(iter(world.evses)).id, next(iter(world.users)).id
        arguments = [sandbox.base_url, sandbox.client_id, sandbox.client_secret, *ids]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-c", program, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, errors = await process.communicate()
    return out.decode().strip(), errors.decode()


async def test_after_preload_a_run_of_calls_imports_nothing_and_blocks_nowhere() -> None:
    out, errors = await run_beside_a_sandbox(PROGRAM)

    assert out == ""
    assert errors, "the tolerant way was taken"
    assert all(line.startswith("the API departs from its schema: ") for line in errors.splitlines()), errors


def test_preload_imports_what_is_lazy_and_importing_the_package_does_not() -> None:
    program = (
        "import sys, ev_energy_async; ev_energy_async.EvEnergy();"
        "lazy = ['cattrs', 'oauthlib', 'ulid', 'ev_energy_async.codec.tolerant', 'ev_energy_async.models._vehicles'];"
        "print([name in sys.modules for name in lazy]);"
        "ev_energy_async.preload();"
        "print([name in sys.modules for name in lazy])"
    )

    assert run(program).splitlines() == [str([False] * 5), str([True] * 5)]


async def test_the_watch_sees_what_blocks() -> None:
    blocking = PROGRAM.replace("        async with", "        __import__('time').sleep(0.01)\n        async with")

    _, errors = await run_beside_a_sandbox(blocking)

    assert "BlockingError" in errors
