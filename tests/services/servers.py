"""PostgreSQL and Redis as a test needs them: started on a free port in a temporary folder, killed and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Self

__all__ = ["PostgresServer", "RedisServer", "ServerMissing", "free_port"]

_STARTS_WITHIN: Final = 30.0
_PACKAGES: Final = {"postgres": "postgresql", "redis-server": "redis-server"}


class ServerMissing(Exception):
    """A server is not installed; the text says what to do."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _program(name: str) -> Path:
    places = [*os.get_exec_path(), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        package = _PACKAGES[name]
        raise ServerMissing(f"{name} is not installed: `make services`, or the package {package} of your system")
    return Path(found)


class _Server:
    """A server process in a folder of its own; a context manager."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="ev-energy-async-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._user: str | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and wait until it answers."""
        until = time.monotonic() + _STARTS_WITHIN
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, user=self._user, cwd=self.folder, start_new_session=True
            )
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > until:
                raise AssertionError((self.folder / "log.txt").read_text()[-4_000:])
            time.sleep(0.02)

    def end(self, how: signal.Signals) -> None:
        """Send it a signal, and wait for its end."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait(_STARTS_WITHIN)

    def kill(self) -> None:
        """Kill it, as a power failure of the machine it runs on would, but for what the system has written."""
        self.end(signal.SIGKILL)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgresServer(_Server):
    """A PostgreSQL cluster, which runs as another user if this one is root."""

    def __init__(self) -> None:
        self._server = _program("postgres").resolve()  # its tools are beside it
        super().__init__()
        if os.geteuid() == 0:
            names = {each.pw_name for each in pwd.getpwall()}
            self._user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        options = ["-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
        try:
            subprocess.run(
                [str(self._server.with_name("initdb")), "-D", str(self._data), *options],
                user=self._user,
                cwd=self.folder,
                check=True,
                capture_output=True,
            )
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def dsn(self) -> str:
        """Its DSN."""
        return f"postgresql://tester@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            # What a crash of the process needs is in the system's cache; a crash of the machine is not tested.
            "fsync": "off",
            "shared_buffers": "32MB",
            "max_connections": 60,
        }
        return [str(self._server), "-D", str(self._data), *(f"--{name}={value}" for name, value in settings.items())]

    def is_ready(self) -> bool:
        asked = [str(self._server.with_name("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def restart(self) -> None:
        """Restart it as `pg_ctl restart -m immediate` does: all connections are cut, and it recovers from its log."""
        self.end(signal.SIGQUIT)
        self.start()

    def __exit__(self, *error: object) -> None:
        self.end(signal.SIGQUIT)  # its children end with it
        super().__exit__(*error)


class RedisServer(_Server):
    """A Redis server.

    Args:
        appendonly: Whether it keeps an append-only file; without one a restart loses everything.
    """

    def __init__(self, *, appendonly: bool = True) -> None:
        self._server = _program("redis-server")
        super().__init__()
        self._appendonly = appendonly

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        kept = "yes" if self._appendonly else "no"
        return [
            *(str(self._server), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)),
            # Redis puts off writing while it waits for a slow disk; here processes crash, not the machine.
            *("--save", "", "--appendonly", kept, "--appendfsync", "no"),
        ]

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False

    def restart(self) -> None:
        """Kill it, and start it again from what it has written."""
        self.kill()
        self.start()
