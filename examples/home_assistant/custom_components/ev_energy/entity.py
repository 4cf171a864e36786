"""The part that sensors and buttons of a vehicle share."""

from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from ev_energy_async import expanded
from ev_energy_async.models import Vehicle

from .const import DOMAIN
from .coordinator import EvEnergyCoordinator


class VehicleEntity(CoordinatorEntity[EvEnergyCoordinator]):
    """An entity of a vehicle."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: EvEnergyCoordinator, vehicle: Vehicle, description: EntityDescription) -> None:
        super().__init__(coordinator)
        model = expanded(vehicle.trim, lambda trim: trim.model)
        make = expanded(model, lambda model: model.make)
        self.entity_description = description
        self._vehicle_id = vehicle.id
        self._attr_unique_id = f"{vehicle.id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, vehicle.id)},
            name=vehicle.description,
            manufacturer=make.name if make else None,
            model=model.name if model else None,
        )
