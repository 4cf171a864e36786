"""Home Assistant with the integration, its credentials, and a sandbox in place of the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator

import pytest
from custom_components.ev_energy import const
from homeassistant import block_async_io
from homeassistant.components.application_credentials import ClientCredential, async_import_client_credential
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from ev_energy_async.sandbox import Sandbox, ScaledClock

CALLBACK = "https://example.com/auth/external/callback"


@pytest.fixture(autouse=True)
async def sandbox(
    hass: HomeAssistant, enable_custom_integrations: None, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Sandbox]:
    days = dt.timedelta(days=30)  # the tests move the clock of the sandbox, not that of Home Assistant
    async with Sandbox(
        vehicles=5, auto_consent=True, clock=ScaledClock(), token_lifetime=days, redirect_uris=[CALLBACK]
    ) as sandbox:
        monkeypatch.setattr(const, "API", sandbox.origin)
        assert await async_setup_component(hass, "application_credentials", {})
        credential = ClientCredential(sandbox.client_id, sandbox.client_secret)
        await async_import_client_credential(hass, "ev_energy", credential, "sandbox")
        yield sandbox


@pytest.fixture(autouse=True)
def detector(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    disable_block_async_io: None,
) -> Iterator[None]:
    """Detect blocking calls, as a running Home Assistant does: files and imports too, which its own tests leave out."""
    monkeypatch.setattr(block_async_io, "_IN_TESTS", False)
    block_async_io.enable()
    yield
    blocked = [record.getMessage() for record in caplog.get_records("call") if "blocking call" in record.getMessage()]
    assert not [each for each in blocked if "ev_energy" in each]
