"""The catalogues other than vehicles and charge points: home energy devices, feeds, time zones, subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ev_energy_async.sandbox.instants import DAY, HOUR, Instant, parse
from ev_energy_async.sandbox.protocol import example
from ev_energy_async.sandbox.world import Record

if TYPE_CHECKING:
    from random import Random

    from ev_energy_async.sandbox.world import Archive, Shelf, Stock

KINDS: Final = (
    "boundary_meter_makes",
    "boundary_meter_models",
    "carbon_feeds",
    "cpms_providers",
    "dispatch_coordinators",
    "dispatch_events",
    "evse_firmware_versions",
    "grid_feeds",
    "home_battery_makes",
    "home_battery_models",
    "inverter_makes",
    "inverter_models",
    "subscription_offerings",
    "timezones",
)

_ESTABLISHED: Final = parse("2021-06-01T00:00:00Z")

_DEVICES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "boundary_meter": {"Shelly": ("Pro 3EM",), "Carlo Gavazzi": ("EM112", "EM340"), "Myenergi": ("Harvi",)},
    "home_battery": {
        "GivEnergy": ("Giv-Bat 9.5", "All in One"),
        "Tesla": ("Powerwall 2", "Powerwall 3"),
        "Sonnen": ("sonnenBatterie 10",),
        "Enphase": ("IQ Battery 5P",),
    },
    "inverter": {
        "SolarEdge": ("SE3680H", "SE5000H"),
        "Fronius": ("Primo GEN24", "Symo GEN24"),
        "Enphase": ("IQ8", "IQ8+"),
        "SMA": ("Sunny Boy 5.0",),
    },
}
_ZONES: Final = (
    *("Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Chicago", "America/Denver"),
    *("America/Halifax", "America/Los_Angeles", "America/Mexico_City", "America/New_York", "America/Phoenix"),
    *("America/Sao_Paulo", "America/Toronto", "America/Vancouver", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Kolkata"),
    *("Asia/Seoul", "Asia/Singapore", "Asia/Tokyo", "Australia/Adelaide", "Australia/Brisbane", "Australia/Perth"),
    *("Australia/Sydney", "Europe/Amsterdam", "Europe/Athens", "Europe/Berlin", "Europe/Brussels", "Europe/Dublin"),
    *("Europe/Helsinki", "Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Oslo", "Europe/Paris"),
    *("Europe/Rome", "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw", "Europe/Zurich", "Pacific/Auckland", "UTC"),
)
_GRIDS: Final = (
    ("GB", "Great Britain", "GB_NATIONAL"),
    ("DE", "Germany", "DE_NATIONAL"),
    ("US", "United States", "US_NATIONAL"),
)
_OFFERINGS: Final = ("Smart Charging", "Smart Charging Plus", "Solar Saver")


def fill(stock: Stock, archive: Archive, chance: Random) -> None:
    """Fill this group's kinds with their initial records."""
    created = _ESTABLISHED

    def later() -> Instant:
        nonlocal created
        created += chance.randrange(HOUR, DAY)
        return created

    def put(shelf: Shelf, data: dict[str, Any], **hidden: Any) -> None:
        shelf.new(later(), chance, data, hidden=hidden)

    for device, makes in _DEVICES.items():
        for make_name, models in makes.items():
            make = archive[f"{device}_makes"].new(later(), chance, {"name": make_name})
            for model in models:
                put(archive[f"{device}_models"], {"name": model, "make": make})
    for country, name, code in _GRIDS:
        put(archive["carbon_feeds"], {"name": f"{name}, carbon intensity"}, country=country, key=chance.getrandbits(32))
        for number, suffix in enumerate(("BALANCING", "DEMAND_RESPONSE")):
            data = {"name": f"{name}, {suffix.lower().replace('_', ' ')}", "reference_code": f"{code}_{suffix}"}
            put(
                archive["grid_feeds"],
                {**data, "priority": 3 + 4 * number},
                country=country,
                key=chance.getrandbits(32),
                applies=number == 0,
            )
        coordinator = {"name": f"{name} flexibility", "reference_code": f"{code}_FLEX", "contract_end": None}
        timezone = next(tariff.timezone for tariff in stock.tariffs if tariff.country == country)
        put(
            archive["dispatch_coordinators"],
            {**coordinator, "contract_start": "2023-01-01T00:00:00.000000Z", "timezone": timezone},
            country=country,
        )
    for zone in _ZONES:
        put(archive["timezones"], {"name": zone})
    for name in _OFFERINGS:
        put(archive["subscription_offerings"], {"name": name})
    for number in range(6):
        version = f"{3 + number // 3}.{number % 3 * 4}.{chance.randrange(10)}"
        put(archive["evse_firmware_versions"], example("EVSEFirmwareVersion", chance, version=version))
    providers = archive["cpms_providers"]
    providers.add(Record("CHARGEPOINT", providers.kind, {"name": "ChargePoint", "icon": None}))
