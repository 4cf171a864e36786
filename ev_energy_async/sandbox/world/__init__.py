"""All there is in the sandbox and what can be done to it: people, devices, sessions, records.

Handlers and the server change and read it. It never speaks HTTP or JSON, reads no clock and does no I/O.
"""

from ev_energy_async.sandbox.world.archive import Archive, Group
from ev_energy_async.sandbox.world.catalogue import PLACES, ModelData, Place
from ev_energy_async.sandbox.world.entities import (
    Collection,
    CtClamp,
    Evse,
    EvseMake,
    EvseModel,
    EvseSite,
    Identified,
    Plug,
    Supplier,
    Tariff,
    User,
    Vehicle,
    VehicleMake,
    VehicleModel,
    VehicleTrim,
    ulid_time,
)
from ev_energy_async.sandbox.world.fleet import Fleet, Logged
from ev_energy_async.sandbox.world.records import Record, Shelf
from ev_energy_async.sandbox.world.sessions import Beginning, Session, SessionBook, SubSession
from ev_energy_async.sandbox.world.stock import Stock
from ev_energy_async.sandbox.world.uploads import SIGNATURE, Upload
from ev_energy_async.sandbox.world.world import Integrated, World

__all__ = [
    "Archive",
    "Beginning",
    "Collection",
    "CtClamp",
    "Evse",
    "EvseMake",
    "EvseModel",
    "EvseSite",
    "Fleet",
    "Group",
    "Identified",
    "Integrated",
    "Logged",
    "ModelData",
    "PLACES",
    "Place",
    "Plug",
    "Record",
    "SIGNATURE",
    "Session",
    "SessionBook",
    "Shelf",
    "Stock",
    "SubSession",
    "Supplier",
    "Tariff",
    "Upload",
    "User",
    "Vehicle",
    "VehicleMake",
    "VehicleModel",
    "VehicleTrim",
    "World",
    "ulid_time",
]
