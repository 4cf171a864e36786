"""The service against a sandbox: each feature, as a browser, Svix and Prometheus use it."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Final

import pytest
from httpx import ASGITransport, AsyncClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ev_energy_async import codec, reference_id
from ev_energy_async.models import ChargingSession, ChargingSubSessionEndedWebhook, Vehicle, VehicleStatusLog
from ev_energy_async.sandbox import Sandbox, ScaledClock
from ev_energy_async.testing import build, sign
from examples.fastapi_service.service import Service, make_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fastapi import FastAPI

SECRET: Final = "whsec_dGhlIHNlY3JldCBvZiBhbGwgdGhlIHRlc3Rz"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(vehicles=5, auto_consent=True, clock=ScaledClock()) as sandbox:
        yield sandbox


@pytest.fixture
async def app(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[FastAPI]:
    app = make_app(environment(sandbox, tmp_path))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost:8080") as browser:
        yield browser


def environment(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    return {
        "EV_ENERGY_CLIENT_ID": sandbox.client_id,
        "EV_ENERGY_CLIENT_SECRET": sandbox.client_secret,
        "EV_ENERGY_BASE_URL": sandbox.base_url,
        "WEBHOOK_SECRET": SECRET,
        "DATA_FOLDER": str(folder),
    }


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter


async def log_in(browser: AsyncClient) -> None:
    consent = (await browser.get("/login")).headers["location"]
    async with AsyncClient() as elsewhere:
        back = (await elsewhere.get(consent)).headers["location"]
    assert (await browser.get(back)).headers["location"] == "/vehicles"


async def test_a_user_logs_in_and_sees_their_vehicles_with_make_and_model(
    browser: AsyncClient, sandbox: Sandbox
) -> None:
    assert (await browser.get("/vehicles")).status_code == 401
    await log_in(browser)

    vehicles = (await browser.get("/vehicles")).json()

    assert vehicles
    assert len(vehicles) < len(sandbox.world.vehicles)
    for vehicle in vehicles:
        assert vehicle["make"]
        assert vehicle["model"]
        detail = Vehicle.from_dict((await browser.get(f"/vehicles/{vehicle['id']}")).json())
        assert detail.description == vehicle["description"]


async def test_the_token_of_a_user_outlives_the_service(browser: AsyncClient, sandbox: Sandbox, tmp_path: Path) -> None:
    await log_in(browser)
    restarted = make_app(environment(sandbox, tmp_path))
    async with (
        restarted.state.service.ev,
        AsyncClient(transport=ASGITransport(restarted), base_url="http://localhost:8080") as later,
    ):
        assert (await later.get("/vehicles", cookies=None)).status_code == 401
        later.cookies = browser.cookies
        assert (await later.get("/vehicles")).json() == (await browser.get("/vehicles")).json()


async def test_a_forged_callback_logs_nobody_in(browser: AsyncClient) -> None:
    await browser.get("/login")
    assert (await browser.get("/callback?code=stolen&state=another")).status_code == 400
    assert (await browser.get("/callback?code=stolen&state=another")).headers["location"] == "/login"
    assert (await browser.get("/vehicles")).status_code == 401


async def test_a_boost_charges_now_or_says_why_not(browser: AsyncClient, sandbox: Sandbox) -> None:
    await log_in(browser)
    [vehicle, *_] = (await browser.get("/vehicles")).json()
    boost, later = f"/vehicles/{vehicle['id']}/boost", sandbox.now() + dt.timedelta(days=2)
    response = await browser.post(boost)
    while response.status_code == 409 and sandbox.now() < later:
        assert response.json()["error"] in {"NotPluggedIn", "Conflict"}
        sandbox.advance(dt.timedelta(hours=1))
        response = await browser.post(boost)
    session = ChargingSession.from_dict(response.json())
    assert reference_id(session.vehicle) == vehicle["id"]
    assert (await browser.post(boost)).json()["error"] == "Conflict"


@pytest.mark.parametrize(("vehicle_id", "status"), [("vhcl01HRFF3SEVSCRAV9B3CHVDFN0H", 404), ("evse01", 400)])
async def test_a_vehicle_of_nobody_is_refused(browser: AsyncClient, vehicle_id: str, status: int) -> None:
    await log_in(browser)
    assert (await browser.get(f"/vehicles/{vehicle_id}")).status_code == status


async def test_the_watch_writes_each_status_log_of_the_fleet_once(
    app: FastAPI, browser: AsyncClient, sandbox: Sandbox
) -> None:
    await log_in(browser)
    vehicle_id = (await browser.get("/vehicles")).json()[0]["id"]
    service: Service = app.state.service

    async def rows() -> set[tuple[str, str]]:
        return set(await service.checkpoint.query("SELECT vehicle_id, log FROM status"))

    async with asyncio.timeout(60):
        found = await rows()
        while {vehicle for vehicle, _ in found} < {vehicle.id for vehicle in sandbox.world.vehicles}:
            found = await rows()
    assert len(found) == len({(vehicle, VehicleStatusLog.from_json(log).url) for vehicle, log in found})
    history = (await browser.get(f"/vehicles/{vehicle_id}/history")).json()
    assert [VehicleStatusLog.from_dict(log).to_json() for log in history]
    assert [log["sampled_at"] for log in history] == sorted((log["sampled_at"] for log in history), reverse=True)


async def test_a_webhook_that_is_delivered_twice_is_handled_once(app: FastAPI, browser: AsyncClient) -> None:
    service: Service = app.state.service
    event = build(ChargingSubSessionEndedWebhook)
    body = codec.encode(event)
    headers = sign(body, SECRET)

    assert (await browser.post("/webhooks", content=body, headers=headers)).status_code == 204
    async with service.checkpoint.transaction() as db:
        [(session, finished)] = await db.execute("SELECT id, is_finished FROM charging")
        await db.execute("DELETE FROM charging")
    assert (session, bool(finished)) == (event.data.id, event.data.end is not None)
    assert (await browser.post("/webhooks", content=body, headers=headers)).status_code == 204
    assert await service.checkpoint.query("SELECT id FROM charging") == []


async def test_a_forged_webhook_is_refused(browser: AsyncClient) -> None:
    body = codec.encode(build(ChargingSubSessionEndedWebhook))
    headers = sign(body, "whsec_YW5vdGhlciBzZWNyZXQgb2YgYWxsIHRoZSB0ZXN0cw==")
    assert (await browser.post("/webhooks", content=body, headers=headers)).status_code == 400


async def test_prometheus_reads_calls_and_budget(browser: AsyncClient) -> None:
    await log_in(browser)
    await browser.get("/vehicles")
    text = (await browser.get("/metrics")).text
    assert 'ev_energy_call_seconds_count{client="service",operation="vehicles.list",status="200"}' in text
    assert 'ev_energy_budget_remaining{client="service"}' in text


async def test_calls_are_traced(spans: InMemorySpanExporter, browser: AsyncClient) -> None:
    await log_in(browser)
    await browser.get("/vehicles")
    assert "GET /vehicles" in {span.name for span in spans.get_finished_spans()}


async def test_the_documentation_describes_the_models(browser: AsyncClient) -> None:
    document = (await browser.get("/openapi.json")).json()
    assert "smart_charging_enabled" in str(document["components"]["schemas"])
