"""The rows that a follower of charging sub-sessions keeps in its checkpoint. Pure values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from ev_energy_async.checkpoint import CheckpointError
from ev_energy_async.instants import ALWAYS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["FLEET", "Known", "Meta", "load_rows"]

T = TypeVar("T")

FLEET: Final = "fleet"
"""The name of the row with how far it has got; no sub-session has such an ID."""


class Meta(msgspec.Struct, frozen=True, array_like=True):
    """The progress of a follower.

    Attributes:
        begin: From when on sub-sessions count; ALWAYS before the first look.
        looked: When each look was last begun.
        bad: Sub-sessions that cannot be decoded, and when that was seen.
        every: Seconds from one look at those that go on to the next, at that time.
    """

    begin: int = ALWAYS
    looked: dict[str, int] = {}
    bad: dict[str, int] = {}
    every: float = 0.0

    @property
    def complete_upto(self) -> int | None:
        """Up to when all sub-sessions are known; None before the first look is complete."""
        looked = self.looked
        return min(looked["running"], looked["ended"]) if {"running", "ended"} <= looked.keys() else None


class Known(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The stored state of a sub-session.

    Attributes:
        revision: How many events it had.
        end: When it ended; None while it goes on.
        facts: What counts of it, as JSON.
    """

    revision: int
    end: int | None
    facts: msgspec.Raw


_KNOWN: Final = msgspec.json.Decoder(Known)
_METAS: Final = msgspec.json.Decoder(Meta)


async def load_rows(rows: AsyncIterator[tuple[str, str]], into: dict[str, Known]) -> Meta | None:
    """Decode the rows of a checkpoint: those of sub-sessions into a mapping by their IDs, the other one is returned.

    Raises:
        CheckpointError: A row cannot be understood.
    """
    meta = None
    async for name, text in rows:
        if name == FLEET:
            meta = _decoded(_METAS, name, text)
        else:
            into[name] = _decoded(_KNOWN, name, text)
    return meta


def _decoded(decoder: msgspec.json.Decoder[T], name: str, text: str) -> T:
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise CheckpointError(f"the row {name!r} cannot be understood: {error}") from error
