"""A scripted server on a raw socket: broken connections, and responses byte by byte.

For anything else, tests use the sandbox. Leaving `async with` stops this server and ends its connections, so that no
test waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_LONGEST_SECONDS: Final = 10
"""Seconds after which everything here ends, whatever a test does."""


def reply(body: bytes = b"{}", status: int = 200, headers: dict[str, str] | None = None) -> bytes:
    """Return a complete response as bytes."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + body


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the kernel or the other end of a socket brings about."""
    async with asyncio.timeout(_LONGEST_SECONDS):
        while not condition():  # noqa: ASYNC110  # nobody here could set an event
            await asyncio.sleep(0.001)


async def leap(seconds: float) -> None:
    """Let time pass by the clock of the event loop, once all has arrived that was sent: what is due runs out."""
    for _ in range(20):
        await asyncio.sleep(0)
    loop: Any = asyncio.get_running_loop()
    time: Callable[[], float] = loop.time
    loop.time = lambda: time() + seconds


class Connection:
    """One connection, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        """Return a complete request; empty if the client closed the connection instead."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b":0")
        return head + await self._reader.readexactly(int(length.partition(b":")[2]))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def until_closed(self) -> None:
        """Keep the connection open until the client closes it."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(1024):
                pass

    def reset(self) -> None:
        """Abort the connection with RST instead of FIN."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class RawServer:
    """A server that follows a script on each connection.

    Attributes:
        requests: What was received with `Connection.receive`.
        opened: How many connections there were.
        open: How many there are.
    """

    def __init__(self, script: Callable[[Connection, RawServer], Coroutine[Any, Any, None]]) -> None:
        self.requests: list[bytes] = []
        self.opened = 0
        self.open = 0
        self.base_url = ""
        self._script = script
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v2"
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open stay so."""
        assert self._server is not None
        self._server.close()

    async def none_open(self) -> None:
        """Wait until every client has closed its connection."""
        await until(lambda: not self.open)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.opened += 1
        self.open += 1
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await self._script(Connection(reader, writer), self)
        except (asyncio.CancelledError, ConnectionError):
            pass  # the test is over, or the client is gone
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
