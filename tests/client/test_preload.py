"""`preload`: after it, nothing is imported in the event loop and nothing blocks it.

In a process of its own, where nothing else has imported anything yet.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

from ev_energy_async import api, models
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox
from ev_energy_async.sandbox.faults import NullField

# What a service does in its first minute, under a watch that raises at the first blocking call in the loop.
PROGRAM: Final = """
import asyncio
import datetime as dt
import io
import logging
import sys

import ev_energy_async
from blockbuster import BlockBuster
from ev_energy_async import otel, webhooks

logging.basicConfig()
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
nowhere = io.StringIO()
GONE = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


async def fleet(ev, folder):
    async for _ in ev.fleet.snapshot():
        pass
    checkpoint = ev_energy_async.SqliteCheckpoint(folder + "/fleet.db")
    async with ev.fleet.watch(every=1, checkpoint=checkpoint) as watch:
        async for event in watch:
            if isinstance(event, ev_energy_async.CycleFinished):
                break
    print(await ev.fleet.coverage(checkpoint), ev.fleet.plan(vehicles=1_000), file=nowhere)
    now = dt.datetime.now(dt.timezone.utc)
    await ev.fleet.audit(now - dt.timedelta(hours=1), now, checkpoint=checkpoint)
    async with ev.fleet.logs("status", since=now - dt.timedelta(days=1)) as logs:
        async for _ in logs:
            break
    await checkpoint.close()


async def one_device(ev, vehicle):
    handle = ev.vehicle(vehicle)
    async for _ in handle.status_logs().oldest_first():
        break
    async with asyncio.timeout(1):
        async for _ in handle.status_logs(since=START).follow(every=1):
            break
    for command in (handle.boost, handle.end_boost):
        try:
            await command()
        except ev_energy_async.EvEnergyError:
            pass


async def the_rest(ev, credentials, user, kind, folder):
    ev.stats(), ev.budget.remaining, repr(ev)
    make = (await ev.vehicle_makes.list())[0]
    await ev.as_user(user).find_onboarding_url(make)
    ev.onboarding_url(user)
    ev_energy_async.parse_onboarding_redirect("https://app.example/back?vehicle_uid=")
    await ev.as_user(user).upload_rebate_evidence(b"evidence", evidence_type=kind, file_name="a.pdf")
    verifier = webhooks.WebhookVerifier("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    try:
        verifier.verify(b"{}", {})
    except ev_energy_async.WebhookVerificationError:
        pass
    await webhooks.Deduplicator().once("a", lambda: asyncio.sleep(0))
    webhooks.webhook_handler(verifier, print)
    store = ev_energy_async.FileTokenStore(folder + "/token.json")
    app = ev_energy_async.AuthorizationCode("id", "secret", redirect_uri="https://app.example", store=store)
    app.begin()
    middleware = [otel.tracing(), otel.metrics()]
    async with ev_energy_async.EvEnergy(credentials, base_url=ev.base_url, middleware=middleware) as traced:
        await traced.regions.list()
        await traced.revoke()
    ev_energy_async.EvEnergy.from_env({"EV_ENERGY_TOKEN": "token"})
    ev_energy_async.codec.encode(ev_energy_async.codec.decode(b"{}", ev_energy_async.models.LatLong))
    ev_energy_async.codec.make_converter()


async def main():
    base_url, client_id, client_secret, vehicle, evse, user, kind, folder = sys.argv[1:]
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
            await fleet(ev, folder)
            await one_device(ev, vehicle)
            await the_rest(ev, credentials, user, kind, folder)
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


async def run_beside_a_sandbox(program: str, folder: str) -> tuple[str, str]:
    """Return the output and the errors of a program that calls a sandbox."""
    # Logs that only tolerant decoding reads.
    plan = FaultPlan((Rule(NullField(), operation="*.list_*_logs"),))
    async with Sandbox(vehicles=5, faults=plan) as sandbox:
        world = sandbox.world
        ids = next(iter(world.vehicles)).id, next(iter(world.evses)).id, next(iter(world.users)).id
        kind = f"{sandbox.base_url}/rebate_evidence_types/{next(iter(world.records['rebate_evidence_types'])).id}"
        arguments = [sandbox.base_url, sandbox.client_id, sandbox.client_secret, *ids, kind, folder]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-c", program, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, errors = await process.communicate()
    return out.decode().strip(), errors.decode()


async def test_after_preload_every_feature_imports_nothing_and_blocks_nowhere(tmp_path: Path) -> None:
    out, errors = await run_beside_a_sandbox(PROGRAM, str(tmp_path))

    assert out == ""
    assert "Traceback" not in errors, errors
    assert "the API departs from its schema: " in errors, "tolerant decoding was used"


def test_preload_imports_everything_that_is_lazy_and_importing_the_package_does_not() -> None:
    program = (
        "import sys, ev_energy_async; ev_energy_async.EvEnergy();"
        "print(*sys.modules); ev_energy_async.preload(); print(*sys.modules)"
    )
    lazy = {
        *("cattrs", "oauthlib.oauth2", "aiohttp.web", "ev_energy_async.codec.codec", "ev_energy_async.codec.tolerant"),
        *("ev_energy_async.http.stats", "ev_energy_async.messages.operations", "ev_energy_async.models._vehicles"),
    }
    before, after = (set(line.split()) for line in run(program).splitlines())

    assert before & lazy == set()
    assert lazy <= after
    for package in (models, api):
        [folder] = package.__path__
        modules = {f"{package.__name__}.{path.stem}" for path in Path(folder).glob("*.py") if path.stem != "__init__"}
        assert modules <= after


async def test_the_watch_sees_what_blocks(tmp_path: Path) -> None:
    blocking = PROGRAM.replace("        async with", "        __import__('time').sleep(0.01)\n        async with")

    _, errors = await run_beside_a_sandbox(blocking, str(tmp_path))

    assert "BlockingError" in errors
