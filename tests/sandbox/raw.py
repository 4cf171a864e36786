"""A client that knows nothing but bytes: it sees what servers really send, and what they fail to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ev_energy_async.sandbox import Sandbox

PATIENCE = 5.0
"""Real seconds after which a test fails instead of waiting on."""
_AT_ONCE = 50


@attrs.frozen
class Raw:
    """The bytes received on a connection until it ended or the response was complete."""

    status: int | None
    headers: dict[str, str]
    body: bytes
    reset: bool
    """Whether the connection was reset rather than closed."""


class Line:
    """One connection to a sandbox."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.host = host
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, origin: str) -> Line:
        address = origin.removeprefix("http://")
        host, _, port = address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)), address)

    def send(self, method: str, target: str, *headers: str, body: bytes = b"", length: int | None = None) -> None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", *headers]
        if body or length is not None:
            lines.append(f"Content-Length: {len(body) if length is None else length}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def receive(self, *, head_only: bool = False) -> Raw:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._receive(head_only=head_only)
        except ConnectionResetError:
            return Raw(None, {}, b"", reset=True)

    async def _receive(self, *, head_only: bool) -> Raw:
        status_line = await self.reader.readline()
        if not status_line:
            return Raw(None, {}, b"", reset=False)
        headers: dict[str, str] = {}
        while (line := await self.reader.readline()) not in {b"\r\n", b""}:
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        status, body, reset = int(status_line.split()[1]), b"", False
        if head_only:
            return Raw(status, headers, body, reset)
        try:
            if headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readline(), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readline()
            else:
                body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError as error:
            body = error.partial
        except ConnectionResetError:
            reset = True
        return Raw(status, headers, body, reset)

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def statuses(sandbox: Sandbox, requests: Sequence[tuple[str, str, bytes]], *headers: str) -> list[int | None]:
    """Return the status of the response to each request: a method, a target below the base URL, and a body.

    They go down one connection with the application's token, several before the first response is read (RFC 9112,
    section 9.3.2). None stands for a response that did not come.
    """
    line, found, base = await Line.to(sandbox.origin), list[int | None](), sandbox.base_url.removeprefix(sandbox.origin)
    sent = (f"Authorization: Bearer {sandbox.issue_token()}", "Content-Type: application/json", *headers)
    for start in range(0, len(requests), _AT_ONCE):
        some = requests[start : start + _AT_ONCE]
        for method, target, body in some:
            line.send(method, base + target, *sent, body=body)
        found += [(await line.receive()).status for _ in some]
    await line.close()
    return found


async def exchange(
    sandbox: Sandbox,
    method: str,
    target: str,
    *,
    token: str | None = "",
    body: bytes = b"",
    headers: tuple[str, ...] = (),
) -> Raw:
    """Send one request on its own connection, by default with the application's token."""
    line = await Line.to(sandbox.origin)
    text = sandbox.issue_token() if token == "" else token
    more = () if text is None else (f"Authorization: Bearer {text}",)
    if body:
        more = (*more, "Content-Type: application/json")
    try:
        line.send(method, target, *more, *headers, body=body)
        return await line.receive(head_only=method == "HEAD")
    finally:
        await line.close()
