"""The groups of records that a world is made with."""

from typing import Final

from ev_energy_async.sandbox.resources import catalogue, energy, programs, support
from ev_energy_async.sandbox.world import Group

GROUPS: Final = (
    Group(catalogue.KINDS, catalogue.fill),
    Group(energy.KINDS, energy.fill),
    Group(programs.KINDS, programs.fill),
    Group(support.KINDS, support.fill),
)
"""All groups; their order is part of what their records are drawn from."""
