"""Diagnostics: the vehicles and the figures of the client, without personal data."""

from typing import Any

from homeassistant.core import HomeAssistant

from ev_energy_async import redacted

from .coordinator import EvEnergyEntry


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: EvEnergyEntry) -> dict[str, Any]:
    """Return the diagnostics of an account."""
    coordinator = entry.runtime_data
    return {"vehicles": redacted(list(coordinator.data.values())), "client": redacted(coordinator.ev.stats())}
