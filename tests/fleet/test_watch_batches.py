"""Batches: one that is being filled when something stops it is not lost, and nothing of it is acknowledged."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from ev_energy_async.errors import AuthError

from .watch_kit import at, cycle, fleet, keys

if TYPE_CHECKING:
    from ev_energy_async.messages.request import Request

    from .watch_kit import ModelFleet


def reporting() -> ModelFleet:
    """Three cars that report each minute for an hour."""
    api, cars, _ = fleet()
    for car in cars:
        for minutes in range(1, 60):
            car.log(minutes)
    return api


@pytest.mark.parametrize("ack", ["next", "explicit"])
async def test_a_batch_that_an_error_cuts_short_comes_with_the_next_one(ack: str) -> None:
    api = reporting()
    watch = api.watch(every=300, logs={"status"}, ack=ack)
    await (await cycle(watch))[-1].ack()

    def refuse(_: int, request: Request[Any]) -> Exception | None:
        is_refused = api.clock.true > at(12) and request.path == "/vehicles"
        return AuthError("invalid_client", "gone") if is_refused else None

    api.fail = refuse
    with pytest.raises(AuthError):
        await anext(watch.batches(max_items=1_000, max_age=3_600))
    api.fail = lambda _number, _request: None
    told = keys(await anext(watch.batches(max_items=1_000, max_age=3_600)))
    assert len(told) == len(set(told)) == 3 * 59
    # Nobody has acknowledged any of it yet.
    again = api.watch(every=300, logs={"status"}).batches(max_items=1_000, max_age=3_600)
    assert set(keys(await anext(again))) == set(told)


async def test_waiting_for_a_batch_can_be_cancelled_at_every_step_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for steps in range(0, 60, 3):
        api = reporting()
        original = api.send

        async def send(request: Any, original: Any = original) -> Any:
            await asyncio.sleep(0)
            return await original(request)

        monkeypatch.setattr(api, "send", send)
        watch = api.watch(every=300, logs={"status"})
        task = asyncio.create_task(anext(watch.batches(max_items=500, max_age=7_200)))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        told = keys(await anext(watch.batches(max_items=500, max_age=7_200)))
        assert len(told) == len(set(told)) == 3 * 59, steps
