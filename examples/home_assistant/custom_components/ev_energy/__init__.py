"""The ev.energy integration for Home Assistant: vehicles with their state, and a button for a boost."""

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers.config_entry_oauth2_flow import (
    ImplementationUnavailableError,
    OAuth2Session,
    async_get_config_entry_implementation,
)

from ev_energy_async import preload

from .coordinator import EvEnergyCoordinator, EvEnergyEntry

# Home Assistant imports this module in a thread: what the client would import when it is first needed comes with it.
preload()

_PLATFORMS = [Platform.BUTTON, Platform.SENSOR]


async def async_setup_entry(hass: HomeAssistant, entry: EvEnergyEntry) -> bool:
    """Set up an account."""
    try:
        implementation = await async_get_config_entry_implementation(hass, entry)
    except ImplementationUnavailableError as error:
        raise ConfigEntryNotReady(str(error)) from error
    coordinator = EvEnergyCoordinator(hass, entry, OAuth2Session(hass, entry, implementation))
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    await hass.config_entries.async_forward_entry_setups(entry, _PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: EvEnergyEntry) -> bool:
    """Unload an account."""
    return await hass.config_entries.async_unload_platforms(entry, _PLATFORMS)
