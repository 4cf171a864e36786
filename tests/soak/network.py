"""A network between a process and the database that can be cut.

Where this user may make network namespaces (Linux, root), connections pass through one, and its link is taken down:
what is sent is lost, and nobody is told. Elsewhere a proxy stops forwarding.

`python -m tests.soak.network HOST TARGET PORT` is the far end, in the namespace: it forwards to this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["Network"]

_ROOT: Final = Path(__file__).parents[2]
_HERE: Final = "127.0.0.1"
_NUMBERS: Final = itertools.count()
_PLACES: Final = 16_000


def _ip(*command: str) -> bool:
    """Run `ip`, and return whether it did what it was told."""
    program = shutil.which("ip")
    return program is not None and subprocess.run([program, *command], check=False, capture_output=True).returncode == 0


class _Forwarder:
    """Forwards connections from one address to another, until it is told to keep what it receives to itself."""

    def __init__(self, host: str, port: int) -> None:
        self.is_cut = False
        self._target = host, port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._accept, host, port)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            there, back = await asyncio.open_connection(*self._target)
            writers.append(back)
            await asyncio.gather(self._forward(reader, back), self._forward(there, writer))
        except (asyncio.CancelledError, OSError):
            pass  # the poller is gone, or the database
        finally:
            self._tasks.discard(task)
            for each in writers:
                each.close()

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                while self.is_cut:  # noqa: ASYNC110  # a network tells nobody that it is back
                    await asyncio.sleep(0.05)
                target.write(data)
                await target.drain()
        target.close()


class Network:
    """The way from one process to the database.

    Args:
        port: The port of the database.

    Attributes:
        has_namespace: Whether it is one of the kernel's, not a proxy's.
    """

    def __init__(self, port: int) -> None:
        place = (os.getpid() * 8 + next(_NUMBERS)) % _PLACES
        self._name = f"evea{place}"
        subnet = f"10.{192 + place // 4_096}.{place // 16 % 256}"
        first = place % 16 * 16
        self._near, self._far = f"{subnet}.{first + 1}", f"{subnet}.{first + 2}"
        self._forwarder = _Forwarder(_HERE, port)
        self._far_end: Process | None = None
        self.has_namespace = False

    async def start(self) -> tuple[str, int]:
        """Connect it, and return where the process reaches the database."""
        self.has_namespace = await asyncio.to_thread(self._make)
        if not self.has_namespace:
            return _HERE, await self._forwarder.start(_HERE)
        port = await self._forwarder.start(self._near)
        command = ("ip", "netns", "exec", self._name, sys.executable, "-m", "tests.soak.network")
        self._far_end = await asyncio.create_subprocess_exec(
            *command, self._far, self._near, str(port), cwd=_ROOT, stdout=asyncio.subprocess.PIPE
        )
        assert self._far_end.stdout is not None
        await self._far_end.stdout.readline()  # it listens
        return self._far, port

    async def cut(self) -> None:
        """Cut it."""
        if self.has_namespace:
            await asyncio.to_thread(_ip, "link", "set", self._name, "down")
        else:
            self._forwarder.is_cut = True

    async def mend(self) -> None:
        """Let it be whole again."""
        if self.has_namespace:
            await asyncio.to_thread(_ip, "link", "set", self._name, "up")
        self._forwarder.is_cut = False

    async def stop(self) -> None:
        """Close all connections, and remove it."""
        await self._forwarder.stop()
        if self._far_end is not None:
            self._far_end.kill()
            await self._far_end.wait()
        if self.has_namespace:
            await asyncio.to_thread(_ip, "netns", "delete", self._name)

    def _make(self) -> bool:
        name, far = self._name, ("-netns", self._name)
        if not _ip("netns", "add", name):
            return False
        is_made = (
            _ip("link", "add", name, "type", "veth", "peer", "name", "far", "netns", name)
            and _ip("address", "add", f"{self._near}/30", "dev", name)
            and _ip("link", "set", name, "up")
            and _ip(*far, "address", "add", f"{self._far}/30", "dev", "far")
            and _ip(*far, "link", "set", "far", "up")
        )
        if not is_made:
            _ip("netns", "delete", name)
        return is_made


async def _serve(host: str, target: str, port: int) -> None:
    await _Forwarder(target, port).start(host, port)
    print("listens", flush=True)  # noqa: T201  # for whoever has started it
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
