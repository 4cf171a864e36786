"""The address on this machine that a browser comes back to after the consent (RFC 8252, section 7.3)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from ev_energy_async import InvalidArgument
from ev_energy_async.masking import Secret
from ev_energy_async.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["callback"]

_DONE: Final = (
    "<!doctype html><title>ev-energy</title><p>This window can be closed: the command line goes on with the login."
)
_HEADERS: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@contextlib.asynccontextmanager
async def callback(redirect_uri: str) -> AsyncGenerator[asyncio.Future[Secret[str]]]:
    """Listen where a browser comes back to, and yield what will be the full address that it came with.

    Args:
        redirect_uri: An http URL on the loopback of this machine, with a port.

    Raises:
        InvalidArgument: It is none.
        OSError: Something else listens there.
    """
    parts = urlsplit(redirect_uri)
    host = parts.hostname or ""
    if parts.scheme != "http" or not is_loopback(host) or not parts.port:
        expected = "an http URL on this machine with a port, as in http://127.0.0.1:8080/callback; or use --no-browser"
        raise InvalidArgument("redirect_uri", redirect_uri, expected)
    address: asyncio.Future[Secret[str]] = asyncio.get_running_loop().create_future()

    async def arrive(request: web.BaseRequest) -> web.Response:
        # Browsers ask for other things too, such as an icon.
        if request.path != (parts.path or "/") or not request.query_string:
            return web.Response(status=404)
        if not address.done():
            address.set_result(Secret(f"{redirect_uri}?{request.query_string}"))
        return web.Response(text=_DONE, content_type="text/html", headers=_HEADERS)

    runner = web.ServerRunner(web.Server(arrive, access_log=None), shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, parts.port).start()
        yield address
    finally:
        await runner.cleanup()
