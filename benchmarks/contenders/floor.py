"""(a) The floor: aiohttp, and orjson to dictionaries. No models, no types."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

__all__ = ["Floor", "make"]


class Floor:
    """The least that can be done with an answer."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session: aiohttp.ClientSession | None = None

    def decode_logs(self, data: bytes) -> list[Any]:
        """Decode a page of status logs."""
        logs: list[Any] = orjson.loads(data)
        return logs

    def decode_vehicles(self, data: bytes) -> list[Any]:
        """Decode a page of vehicles."""
        return self.decode_logs(data)

    async def _get(self, url: str) -> tuple[bytes, str]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": "Bearer a-token"})
        async with self._session.get(url) as response:
            response.raise_for_status()
            return await response.read(), response.headers.get("Link", "")

    async def get_vehicle(self, vehicle_id: str) -> object:
        """Get one vehicle."""
        return orjson.loads((await self._get(f"{self._base_url}/vehicles/{vehicle_id}"))[0])

    async def log_page(self, vehicle_id: str) -> list[Any]:
        """Get one page of 100 status logs."""
        return self.decode_logs((await self._get(f"{self._base_url}/vehicles/{vehicle_id}/status_logs?page_size=100"))[0])

    async def list_vehicles(self) -> int:
        """Go through all vehicles."""
        url: str = f"{self._base_url}/vehicles?page_size=100&expand=latest_status_log"
        count = 0
        while url != "about:blank":
            body, link = await self._get(url)
            count += sum(1 for _ in self.decode_vehicles(body))
            url = link[1 : link.index(">")]
        return count

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()


def make(base_url: str) -> Floor:
    """Make the client."""
    return Floor(base_url)
