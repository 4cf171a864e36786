"""A network between a process and the database that can be cut."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["Proxy"]


class Proxy:
    """Forwards connections to the database until it is told to stop, as a network that is cut.

    Args:
        port: The port of the database.

    Attributes:
        is_cut: Whether it keeps to itself what it receives; connections stay open, as their ends know nothing of it.
    """

    def __init__(self, port: int) -> None:
        self.is_cut = False
        self._target = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close all connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._forward(reader, back), self._forward(there, writer))
        except (asyncio.CancelledError, OSError):
            pass  # the poller is gone, or the database
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                while self.is_cut:  # noqa: ASYNC110  # a network tells nobody that it is back
                    await asyncio.sleep(0.05)
                target.write(data)
                await target.drain()
        target.close()
