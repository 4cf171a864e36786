"""Names: no group of operations may hide what the client has of its own."""

from __future__ import annotations

from ev_energy_async import EvEnergy
from ev_energy_async.api.groups import Groups
from generator.normal.names import FACADE


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_")}


def test_every_name_of_the_client_is_kept_from_groups() -> None:
    assert public(EvEnergy) - public(Groups) <= FACADE, "add what is new to `FACADE` in generator/normal/names.py"
