"""A watch that is driven cycle by cycle, as tenants are, of a vehicle that reports more often than that."""

from __future__ import annotations

from ev_energy_async import ClientCredentials, EvEnergy, StatusLogged
from ev_energy_async.checkpoint import MemoryCheckpoint
from ev_energy_async.sandbox import FaultPlan, Rule, Sandbox, SteppedClock
from ev_energy_async.sandbox.faults import LateUploads
from ev_energy_async.testing import START, SandboxClock

EVERY = 3_200.0
DAYS = 172_800.0
SEED = 6  # a vehicle with more than a page of logs in two days


async def test_the_past_is_read_again_although_each_cycle_shows_a_new_log() -> None:
    faults = FaultPlan((Rule(LateUploads(share=0.5, seconds=DAYS)),), SEED)
    async with Sandbox(clock=SteppedClock(START), vehicles=1, seed=SEED, faults=faults, rate_limit=10_000) as sandbox:
        credentials = ClientCredentials(sandbox.client_id, sandbox.client_secret, token_url=sandbox.token_url)
        checkpoint, keys = MemoryCheckpoint(), list[str]()
        began = until = sandbox.now()
        for number in range(12):
            if number == 9:
                until = sandbox.now()
            async with EvEnergy(credentials, base_url=sandbox.base_url, clock=SandboxClock(sandbox)) as ev:
                watch = ev.fleet.watch(checkpoint=checkpoint, cycles=1, logs={"status"}, complete_within=EVERY / 2)
                keys += [event.key async for event in watch if isinstance(event, StatusLogged)]
            sandbox.advance(EVERY)
        stored = [log for log in sandbox.fleet.logs("status_logs") if began < log.visible_at <= until]
        assert len(stored) > 10
        assert {f"{log.device}/status/{log.at}" for log in stored} <= set(keys)
        assert len(keys) == len(set(keys))
