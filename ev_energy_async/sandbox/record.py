"""The record of everything the sandbox has served, to compare with what a client saw. It never holds secrets."""

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
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
# Credentials that a query may contain: tokens, codes, the signature of a presigned URL.
_SECRETS: Final = re.compile(
    r"(?<=[?&])((?:[\w.%-]*(?:token|secret|signature|credential|password|verifier|key)|code|state)=)[^&]+",
    re.IGNORECASE,
)


@attrs.frozen
class Served:
    """One request that the sandbox has handled, with or without a response."""

    at: datetime
    """The time, by the sandbox's clock."""
    method: str
    path: str
    """The raw path with its query, without the secrets in it."""
    status: int | None
    """The status code; None if a fault left the request without a response."""
    operation: str | None
    """The operation that was called, such as `vehicles.list`; None for the OAuth endpoints and unknown paths."""
    headers: dict[str, str]
    """Selected request headers; of `Authorization` only the scheme is kept."""
    faults: tuple[str, ...] = ()
    """The effects of the fault plan that struck, by their names in YAML."""
    size: int = 0
    """The size of the response body in bytes, before faults."""
    logs: tuple[str, ...] = ()
    """The timestamps that identify the logs that a page of logs held, in its order."""
    origin: str = "api"
    """The origin that received it: `api` or `upload`."""
    port: int = 0
    """The client's port, which identifies its connection."""
    remaining: int | None = None
    """The requests that the caller had left, as `X-RateLimit-Remaining` reported; None if it did not."""


@attrs.frozen
class Delivery:
    """One attempt to deliver a webhook."""

    at: datetime
    """The time, by the sandbox's clock."""
    svix_id: str
    event: str
    """The event's type, such as `charging_sub_session.created`."""
    sub_session_id: str
    attempt: int
    """1 for the first attempt."""
    status: int | None
    """The receiver's status code; None if it did not respond."""


class Record:
    """Keeps the newest entries in memory and, if wanted, writes all of them to a file of JSON lines."""

    def __init__(self, *, kept: int | None, path: str | Path | None) -> None:
        """Make a record that keeps a number of entries and writes all of them to a file, which is overwritten.

        Args:
            kept: the number of entries of each kind kept in memory; None keeps all.
            path: the file of JSON lines, if any.
        """
        self.requests: deque[Served] = deque(maxlen=kept)
        self.deliveries: deque[Delivery] = deque(maxlen=kept)
        self.listeners: list[Callable[[Served], None]] = []
        """Called with each request."""
        self._path = None if path is None else Path(path)
        self._begun = False
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._thread: Thread | None = None

    def open(self) -> None:
        """Start to write, or resume.

        Raises:
            OSError: the file can't be written.
        """
        if self._path is not None:
            file = self._path.open("a" if self._begun else "w", encoding="utf-8")
            self._begun = True
            # Disks block, so a thread waits for them instead of the loop that serves requests.
            self._thread = Thread(target=_write, args=(file, self._lines), name="sandbox-record", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write the remaining entries and close the file."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._lines.put(None)
            thread.join()

    def served(self, entry: Served) -> None:
        """Note a request."""
        self.requests.append(entry)
        for listener in self.listeners:
            listener(entry)
        if self._thread is not None:
            self._lines.put(_line("request", entry))

    def delivered(self, entry: Delivery) -> None:
        """Note an attempt to deliver."""
        self.deliveries.append(entry)
        if self._thread is not None:
            self._lines.put(_line("delivery", entry))


def told_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request that the record keeps."""
    # Bytes that are not UTF-8 arrive as lone surrogates, which no JSON can hold.
    told = {name: headers[name].encode(errors="replace").decode() for name in _TOLD_HEADERS if name in headers}
    if authorization := headers.get("Authorization"):
        told["Authorization"] = authorization.partition(" ")[0]
    return told


def told_path(path: str) -> str:
    """Return a raw path with its query, the secrets in it blanked."""
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
