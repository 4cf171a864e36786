"""The processes of the benchmarks: the server of canned responses, and a worker for each contender."""

from __future__ import annotations

import json
import subprocess
from contextlib import AbstractContextManager, closing, suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, Self

from benchmarks import environments, placing

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from benchmarks.registry import Entry

__all__ = ["Server", "Worker"]


class Server(AbstractContextManager["Server"]):
    """The server of canned responses, in its own process."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None
        self.base_url = ""
        self.secure_url = ""
        self.pair = environments.pair()
        self._port = 0

    def __enter__(self) -> Self:
        command = [str(self._python), "-m", "benchmarks.server"]
        if placing.SERVER_CORE is not None:
            command += ["--core", str(placing.SERVER_CORE)]
        if self.pair is not None:
            command += ["--pair", str(self.pair)]
        self._process = subprocess.Popen(
            command, cwd=environments.ROOT, env=environments.environment_of(), stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        ports = self._process.stdout.readline().split()
        self._port = int(ports[0])
        self.base_url = f"http://127.0.0.1:{self._port}/v2"
        self.secure_url = f"https://127.0.0.1:{ports[-1]}/v2"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def control(self, **wanted: Any) -> dict[str, Any]:
        """Change what it serves, and return its counters."""
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=120)) as connection:
            connection.request("POST", "/control", json.dumps(wanted))
            result: dict[str, Any] = json.loads(connection.getresponse().read())
        return result


class Worker:
    """The process of one contender."""

    def __init__(self, entry: Entry, python: Path, base_url: str, **variables: str) -> None:
        command = [str(python), "-m", "benchmarks.worker", entry.module, base_url]
        if placing.CLIENT_CORE is not None:
            command += ["--core", str(placing.CLIENT_CORE)]
        self._process = subprocess.Popen(
            command,
            cwd=environments.ROOT,
            env={**environments.environment_of(), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **command: Any) -> float:
        """Return what a task costs.

        Raises:
            Skipped: The contender cannot do it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise environments.Skipped("its process ended")
        result: dict[str, Any] = json.loads(line)
        if "failed" in result:
            raise environments.Skipped(result["failed"])
        value: float = result["value"]
        return value

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=60)
