"""Sensors: what the newest status log of each vehicle says."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import PERCENTAGE, UnitOfLength, UnitOfPower
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from ev_energy_async import expanded, or_none
from ev_energy_async.models import Vehicle, VehicleStatusLog

from .coordinator import EvEnergyCoordinator, EvEnergyEntry
from .entity import VehicleEntity


@dataclass(frozen=True, kw_only=True)
class LogSensorDescription(SensorEntityDescription):
    """A sensor, and how its value is read from a status log."""

    value: Callable[[VehicleStatusLog], str | int | datetime | None]


SENSORS = (
    LogSensorDescription(
        key="battery",
        device_class=SensorDeviceClass.BATTERY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda log: or_none(log.state_of_charge_percentage),
    ),
    LogSensorDescription(
        key="charge_rate",
        translation_key="charge_rate",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda log: or_none(log.charge_rate_watts),
    ),
    LogSensorDescription(
        key="odometer",
        translation_key="odometer",
        device_class=SensorDeviceClass.DISTANCE,
        native_unit_of_measurement=UnitOfLength.METERS,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value=lambda log: or_none(log.odometer_meters),
    ),
    LogSensorDescription(key="state", translation_key="state", value=lambda log: or_none(log.state)),
    LogSensorDescription(
        key="sampled_at",
        translation_key="sampled_at",
        device_class=SensorDeviceClass.TIMESTAMP,
        value=lambda log: or_none(log.sampled_at),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: EvEnergyEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of an account's vehicles."""
    coordinator = entry.runtime_data
    async_add_entities(
        VehicleSensor(coordinator, vehicle, description)
        for vehicle in coordinator.data.values()
        for description in SENSORS
    )


class VehicleSensor(VehicleEntity, SensorEntity):
    """A value of the newest status log."""

    def __init__(self, coordinator: EvEnergyCoordinator, vehicle: Vehicle, description: LogSensorDescription) -> None:
        super().__init__(coordinator, vehicle, description)
        self._value = description.value
        self._show(vehicle)

    def _handle_coordinator_update(self) -> None:
        self._show(self.coordinator.data.get(self._vehicle_id))
        super()._handle_coordinator_update()

    def _show(self, vehicle: Vehicle | None) -> None:
        """Take the value from a vehicle; none if it is gone, has no log, or does not report it."""
        log = expanded(vehicle.latest_status_log) if vehicle else None
        self._attr_native_value = self._value(log) if log else None
