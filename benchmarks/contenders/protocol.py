"""What each contender can do: the one way in which all are driven.

A contender's module imports at its top what a program that uses it would, and nothing else; `make(base_url)` makes its
client. Both together are what "import and making a client" measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Contender"]


class Contender(Protocol):
    """A client under test."""

    def decode_logs(self, data: bytes) -> Sequence[object]:
        """Decode a page of status logs, as the client itself does with an answer."""
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
        """Go through all vehicles with their newest status, 100 a page, along the `Link` headers; returns how many."""
        ...

    async def close(self) -> None:
        """Close the client."""
        ...
