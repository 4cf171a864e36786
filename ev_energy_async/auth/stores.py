"""Token stores: the protocol, and one in memory.

A store has a lock that holds between processes: whoever wants a new token takes it, reads what another process may have
stored in the meantime, and saves the new token before using it, so that no refresh token is spent twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ev_energy_async.errors import EvEnergyError
from ev_energy_async.loops import LoopLock

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ev_energy_async.auth.token import Token

__all__ = ["MemoryTokenStore", "TokenStore", "TokenStoreError"]


class TokenStoreError(EvEnergyError):
    """A stored token cannot be read, or a new one cannot be written."""


@runtime_checkable
class TokenStore(Protocol):
    """A place that keeps one token; write your own for a database.

    A token is stored and returned as one value: keep all of `token.to_dict()`, as JSON text for one, and return
    `Token.from_dict(...)` of it. A store that drops a part, such as the `origin`, is refused with `TokenStoreError` at
    the first token. `testing.check_token_store` tests a store against this contract.
    """

    async def load(self) -> Token | None:
        """Return the stored token; None if there is none."""
        ...

    async def save(self, token: Token) -> None:
        """Store a token in place of the one before; called with the lock held."""
        ...

    async def clear(self) -> None:
        """Remove the token, which has been revoked; nothing if there is none. Called with the lock held."""
        ...

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return a lock that nobody else holds while it is entered, in any process."""
        ...


class MemoryTokenStore:
    """Keeps the token for as long as the process runs; may be shared by several clients of one event loop."""

    __slots__ = ("_lock", "_token")

    def __init__(self, token: Token | None = None) -> None:
        self._token = token
        self._lock = LoopLock()

    async def load(self) -> Token | None:
        """Return the stored token; None if there is none."""
        return self._token

    async def save(self, token: Token) -> None:
        """Store a token in place of the one before."""
        self._token = token

    async def clear(self) -> None:
        """Remove the token."""
        self._token = None

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Return the store's lock."""
        return self._lock
