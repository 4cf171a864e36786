"""The button that charges a vehicle now."""

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from ev_energy_async import EvEnergyError

from .coordinator import EvEnergyEntry
from .entity import VehicleEntity

BOOST = ButtonEntityDescription(key="boost", translation_key="boost")


async def async_setup_entry(
    hass: HomeAssistant, entry: EvEnergyEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a button for each vehicle of an account."""
    coordinator = entry.runtime_data
    async_add_entities(BoostButton(coordinator, vehicle, BOOST) for vehicle in coordinator.data.values())


class BoostButton(VehicleEntity, ButtonEntity):
    """Starts a boost."""

    async def async_press(self) -> None:
        """Charge the vehicle now, and wait until its session shows that it does."""
        try:
            await self.coordinator.ev.vehicle(self._vehicle_id).boost(wait=30)
        except EvEnergyError as error:
            raise HomeAssistantError(str(error)) from error
        await self.coordinator.async_request_refresh()
