"""The upload of evidence for a rebate: announced to the API, sent to another host, and reported as done.

The file goes to a presigned URL without the token: the URL itself is the permission, so it is kept out of logs, errors
and frames like a token. The client calls `upload_rebate_evidence`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from ev_energy_async import api
from ev_energy_async.errors import DecodeError, InvalidArgument, error_for
from ev_energy_async.masking import Secret
from ev_energy_async.messages import CallOptions, Operation, Request
from ev_energy_async.urls import split_http_url
from ev_energy_async.values import UNSET

if TYPE_CHECKING:
    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import RawResponse, Sender
    from ev_energy_async.models import StartRebateEvidenceFileUploadResponse

__all__ = ["Progress", "Source", "Uploader", "upload_rebate_evidence"]

_CHUNK: Final = 64 * 1024
_SUCCESSES: Final = range(200, 300)

Source: TypeAlias = "bytes | str | Path"
"""Something to upload: bytes, or the path of a file."""

Progress: TypeAlias = Callable[[int, int], object]
"""Called with the bytes sent so far and the bytes in all; must not block."""

# PUT is idempotent, but the URL may be good for a single use: it is sent once.
_PUT: Final[Operation[None]] = Operation(name="upload", method="PUT", path="/presigned")


class Uploader(Protocol):
    """Sends a body to a URL that is not the API's, without the client's token."""

    async def put(self, request: Request[Any], url: Secret[str], body: AsyncIterator[bytes]) -> RawResponse:
        """Send the body and return the response."""
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
    """Upload a file as evidence for a rebate: announce it, send it, report it as done.

    Args:
        sender: The client.
        uploader: Sends the file.
        source: The path of the file, or its bytes.
        evidence_type: URL of the kind of evidence.
        file_name: Name of the file with extension; that of the path by default.
        user_rebate: The application for a rebate that it belongs to.
        progress: Called with the bytes sent so far and the total.
        options: The options of the call; `timeout` and `deadline` apply to sending the file too.

    Returns:
        ID of the evidence file.

    Raises:
        InvalidArgument: The source is neither, or there is no name for it.
        OSError: The file cannot be read.
        ApiError: The API, or the host of the presigned URL, refused.
        TransportError: There was no complete response.
        DecodeError: The API named no http(s) URL to upload to.
    """
    if not isinstance(source, bytes | str | Path):
        raise InvalidArgument("source", type(source), "bytes, or the path of a file")
    name = file_name or (None if isinstance(source, bytes) else Path(source).name)
    if not name:
        raise InvalidArgument("file_name", file_name, "a name, since bytes have none")
    size = len(source) if isinstance(source, bytes) else (await asyncio.to_thread(Path(source).stat)).st_size

    file_id, target = _announced(
        await api.start_rebate_evidence_file_upload(
            sender,
            user_rebate=UNSET if user_rebate is None else str(getattr(user_rebate, "id", user_rebate)),
            file_name=name,
            rebate_evidence_type=evidence_type,
        )
    )
    host = _host(target)
    if not file_id:
        raise DecodeError("the response names no file", "$.id")
    # A stated length: storage services accept no chunked encoding.
    headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
    request: Request[None] = Request(_PUT, f"//{host}", headers=headers, options=options or CallOptions())
    # Closed here, not where it is read: a response may come before all of it was read.
    file = _File(source)
    try:
        await asyncio.to_thread(file.open)
        response = await uploader.put(request, target, _chunks(file, size, progress))
    finally:
        # Shielded: a second cancellation would otherwise take the closing off the queue of the threads.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, file.close))
    if response.status not in _SUCCESSES:
        raise error_for(response)
    finished = await api.finish_rebate_evidence_file_upload(sender, file_id)
    return finished.id or file_id


def _announced(started: StartRebateEvidenceFileUploadResponse) -> tuple[str, Secret[str]]:
    """Return the ID of an announced file and the URL to send it to, each empty if the API named none."""
    return started.id or "", Secret(started.presigned_url or "")


def _host(url: Secret[str]) -> str:
    """Return host and port of a URL, which are no secret."""
    if parts := split_http_url(url.reveal()):
        return parts.netloc.rpartition("@")[2]
    raise DecodeError("the response names no http(s) URL to upload to", "$.presigned_url")


class _File:
    """A file to upload, opened and read in threads. Whoever waits for a thread may be cancelled; the thread is not.

    The lock makes `close` wait for a thread at work: a file that is just being opened is closed too.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._file: IO[bytes] | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open it.

        Raises:
            OSError: It cannot be opened.
        """
        with self._lock:
            if not self._is_closed:
                source = self._source
                self._file = (
                    BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb")  # noqa: SIM115  # see `close`
                )

    def read(self) -> bytes:
        """Return the next piece; nothing at the end, or once it is closed."""
        with self._lock:
            return b"" if self._file is None or self._is_closed else self._file.read(_CHUNK)

    def close(self) -> None:
        """Close it, if it was ever open."""
        with self._lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()


async def _chunks(file: _File, size: int, progress: Progress | None) -> AsyncIterator[bytes]:
    """Yield a file piece by piece, read in a thread."""
    sent = 0
    while chunk := await asyncio.to_thread(file.read):
        yield chunk
        sent += len(chunk)
        if progress is not None:
            progress(sent, size)
