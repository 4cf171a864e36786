"""Faults on the wire: resets, cut and slow bodies, bodies that do not end."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Final

from aiohttp import web

from ev_energy_async.sandbox.faults.effects import HugeBody, SlowDrip

_BLANKS: Final = b" " * 65_536


class Pauses:
    """Waiting that ends at once when the server stops."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._released = asyncio.Event()

    def end(self) -> None:
        """End all pauses, later ones included."""
        self._over.set()
        self._released.set()

    def release(self) -> None:
        """Release what is held."""
        if not self._over.is_set():
            self._released.set()
            self._released = asyncio.Event()

    async def hold(self) -> None:
        """Wait until `go_on` is called."""
        await self._released.wait()

    async def pause(self, seconds: float | None) -> None:
        """Wait for real seconds; None waits until the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            pass


def reset(request: web.BaseRequest) -> None:
    """Reset a request's connection: the client sees ECONNRESET instead of a response."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # Closing without lingering sends RST in place of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def send_part(
    request: web.BaseRequest, status: int, headers: dict[str, str], body: bytes, length: int
) -> web.StreamResponse:
    """Announce `length` bytes, send fewer, and close the connection."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = length
    with suppress(ConnectionError):  # the client was the first to go
        await response.prepare(request)
        await response.write(body)
    if request.transport is not None:
        request.transport.close()
    return response


async def send_slowly(
    request: web.BaseRequest, status: int, headers: dict[str, str], body: bytes, drip: SlowDrip, pauses: Pauses
) -> web.StreamResponse:
    """Send a body in small pieces."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    with suppress(ConnectionError):
        await response.prepare(request)
        for start in range(0, len(body), drip.piece_bytes):
            await pauses.pause(drip.pause_seconds)
            await response.write(body[start : start + drip.piece_bytes])
        await response.write_eof()
    return response


async def send_endlessly(
    request: web.BaseRequest, status: int, headers: dict[str, str], body: bytes, huge: HugeBody
) -> web.StreamResponse:
    """Send a body and then blanks, which JSON allows (RFC 8259, section 2)."""
    response = web.StreamResponse(status=status, headers=headers)
    response.enable_chunked_encoding()
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write(body)
        remaining = huge.total_bytes - len(body)
        while remaining > 0:
            await response.write(_BLANKS[:remaining])
            remaining -= len(_BLANKS)
        await response.write_eof()
    return response
