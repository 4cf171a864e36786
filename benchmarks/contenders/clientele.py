"""(e) The client that clientele generates: httpx and pydantic.

Its functions return models without headers, so that `Link` is visible only to its HTTP backend, which is wrapped here
to keep it.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from benchmarks.contenders.links import following

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Clientele", "make"]

_PACKAGE = "ev_energy_clientele"
# Generated, so without types that anybody here could know.
_client: Any = importlib.import_module(f"{_PACKAGE}.client")
_config: Any = importlib.import_module(f"{_PACKAGE}.config")
_schemas: Any = importlib.import_module(f"{_PACKAGE}.schemas")
_backends: Any = importlib.import_module("clientele.http.httpx_backend")
_response: Any = importlib.import_module("clientele.http.response")


class Clientele:
    """The generated client."""

    def __init__(self, base_url: str) -> None:
        config = _config.Config(base_url=base_url, headers={"Authorization": "Bearer a-token"})
        backend = _backends.HttpxHTTPBackend.from_config(config)
        send = backend.send_async_request
        self._link = ""

        async def keeping(method: str, url: str, **options: Any) -> Any:
            response = await send(method, url, **options)
            self._link = response.headers.get("link", "")
            return response

        backend.send_async_request = keeping
        config.http_backend = backend
        self._client = _client.client
        self._client.configure(config=config)

    def decode_logs(self, data: bytes) -> Sequence[object]:
        """Decode as `_parse_response` decodes a response."""
        return self._decode(data, _schemas.GetVehiclesVehicleIdStatusLogs200Response)

    def decode_vehicles(self, data: bytes) -> Sequence[object]:
        """Decode a page of vehicles."""
        return self._decode(data, _schemas.GetVehicles200Response)

    def _decode(self, data: bytes, into: Any) -> Sequence[object]:
        answer = _response.Response(status_code=200, headers={"content-type": "application/json"}, content=data)
        items: Any = self._client._parse_response(answer, into)  # noqa: SLF001  # the way of a response
        return _sequence(items)

    async def get_vehicle(self, vehicle_id: str) -> object:
        """Get one vehicle."""
        return await _client.get_vehicles_vehicle_id(vehicle_id=vehicle_id)

    async def log_page(self, vehicle_id: str) -> Sequence[object]:
        """Get one page of 100 status logs."""
        return _sequence(await _client.get_vehicles_vehicle_id_status_logs(vehicle_id=vehicle_id, page_size=100))

    async def list_vehicles(self) -> int:
        """Go through all vehicles."""
        count = 0
        after: dict[str, str] | None = {}
        while after is not None:
            page = await _client.get_vehicles(page_size=100, expand=["latest_status_log"], **after)
            count += sum(1 for _ in _sequence(page))
            after = following(self._link)
        return count

    async def close(self) -> None:
        """Close the client."""
        closing = self._client.aclose()
        if inspect.isawaitable(closing):
            await closing


def _sequence(page: Any) -> Sequence[object]:
    items: Sequence[object] = page.root
    return items


def make(base_url: str) -> Clientele:
    """Make the client."""
    return Clientele(base_url)
