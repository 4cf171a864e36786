"""Where a watch keeps its progress.

Users hand a checkpoint to `ev.fleet.watch`; the protocol says what one of their own must do.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.checkpoint.memory import MemoryCheckpoint as MemoryCheckpoint
    from ev_energy_async.checkpoint.protocol import Advance as Advance
    from ev_energy_async.checkpoint.protocol import Checkpoint as Checkpoint
    from ev_energy_async.checkpoint.protocol import CheckpointConflict as CheckpointConflict
    from ev_energy_async.checkpoint.protocol import CheckpointError as CheckpointError
    from ev_energy_async.checkpoint.protocol import CheckpointMismatch as CheckpointMismatch
    from ev_energy_async.checkpoint.protocol import Entry as Entry
    from ev_energy_async.checkpoint.protocol import Owner as Owner
    from ev_energy_async.checkpoint.sqlite import SqliteCheckpoint as SqliteCheckpoint
    from ev_energy_async.checkpoint.sqlite import Transaction as Transaction
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        memory=("MemoryCheckpoint",),
        protocol=(
            "Advance",
            "Checkpoint",
            "CheckpointConflict",
            "CheckpointError",
            "CheckpointMismatch",
            "Entry",
            "Owner",
        ),
        sqlite=("SqliteCheckpoint", "Transaction"),
    )
