"""The record of everything the sandbox has answered, to compare with what a client saw. Secrets are never in it."""

import json
import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any, Final

import attrs

_TOLD_HEADERS: Final = (
    "Accept",
    "Accept-Language",
    "Content-Type",
    "EvEnergy-User",
    "EvEnergy-Version",
    "Expect",
    "User-Agent",
)
# What may stand in a query and opens something: tokens, codes, the signature of a presigned URL.
_SECRETS: Final = re.compile(
    r"(?<=[?&])((?:[\w.%-]*(?:token|secret|signature|credential|password|verifier|key)|code|state)=)[^&]+",
    re.IGNORECASE,
)


@attrs.frozen
class Served:
    """One request that the sandbox has answered, or left without an answer."""

    at: datetime
    """When, by the sandbox's clock."""
    method: str
    path: str
    """The raw path with its query, without the secrets in it."""
    status: int | None
    """None if a fault left the request without an answer."""
    operation: str | None
    """The operation that was called, such as `vehicles.list`; None for the OAuth endpoints and unknown paths."""
    headers: dict[str, str]
    """What the client sent of interest. Of `Authorization` only the scheme is kept."""
    faults: tuple[str, ...] = ()
    """The effects of the fault plan that struck, by their names in YAML."""
    size: int = 0
    """How many bytes the body had that was to be sent."""
    logs: tuple[str, ...] = ()
    """The timestamps that identify the logs that a page of logs held, in its order."""
    origin: str = "api"
    """Where it came in: `api` or `upload`."""
    port: int = 0
    """The client's port, which tells its connections apart."""


@attrs.frozen
class Delivery:
    """One attempt to deliver a webhook."""

    at: datetime
    """When, by the sandbox's clock."""
    svix_id: str
    event: str
    """The event's type, such as `charging_sub_session.created`."""
    sub_session_id: str
    attempt: int
    """1 for the first attempt."""
    status: int | None
    """What the receiver answered; None if it did not."""


class Record:
    """Keeps the newest entries in memory and, if wanted, writes all of them to a file of JSON lines."""

    def __init__(self, *, kept: int | None, path: str | Path | None) -> None:
        """Keeps that many entries (None: all), and writes them to a file that is begun anew.

        Args:
            kept: how many entries of a kind stay in memory.
            path: the file of JSON lines.
        """
        self.requests: deque[Served] = deque(maxlen=kept)
        self.deliveries: deque[Delivery] = deque(maxlen=kept)
        self._path = None if path is None else Path(path)
        self._begun = False
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._thread: Thread | None = None

    def open(self) -> None:
        """Begins to write, or goes on.

        Raises:
            OSError: the file can't be written.
        """
        if self._path is not None:
            file = self._path.open("a" if self._begun else "w", encoding="utf-8")
            self._begun = True
            # Disks block; what waits for them is not the loop that answers requests.
            self._thread = Thread(target=_write, args=(file, self._lines), name="sandbox-record", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Writes what is left and closes the file."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._lines.put(None)
            thread.join()

    def served(self, entry: Served) -> None:
        """Notes a request."""
        self.requests.append(entry)
        if self._thread is not None:
            self._lines.put(_line("request", entry))

    def delivered(self, entry: Delivery) -> None:
        """Notes an attempt to deliver."""
        self.deliveries.append(entry)
        if self._thread is not None:
            self._lines.put(_line("delivery", entry))


def told_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request that the record keeps."""
    told = {name: headers[name] for name in _TOLD_HEADERS if name in headers}
    if authorization := headers.get("Authorization"):
        told["Authorization"] = authorization.partition(" ")[0]
    return told


def told_path(path: str) -> str:
    """A raw path with its query, the secrets in it blanked."""
    return _SECRETS.sub(r"\1...", path) if "?" in path else path


def _line(kind: str, entry: Served | Delivery) -> str:
    values: dict[str, Any] = {"kind": kind} | attrs.asdict(entry, recurse=False)
    values["at"] = entry.at.isoformat()
    return json.dumps(values, separators=(",", ":"))


def _write(file: IO[str], lines: "SimpleQueue[str | None]") -> None:
    with file:
        while (line := lines.get()) is not None:
            file.write(line + "\n")
            if lines.empty():
                file.flush()
