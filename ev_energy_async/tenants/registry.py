"""The protocol of a registry of tenants: who they are, what authenticates them, when each is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.auth import Auth, Grant

__all__ = ["Registry"]


@runtime_checkable
class Registry(Protocol):
    """A registry of all tenants; write your own on top of your tables, or use `tenants.postgres.PostgresTenants`.

    A tenant that was claimed and neither finished, postponed nor stopped is due again after a while: whoever was to
    poll it has vanished.
    """

    async def claim(self, most: int) -> Sequence[str]:
        """Return tenants that are due and that nobody has claimed, the longest due first, and claim them.

        Args:
            most: The most to return.
        """
        ...

    async def auth(self, tenant: str) -> Auth | Grant | None:
        """Return what authenticates a tenant; None if it is not due any more: it was polled, stopped or removed."""
        ...

    async def finish(self, tenant: str) -> None:
        """Note that a tenant was polled: it is due again after its interval."""
        ...

    async def postpone(self, tenant: str, error: Exception) -> None:
        """Note that polling a tenant failed: it is due again later, and later still the more often it fails."""
        ...

    async def stop(self, tenant: str, error: Exception) -> None:
        """Note that a tenant has revoked its grant: it is not due any more."""
        ...
