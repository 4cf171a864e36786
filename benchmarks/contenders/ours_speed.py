"""(f) with isal and uvloop, which are switched on for the whole process."""

from __future__ import annotations

from benchmarks.contenders.ours import make
from ev_energy_async import speed

__all__ = ["make"]

speed.enable()
