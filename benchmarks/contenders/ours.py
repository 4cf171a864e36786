"""(f) This package with its defaults: token, retries, budget, deadlines, checks, drift and pages."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ev_energy_async import Budget, ClientCredentials, EvEnergy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cattrs import Converter

__all__ = ["Ours", "make"]

# The limit of a partner with a raised allowance.
_LIMIT = 1_000_000


class Ours:
    """The client as a program uses it."""

    def __init__(self, base_url: str, converter: Converter | None = None, *, keep_body: bool = True) -> None:
        self.client = EvEnergy(
            ClientCredentials("a-client", "a-secret"),
            base_url=base_url,
            budget=Budget(_LIMIT),
            converter=converter,
            keep_body=keep_body,
        )

    def decode_logs(self, data: bytes) -> Sequence[object]:
        """Decode a page of status logs, with the codec of the client."""
        return self._decode(data, self._types[0])

    def decode_vehicles(self, data: bytes) -> Sequence[object]:
        """Decode a page of vehicles."""
        return self._decode(data, self._types[1])

    @cached_property
    def _types(self) -> tuple[Any, Any]:
        from ev_energy_async.models import Vehicle, VehicleStatusLog

        return list[VehicleStatusLog], list[Vehicle]

    def _decode(self, data: bytes, into: Any) -> Sequence[object]:
        items: list[object] = self.client._core.shared.codec.decode(data, into)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the way of a response
        return items

    async def get_vehicle(self, vehicle_id: str) -> object:
        """Get one vehicle."""
        return await self.client.vehicles.get(vehicle_id)

    async def log_page(self, vehicle_id: str) -> Sequence[object]:
        """Get one page of 100 status logs."""
        return await self.client.vehicles.list_status_logs(vehicle_id, page_size=100)

    async def list_vehicles(self) -> int:
        """Go through all vehicles."""
        count = 0
        async for _ in self.client.vehicles.list(expand=["latest_status_log"], page_size=100):
            count += 1
        return count

    async def close(self) -> None:
        """Close the client."""
        await self.client.close()


def make(base_url: str) -> Ours:
    """Make the client."""
    return Ours(base_url)
