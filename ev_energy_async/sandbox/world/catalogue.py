"""The makes, models, trims and tariffs that the sandbox's catalogue is built from. Data only.

The names are those of real products, so that screens look realistic; the figures are invented or rounded.
"""

from typing import Final, NamedTuple

from ev_energy_async.sandbox.simulation import Telematics

ENODE: Final = Telematics("ENODE", 40, True, True, True, False)
SMARTCAR: Final = Telematics("SMARTCAR", 75, False, True, True, False)
TESLA: Final = Telematics("TESLA", 8, True, True, True, True)
HIGH_MOBILITY: Final = Telematics("HIGH_MOBILITY", 25, False, True, False, False)


class TrimData(NamedTuple):
    """A trim: its name and its battery."""

    name: str
    watt_hours: int


class ModelData(NamedTuple):
    """A vehicle model and its trims."""

    name: str
    connector: str | None
    watt_hours_per_kilometer: int
    trims: tuple[TrimData, ...]


class MakeData(NamedTuple):
    """A vehicle make and its models."""

    name: str
    telematics: Telematics
    models: tuple[ModelData, ...]
    markets: tuple[str, ...] = ()
    """The countries it is sold in; all where empty."""
    chosen_by_make: bool = True
    """Whether onboarding can start from the make alone."""
    subscription: str | None = None


class ChargerModelData(NamedTuple):
    """A charge point model."""

    name: str
    watts: int
    integrated: bool = True


class ChargerMakeData(NamedTuple):
    """A charge point make and its models."""

    name: str
    controller: str
    speaks_ocpp: bool
    models: tuple[ChargerModelData, ...]
    beta: bool = False
    chosen_by_make: bool = True


class Place(NamedTuple):
    """A place where users live."""

    country: str
    city: str
    state: str | None
    postal_code: str
    street: str
    latitude: float
    longitude: float
    utc_hours: int
    currency: str
    timezone: str


VEHICLE_MAKES: Final = (
    MakeData(
        "Tesla",
        TESLA,
        (
            ModelData("Model 3", "CCS", 150, (TrimData("Standard Range", 57_500), TrimData("Long Range", 75_000))),
            ModelData("Model Y", "CCS", 165, (TrimData("Long Range", 75_000), TrimData("Performance", 75_000))),
        ),
    ),
    MakeData(
        "Volkswagen",
        ENODE,
        (
            ModelData("ID.3", "CCS", 165, (TrimData("Pure", 45_000), TrimData("Pro", 58_000))),
            ModelData("ID.4", "CCS", 185, (TrimData("Pro", 77_000),)),
        ),
        subscription="We Connect ID",
    ),
    MakeData(
        "Nissan",
        ENODE,
        (ModelData("Leaf", "CHADEMO", 170, (TrimData("40 kWh", 39_000), TrimData("e+", 59_000))),),
        chosen_by_make=False,
    ),
    MakeData(
        "Hyundai",
        SMARTCAR,
        (
            ModelData("Kona Electric", "CCS", 155, (TrimData("39 kWh", 39_200), TrimData("64 kWh", 64_000))),
            ModelData("IONIQ 5", "CCS", 180, (TrimData("58 kWh", 58_000), TrimData("77 kWh", 77_400))),
        ),
    ),
    MakeData("Kia", SMARTCAR, (ModelData("e-Niro", "CCS", 160, (TrimData("64 kWh", 64_000),)),)),
    MakeData(
        "BMW",
        HIGH_MOBILITY,
        (ModelData("i4", "CCS", 175, (TrimData("eDrive35", 67_000), TrimData("eDrive40", 80_700))),),
    ),
    MakeData("Renault", ENODE, (ModelData("Zoe", "CCS", 155, (TrimData("R110", 41_000), TrimData("R135", 52_000))),)),
    MakeData("Ford", SMARTCAR, (ModelData("Mustang Mach-E", None, 195, (TrimData("Premium", 88_000),)),)),
    MakeData("Rivian", SMARTCAR, (ModelData("R1T", "NACS", 280, (TrimData("Large Pack", 131_000),)),), markets=("US",)),
)

CHARGER_MAKES: Final = (
    ChargerMakeData(
        "Wallbox", "WALLBOX", False, (ChargerModelData("Pulsar Plus", 7_400), ChargerModelData("Copper SB", 7_400))
    ),
    ChargerMakeData("Easee", "EASEE", False, (ChargerModelData("One", 7_400),)),
    ChargerMakeData(
        "Alfen", "OCPP", True, (ChargerModelData("Eve Single", 7_400), ChargerModelData("Eve Double", 11_000))
    ),
    ChargerMakeData("ABB", "OCPP", True, (ChargerModelData("Terra AC", 11_000),), chosen_by_make=False),
    ChargerMakeData(
        "Grizzl-E",
        "OCPP",
        True,
        (ChargerModelData("Smart", 9_600), ChargerModelData("Classic", 9_600, False)),
        beta=True,
    ),
)

PLACES: Final = (
    Place("GB", "London", None, "SE1 9PZ", "Sandbox Street", 51.5045, -0.0865, 0, "GBP", "Europe/London"),
    Place("GB", "Manchester", None, "M2 5DB", "Sandbox Row", 53.4794, -2.2453, 0, "GBP", "Europe/London"),
    Place("DE", "Hamburg", None, "20095", "Sandkastenweg", 53.5503, 10.0007, 1, "EUR", "Europe/Berlin"),
    Place("US", "Boston", "MA", "02108", "Sandbox Avenue", 42.3571, -71.0637, -5, "USD", "America/New_York"),
    Place("US", "Denver", "CO", "80202", "Sandbox Drive", 39.7491, -104.9947, -7, "USD", "America/Denver"),
)


class TariffData(NamedTuple):
    """A tariff as every supplier sells it."""

    name: str
    type: str
    day_price: str
    night_price: str
    highlighted: bool = False
    valid_until: str | None = None
    by_region: bool = False
    planned_by_night: bool = False
    """Whether charging is scheduled by the supplier's first tariff instead."""


TARIFFS: Final = (
    TariffData("Night Saver", "DUAL_RATE", "0.29", "0.09", highlighted=True),
    TariffData("Standard", "FLAT_RATE", "0.25", "0.25", by_region=True, planned_by_night=True),
    TariffData("Every Half Hour", "DYNAMIC", "0.22", "0.22"),
    TariffData("Night Saver 2024", "DUAL_RATE", "0.27", "0.08", valid_until="2024-12-31"),
)
GSP_GROUPS: Final = ("_A", "_C", "_P")

SUPPLIERS: Final = (("Northern Light Energy", "GB"), ("Hanse Strom", "DE"), ("Front Range Electric", "US"))

FIRST_NAMES: Final = (
    "Ada",
    "Ben",
    "Chloe",
    "Dev",
    "Elif",
    "Femi",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Kofi",
    "Lena",
    "Mei",
    "Noor",
)
LAST_NAMES: Final = (
    "Ahmed",
    "Baker",
    "Costa",
    "Dubois",
    "Evans",
    "Fischer",
    "Garcia",
    "Hughes",
    "Ito",
    "Jensen",
    "Khan",
    "Lopez",
)
