"""(d) The client that openapi-generator's `python` generates with `library=asyncio`: aiohttp and pydantic.

It has no paging: the next cursor is cut out of the `Link` header here, as its users have to do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.links import following

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OpenapiGenerator", "make"]

# Generated, so without types that anybody here could know.
_package: Any = importlib.import_module("ev_energy_openapi_generator")


class OpenapiGenerator:
    """The generated client."""

    def __init__(self, base_url: str) -> None:
        self._configuration = _package.Configuration(host=base_url, access_token="a-token")
        self._made: Any = None
        self._operations: Any = None

    def _client(self) -> Any:
        if self._made is None:
            self._made = _package.ApiClient(self._configuration)
            self._operations = _package.VehiclesApi(self._made)
        return self._made

    def _api(self) -> Any:
        self._client()
        return self._operations

    def decode_logs(self, data: bytes) -> Sequence[object]:
        """Decode as `response_deserialize` decodes a response."""
        return self._decode(data, "List[VehicleStatusLog]")

    def decode_vehicles(self, data: bytes) -> Sequence[object]:
        """Decode a page of vehicles."""
        return self._decode(data, "List[Vehicle]")

    def _decode(self, data: bytes, into: str) -> Sequence[object]:
        items: list[object] = self._client().deserialize(data.decode(), into, "application/json")
        return items

    async def get_vehicle(self, vehicle_id: str) -> object:
        """Get one vehicle."""
        return await self._api().get_vehicles_vehicle_id(vehicle_id)

    async def log_page(self, vehicle_id: str) -> Sequence[object]:
        """Get one page of 100 status logs."""
        logs: list[object] = await self._api().get_vehicles_vehicle_id_status_logs(vehicle_id, page_size=100)
        return logs

    async def list_vehicles(self) -> int:
        """Go through all vehicles."""
        count = 0
        after: dict[str, str] | None = {}
        while after is not None:
            answer = await self._api().get_vehicles_with_http_info(page_size=100, expand=["latest_status_log"], **after)
            count += sum(1 for _ in answer.data)
            after = following(answer.headers["Link"])
        return count

    async def close(self) -> None:
        """Close the client."""
        await self._client().close()


def make(base_url: str) -> OpenapiGenerator:
    """Make the client."""
    return OpenapiGenerator(base_url)
