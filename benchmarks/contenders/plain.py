"""The common part of the floor and the limit: each call as one would write it by hand, with nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import aiohttp

from benchmarks.contenders.links import next_url

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Plain"]

V = TypeVar("V")
L = TypeVar("L")


class Plain(Generic[V, L]):
    """An aiohttp session, and functions of a library that decode.

    Args:
        base_url: Base URL of the API.
        decode_vehicle: Decodes a vehicle.
        decode_vehicles: Decodes a page of vehicles.
        decode_logs: Decodes a page of status logs.
    """

    def __init__(
        self,
        base_url: str,
        decode_vehicle: Callable[[bytes], V],
        decode_vehicles: Callable[[bytes], list[V]],
        decode_logs: Callable[[bytes], list[L]],
    ) -> None:
        self._base_url = base_url
        self._session: aiohttp.ClientSession | None = None
        self._decode_vehicle = decode_vehicle
        self.decode_vehicles = decode_vehicles
        self.decode_logs = decode_logs

    def _opened(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(headers={"Authorization": "Bearer a-token"})
        return self._session

    async def get_vehicle(self, vehicle_id: str) -> V:
        """Get one vehicle."""
        session = self._session or self._opened()
        async with session.get(f"{self._base_url}/vehicles/{vehicle_id}") as response:
            response.raise_for_status()
            return self._decode_vehicle(await response.read())

    async def log_page(self, vehicle_id: str) -> list[L]:
        """Get one page of 100 status logs."""
        session = self._session or self._opened()
        async with session.get(f"{self._base_url}/vehicles/{vehicle_id}/status_logs?page_size=100") as response:
            response.raise_for_status()
            return self.decode_logs(await response.read())

    async def list_vehicles(self) -> int:
        """Go through all vehicles."""
        session = self._session or self._opened()
        url: str | None = f"{self._base_url}/vehicles?page_size=100&expand=latest_status_log"
        count = 0
        while url is not None:
            async with session.get(url) as response:
                response.raise_for_status()
                count += sum(1 for _ in self.decode_vehicles(await response.read()))
                url = next_url(response.headers.get("Link", ""))
        return count

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
