"""Checkpoints: where a stream stores its progress, so that it resumes after a crash.

Users hand one to `ev.fleet.watch`; the protocol says what a checkpoint of their own must guarantee. Nothing here knows
what the stored values mean.
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
    from ev_energy_async.checkpoint.protocol import TransactionalCheckpoint as TransactionalCheckpoint
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
            "TransactionalCheckpoint",
        ),
        sqlite=("SqliteCheckpoint", "Transaction"),
    )
