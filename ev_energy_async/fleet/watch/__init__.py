"""The engine of a watch: what is read next, what is delivered, what the checkpoint keeps.

Only `fleet` uses it. It decides and remembers, and reads through the client it is given. It never writes to the API,
and runs only while its consumer waits.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.fleet.watch.collection import Reading as Reading
    from ev_energy_async.fleet.watch.emitter import Emitter as Emitter
    from ev_energy_async.fleet.watch.engine import Engine as Engine
    from ev_energy_async.fleet.watch.journal import Journal as Journal
    from ev_energy_async.fleet.watch.leader import FencedCheckpoint as FencedCheckpoint
    from ev_energy_async.fleet.watch.leader import LedWatch as LedWatch
    from ev_energy_async.fleet.watch.leader import Role as Role
    from ev_energy_async.fleet.watch.leader import is_epoch as is_epoch
    from ev_energy_async.fleet.watch.look import Rules as Rules
    from ev_energy_async.fleet.watch.settings import FleetClient as FleetClient
    from ev_energy_async.fleet.watch.settings import Progress as Progress
    from ev_energy_async.fleet.watch.settings import Settings as Settings
    from ev_energy_async.fleet.watch.state import DeviceState as DeviceState
    from ev_energy_async.fleet.watch.state import FleetState as FleetState
    from ev_energy_async.fleet.watch.state import Meta as Meta
    from ev_energy_async.fleet.watch.state import load as load
    from ev_energy_async.fleet.watch.status import DeviceStatus as DeviceStatus
    from ev_energy_async.fleet.watch.status import States as States
    from ev_energy_async.fleet.watch.stream import Batch as Batch
    from ev_energy_async.fleet.watch.stream import Watch as Watch
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        collection=("Reading",),
        emitter=("Emitter",),
        engine=("Engine",),
        journal=("Journal",),
        leader=("FencedCheckpoint", "LedWatch", "Role", "is_epoch"),
        look=("Rules",),
        settings=("FleetClient", "Progress", "Settings"),
        state=("DeviceState", "FleetState", "Meta", "load"),
        status=("DeviceStatus", "States"),
        stream=("Batch", "Watch"),
    )
