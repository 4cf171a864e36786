"""The common part of the floor and the limit: an aiohttp session and the requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import aiohttp

from benchmarks.contenders.links import next_url

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Plain"]


class Plain(ABC):
    """The least that can be done to get bytes."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session: aiohttp.ClientSession | None = None

    @abstractmethod
    def decode_logs(self, data: bytes) -> Sequence[object]:
        """Decode a page of status logs."""

    @abstractmethod
    def decode_vehicles(self, data: bytes) -> Sequence[object]:
        """Decode a page of vehicles."""

    @abstractmethod
    def decode_vehicle(self, data: bytes) -> object:
        """Decode one vehicle."""

    async def _get(self, url: str) -> tuple[bytes, str]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": "Bearer a-token"})
        async with self._session.get(url) as response:
            response.raise_for_status()
            return await response.read(), response.headers.get("Link", "")

    async def get_vehicle(self, vehicle_id: str) -> object:
        """Get one vehicle."""
        return self.decode_vehicle((await self._get(f"{self._base_url}/vehicles/{vehicle_id}"))[0])

    async def log_page(self, vehicle_id: str) -> Sequence[object]:
        """Get one page of 100 status logs."""
        url = f"{self._base_url}/vehicles/{vehicle_id}/status_logs?page_size=100"
        return self.decode_logs((await self._get(url))[0])

    async def list_vehicles(self) -> int:
        """Go through all vehicles."""
        url: str | None = f"{self._base_url}/vehicles?page_size=100&expand=latest_status_log"
        count = 0
        while url is not None:
            body, link = await self._get(url)
            count += sum(1 for _ in self.decode_vehicles(body))
            url = next_url(link)
        return count

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
