"""Faster libraries beneath the client: isal for gzip, uvloop as the event loop. Both are a matter of the whole process.

So the application turns them on, with one call before its event loop runs; nothing in the package does. Needs the extra
`[speed]`.

    from ev_energy_async import speed

    speed.enable()
    asyncio.run(main())
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from typing import Any

import aiohttp

from ev_energy_async._base import EvEnergyError
from ev_energy_async._extras import extra

with extra("speed", __name__, "isal", "uvloop"):
    from isal import isal_zlib

    if sys.platform != "win32":
        import uvloop

__all__ = ["enable"]


def enable() -> None:
    """Let aiohttp decompress with isal, and asyncio run on uvloop (not on Windows, for which there is none).

    It holds for all of the process: for other users of aiohttp, and for every event loop made from now on by
    `asyncio.run`, `asyncio.Runner` and `asyncio.new_event_loop`. Calling it again changes nothing.

    Raises:
        EvEnergyError: An event loop is running, which would stay as it is.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass  # there is none, as there should be
    else:
        raise EvEnergyError("speed.enable() was called inside a running event loop; call it before asyncio.run(...)")
    backend: Any = isal_zlib  # aiohttp names it, and its own type does not fit it
    aiohttp.set_zlib_backend(backend)
    if sys.platform != "win32":
        with warnings.catch_warnings():
            # From Python 3.14 on policies are deprecated; until they are gone they are the one switch for all loops.
            warnings.simplefilter("ignore", DeprecationWarning)
            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # pyright: ignore[reportDeprecated]  # as above
