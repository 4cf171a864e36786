"""The protocol through which all contenders are driven.

A contender's module imports at the top what a program using it would import, and nothing else; `make(base_url)` creates
its client. Together they are what "Import and creating a client" measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Contender"]


class Contender(Protocol):
    """A client under test."""

    def decode_logs(self, data: bytes) -> Sequence[object]:
        """Decode a page of status logs, as the client itself decodes a response."""
        ...

    def decode_vehicles(self, data: bytes) -> Sequence[object]:
        """Decode a page of vehicles."""
        ...

    async def get_vehicle(self, vehicle_id: str) -> object:
        """Get one vehicle."""
        ...

    async def log_page(self, vehicle_id: str) -> Sequence[object]:
        """Get one page of 100 status logs."""
        ...

    async def list_vehicles(self) -> int:
        """List all vehicles with their newest status, 100 a page, following `Link`; returns their number."""
        ...

    async def close(self) -> None:
        """Close the client."""
        ...
