"""The integration in Home Assistant, against a sandbox: login, entities, boost, diagnostics, a login that ends."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import aiohttp
import pytest
from custom_components.ev_energy.diagnostics import async_get_config_entry_diagnostics
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry, entity_registry
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from ev_energy_async.sandbox import Sandbox

from .conftest import CALLBACK


async def log_in(hass: HomeAssistant, client: Any, begun: ConfigFlowResult) -> ConfigFlowResult:
    """Follow the browser to the consent page and back, and let the flow end."""
    assert begun["type"] is FlowResultType.EXTERNAL_STEP, begun
    async with aiohttp.ClientSession() as session, session.get(begun["url"] or "", allow_redirects=False) as consent:
        back = consent.headers["Location"]
    assert back.startswith(CALLBACK)
    assert (await client.get(back.removeprefix("https://example.com"))).status == 200
    return await hass.config_entries.flow.async_configure(begun["flow_id"])


@pytest.fixture
async def browser(
    hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator, current_request_with_host: None
) -> Any:
    return await hass_client_no_auth()


async def set_up(hass: HomeAssistant, browser: Any) -> MockConfigEntry:
    begun = await hass.config_entries.flow.async_init("ev_energy", context={"source": "user"})
    done = await log_in(hass, browser, begun)
    assert done["type"] is FlowResultType.CREATE_ENTRY, done
    await hass.async_block_till_done()
    [entry] = hass.config_entries.async_entries("ev_energy")
    assert entry.state is ConfigEntryState.LOADED
    return entry


async def test_a_user_logs_in_and_sees_their_vehicles(hass: HomeAssistant, browser: Any) -> None:
    entry = await set_up(hass, browser)

    assert entry.unique_id is not None
    assert entry.unique_id.startswith("user")
    vehicles = entry.runtime_data.data
    devices = device_registry.async_entries_for_config_entry(device_registry.async_get(hass), entry.entry_id)
    assert {name for device in devices for _, name in device.identifiers} == set(vehicles)
    assert all(device.manufacturer and device.model and device.name for device in devices)
    entities = entity_registry.async_entries_for_config_entry(entity_registry.async_get(hass), entry.entry_id)
    assert len(entities) == 6 * len(vehicles)
    for entity in entities:
        state = hass.states.get(entity.entity_id)
        assert state is not None
        if entity.unique_id.endswith("_battery"):
            assert 0 <= int(state.state) <= 100


async def test_the_same_account_is_added_once(hass: HomeAssistant, browser: Any) -> None:
    await set_up(hass, browser)
    begun = await hass.config_entries.flow.async_init("ev_energy", context={"source": "user"})
    done = await log_in(hass, browser, begun)
    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_the_button_boosts_or_says_why_not(hass: HomeAssistant, browser: Any, sandbox: Sandbox) -> None:
    entry = await set_up(hass, browser)
    [vehicle_id, *_] = entry.runtime_data.data
    button = entity_registry.async_get(hass).async_get_entity_id("button", "ev_energy", f"{vehicle_id}_boost")

    async def press() -> str | None:
        try:
            await hass.services.async_call("button", "press", {"entity_id": button}, blocking=True)
        except HomeAssistantError as error:
            return str(error)
        return None

    until = sandbox.now() + dt.timedelta(days=2)
    while (refusal := await press()) and sandbox.now() < until:
        sandbox.advance(dt.timedelta(hours=1))
    assert refusal is None
    assert sandbox.requests[-1].status < 400
    assert any(request.operation == "charging_sessions.boost_start" for request in sandbox.requests)


async def test_diagnostics_hold_no_personal_data(hass: HomeAssistant, browser: Any) -> None:
    entry = await set_up(hass, browser)
    text = json.dumps(await async_get_config_entry_diagnostics(hass, entry))
    assert str(entry.unique_id) not in text
    assert entry.data["token"]["access_token"] not in text
    assert all(vehicle_id in text for vehicle_id in entry.runtime_data.data)
    assert "budget_remaining" in text


async def test_a_login_that_ended_is_renewed_by_the_user(hass: HomeAssistant, browser: Any, sandbox: Sandbox) -> None:
    entry = await set_up(hass, browser)
    ended = {**entry.data["token"], "access_token": "ended", "refresh_token": "ended"}
    hass.config_entries.async_update_entry(entry, data={**entry.data, "token": ended})
    await entry.runtime_data.async_refresh()
    await hass.async_block_till_done()

    [flow] = hass.config_entries.flow.async_progress()
    assert flow["step_id"] == "reauth_confirm"
    begun = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
    done = await log_in(hass, browser, begun)
    await hass.async_block_till_done()

    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.last_update_success


async def test_an_outage_makes_entities_unavailable_and_no_login_is_asked_for(
    hass: HomeAssistant, browser: Any, sandbox: Sandbox
) -> None:
    entry = await set_up(hass, browser)
    await sandbox.stop()
    await entry.runtime_data.async_refresh()
    await hass.async_block_till_done()
    assert not entry.runtime_data.last_update_success
    assert not hass.config_entries.flow.async_progress()
    assert {state.state for state in hass.states.async_all()} == {"unavailable"}
