"""Shared parts of the token stores: the lock, which is a lease, and tokens as text."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import msgspec

from ev_energy_async.auth import Token, TokenStoreError
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.lease import Keeper, LeaseError, LeaseLost
from ev_energy_async.loops import LoopLock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from ev_energy_async.lease import Lease, Term

__all__ = ["LOCK_SECONDS", "LeasedLock", "text_of", "token_of"]

LOCK_SECONDS: Final = 20.0
"""The time for which a process that vanishes during a refresh holds up the others, in seconds."""

_LOOK_SECONDS: Final = 0.05


class LeasedLock:
    """The lock of a token store: within this process a lock, between processes a lease.

    Args:
        lease: Makes a lease with a holder of its own.
    """

    def __init__(self, lease: Callable[[], Lease]) -> None:
        self._lease = lease
        self._local = LoopLock()
        self._keeper: Keeper | None = None

    @property
    def term(self) -> Term | None:
        """The term of whoever in this process holds the lock; None if nobody does."""
        return None if self._keeper is None else self._keeper.term

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncGenerator[None]:
        """Return the lock's context.

        Raises:
            TokenStoreError: The lease's store cannot be asked, or the lease was lost meanwhile.
        """
        async with self._local:
            keeper = Keeper(self._lease(), _LOOK_SECONDS)
            try:
                await keeper.acquire()
                self._keeper = keeper
                async with keeper.working():
                    yield
            except (LeaseError, LeaseLost) as error:
                raise TokenStoreError(f"the lock of the token: {error}") from error
            finally:
                self._keeper = None
                await keeper.release()


def text_of(token: Token) -> str:
    """Return a token as JSON text, secrets included."""
    return msgspec.json.encode(token.to_dict()).decode()


def token_of(text: str | bytes, where: str) -> Token:
    """Return the token that `text_of` wrote.

    Raises:
        TokenStoreError: It is none; what it is instead is not shown.
    """
    try:
        return Token.from_dict(msgspec.json.decode(text))
    except (msgspec.DecodeError, InvalidArgument):
        del text  # error trackers record the variables of a frame
        raise TokenStoreError(f"{where}: what is stored is no token") from None
