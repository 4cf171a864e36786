"""The recipes of the guides do what the text around them promises."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import Request

from ev_energy_async import EvEnergy, NotFound, StaticToken
from ev_energy_async.testing import FakeClock, sign

from .pages import ROOT, examples_of

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from tests.conftest import Network

SECRET = "whsec_YSBzZWNyZXQgb2YgdGhlIGd1aWRlLCBub3QgeW91cnM="


def run_recipe(page: str, mark: str, **given: object) -> dict[str, Any]:
    """Run the one example that contains a text, and return the names that it defines."""
    [recipe] = [example for example in examples_of(ROOT / "docs" / page) if mark in example.code]
    names: dict[str, Any] = dict(given)
    exec(recipe.code, names)  # noqa: S102  # our own text
    return names


@pytest.mark.parametrize(
    ("page", "mark"),
    [
        ("tables.md", 'ParquetSink("lake") as sink:\n    await sink.write(ev.fleet.watch('),
        ("tables.md", "cursor=sink.cursor"),
        ("reports.md", 'report("lake").save('),
    ],
    ids=["watch into Parquet", "backfill with progress and resume", "report"],
)
def test_what_people_do_with_a_fleet_takes_less_than_ten_lines(page: str, mark: str) -> None:
    [recipe] = [example for example in examples_of(ROOT / "docs" / page) if mark in example.code]
    assert len(list(filter(str.strip, recipe.code.splitlines()))) < 10


def test_the_program_of_the_readme_has_at_most_ten_lines() -> None:
    program = examples_of(ROOT / "README.md")[0].code
    assert "asyncio.run" in program
    assert len(list(filter(str.strip, program.splitlines()))) <= 10


async def test_prometheus_collects_the_statistics_of_the_client(network: Network, registry: CollectorRegistry) -> None:
    network.answer("GET", "/regions", [])
    network.problem("GET", "/users", 404)

    async with EvEnergy(StaticToken("t"), label="fleet", clock=FakeClock()) as ev:
        run_recipe("running.md", "prometheus_client", ev=ev)
        await ev.regions.list()
        with pytest.raises(NotFound):
            await ev.users.list()
        stats = ev.stats()
        metrics = {
            sample.name: sample.value
            for family in registry.collect()
            for sample in family.samples
            if sample.labels == {"client": "fleet"}
        }

    assert metrics["ev_energy_calls_total"] == 2
    assert metrics["ev_energy_failures_total"] == 1
    assert metrics["ev_energy_budget_remaining"] == stats.budget_remaining
    assert stats.last_success is not None
    assert metrics["ev_energy_last_success_seconds"] == stats.last_success.timestamp()


async def test_middleware_runs_once_per_call(network: Network, caplog: pytest.LogCaptureFixture) -> None:
    network.answer("GET", "/regions", status=503, headers={"Retry-After": "0"})
    network.answer("GET", "/regions", [])
    caplog.set_level(logging.INFO, "root")

    async with run_recipe("recipes.md", "async def timed", credentials=StaticToken("t"))["ev"] as ev:
        await ev.regions.list()

    first, second = (sent.headers["X-Request-ID"] for sent in network.sent)
    assert first == second
    assert [record.getMessage().split()[0] for record in caplog.records if record.name == "root"] == ["regions.list"]


async def test_fastapi_handles_a_genuine_webhook_once_and_rejects_any_other() -> None:
    handled = list[Any]()

    async def on_event(event: Any) -> None:
        handled.append(event.payload)

    names = run_recipe("webhooks.md", "fastapi", on_event=on_event)
    body = json.dumps({"type": "something.new", "timestamp": "2026-03-14T12:00:00Z", "data": {}}).encode()
    headers = [(name.encode(), value.encode()) for name, value in sign(body, SECRET).items()]

    async def deliver(received: bytes) -> int:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": received, "more_body": False}

        response = await names["hook"](Request({"type": "http", "headers": headers}, receive))
        status: int = response.status_code
        return status

    assert [await deliver(each) for each in (body, body, body + b" ")] == [204, 204, 400]
    assert [payload.type for payload in handled] == ["something.new"]
