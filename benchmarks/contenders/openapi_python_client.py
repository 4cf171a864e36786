"""(c) The client that openapi-python-client generates by default: httpx and attrs.

It has no paging: the next cursor is cut out of the `Link` header here, as its users have to do.
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.links import following

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OpenapiPythonClient", "make"]

_PACKAGE = "ev_energy_openapi_python_client"
# Generated, so without types that anybody here could know.
_client: Any = importlib.import_module(f"{_PACKAGE}.client")
_vehicles: Any = importlib.import_module(f"{_PACKAGE}.api.vehicles.get_vehicles")
_vehicle: Any = importlib.import_module(f"{_PACKAGE}.api.vehicles.get_vehicles_vehicle_id")
_logs: Any = importlib.import_module(f"{_PACKAGE}.api.vehicles.get_vehicles_vehicle_id_status_logs")
_expand: Any = importlib.import_module(f"{_PACKAGE}.models.get_vehicles_expand_item")
_vehicle_model: Any = importlib.import_module(f"{_PACKAGE}.models.vehicle")
_log_model: Any = importlib.import_module(f"{_PACKAGE}.models.vehicle_status_log")


class OpenapiPythonClient:
    """The generated client."""

    def __init__(self, base_url: str) -> None:
        self._client = _client.AuthenticatedClient(base_url=base_url, token="a-token")

    def decode_logs(self, data: bytes) -> Sequence[object]:
        """Decode as `_parse_response` of the operation does: `response.json()`, then `from_dict` for each."""
        return [_log_model.VehicleStatusLog.from_dict(item) for item in json.loads(data)]

    def decode_vehicles(self, data: bytes) -> Sequence[object]:
        """Decode a page of vehicles."""
        return [_vehicle_model.Vehicle.from_dict(item) for item in json.loads(data)]

    async def get_vehicle(self, vehicle_id: str) -> object:
        """Get one vehicle."""
        return await _vehicle.asyncio(vehicle_id, client=self._client)

    async def log_page(self, vehicle_id: str) -> Sequence[object]:
        """Get one page of 100 status logs."""
        logs: list[object] = await _logs.asyncio(vehicle_id, client=self._client, page_size=100)
        return logs

    async def list_vehicles(self) -> int:
        """Go through all vehicles."""
        count = 0
        after: dict[str, str] | None = {}
        expand = [_expand.GetVehiclesExpandItem("latest_status_log")]
        while after is not None:
            answer = await _vehicles.asyncio_detailed(client=self._client, expand=expand, page_size=100, **after)
            count += sum(1 for _ in answer.parsed)
            after = following(answer.headers["Link"])
        return count

    async def close(self) -> None:
        """Close the client."""
        await self._client.get_async_httpx_client().aclose()


def make(base_url: str) -> OpenapiPythonClient:
    """Make the client."""
    return OpenapiPythonClient(base_url)
