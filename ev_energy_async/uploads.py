"""The upload of a rebate's evidence: announced to the API, sent to another host, and reported as done.

The file goes to a presigned address without our token: the address itself is the permission, so it is kept from logs
and errors like one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeAlias
from urllib.parse import urlsplit

from ev_energy_async.errors import DecodeError, InvalidArgument, error_for
from ev_energy_async.messages import CallOptions, Operation, Request, Response
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Sender

__all__ = ["Progress", "Source", "Uploader", "upload_rebate_evidence"]

_CHUNK: Final = 64 * 1024
_SUCCESSES: Final = range(200, 300)

Source: TypeAlias = "bytes | str | Path"
"""What is uploaded: bytes, or the path of a file."""

Progress: TypeAlias = Callable[[int, int], object]
"""Called with the bytes sent so far and the bytes in all; must not block."""

# PUT repeats harmlessly, but the address may be good for one use only: it is tried once.
_PUT: Final[Operation[None]] = Operation(name="upload", method="PUT", path="/presigned")


class Uploader(Protocol):
    """What puts a body on a URL that is not the API's, without the client's own headers."""

    async def put(
        self, request: Request[Any], url: str, headers: Mapping[str, str], body: AsyncIterator[bytes]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send the body and return status, headers and body of the answer."""
        ...


async def upload_rebate_evidence(
    sender: Sender,
    uploader: Uploader,
    source: Source,
    *,
    evidence_type: str,
    file_name: str | None = None,
    user_rebate: Ref | None = None,
    progress: Progress | None = None,
    options: CallOptions | None = None,
) -> str:
    """Upload a file as evidence for a rebate, in the three steps that it takes.

    Args:
        sender: The client.
        uploader: What sends the file.
        source: The file: its path, or its bytes.
        evidence_type: URL of the kind of evidence that it is.
        file_name: Its name with extension; that of the path by default.
        user_rebate: The application for a rebate that it belongs to.
        progress: Called with the bytes sent so far and the bytes in all.
        options: How long sending the file may take: `timeout` and `deadline` hold for it as for a call.

    Returns:
        ID of the evidence file.

    Raises:
        InvalidArgument: The source is neither, or has no name.
        OSError: The file cannot be read.
        ApiError: The API, or the host of the presigned address, refused.
        TransportError: There was no complete answer.
    """
    from ev_energy_async.api import finish_rebate_evidence_file_upload, start_rebate_evidence_file_upload  # noqa: PLC0415

    if not isinstance(source, bytes | str | Path):
        raise InvalidArgument("source", type(source), "bytes, or the path of a file")
    name = file_name or (None if isinstance(source, bytes) else Path(source).name)
    if not name:
        raise InvalidArgument("file_name", file_name, "a name, since bytes have none")
    size = len(source) if isinstance(source, bytes) else (await asyncio.to_thread(Path(source).stat)).st_size

    started = await start_rebate_evidence_file_upload(
        sender,
        user_rebate=UNSET if user_rebate is None else str(getattr(user_rebate, "id", user_rebate)),
        file_name=name,
        rebate_evidence_type=evidence_type,
    )
    if not started.presigned_url or not started.id:
        raise DecodeError("the answer names no address to upload to", "$.presigned_url")
    host = _host(started.presigned_url)
    request: Request[None] = Request(_PUT, f"//{host}", options=options or CallOptions())
    # A stated length: storage services take no chunked encoding.
    headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
    # Closed here, not where it is read: an answer may come before all was asked for.
    file = _File(source)
    try:
        await asyncio.to_thread(file.open)
        answer = await uploader.put(request, started.presigned_url, headers, _chunks(file, size, progress))
    finally:
        await asyncio.to_thread(file.close)
    status, answer_headers, body = answer
    if status not in _SUCCESSES:
        raise error_for(Response(request, f"//{host}", status, answer_headers, body, body))
    finished = await finish_rebate_evidence_file_upload(sender, started.id)
    return finished.id or started.id


def _host(url: str) -> str:
    """Return host and port of an address, which are no secret."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts.netloc.rpartition("@")[2]
    except ValueError:  # as for a host that is none
        pass
    raise DecodeError("the address to upload to is no http(s) URL", "$.presigned_url")


class _File:
    """What is uploaded, opened and read in threads. Whoever waits for a thread may be cancelled; the thread goes on.

    The lock makes `close` come after what a thread is still at: a file that was just being opened is closed too.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._file: IO[bytes] | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open it.

        Raises:
            OSError: It cannot be.
        """
        with self._lock:
            if not self._is_closed:
                source = self._source
                self._file = (
                    BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb")  # noqa: SIM115  # see `close`
                )

    def read(self) -> bytes:
        """Return the next piece; nothing at the end, and once it is closed."""
        with self._lock:
            return b"" if self._file is None or self._is_closed else self._file.read(_CHUNK)

    def close(self) -> None:
        """Close it, if it was ever open."""
        with self._lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()


async def _chunks(file: _File, size: int, progress: Progress | None) -> AsyncIterator[bytes]:
    """Yield a file piece by piece; reading happens in a thread."""
    sent = 0
    while chunk := await asyncio.to_thread(file.read):
        yield chunk
        sent += len(chunk)
        if progress is not None:
            progress(sent, size)
