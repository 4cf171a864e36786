"""Get the bytes of a document, from a file or over HTTP, and no more of them than a document can have."""

from __future__ import annotations

import queue
import threading
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Final

from generator.problems import BadDocument

# The document of this API has 0.8 MB. Beyond this it is something else, and parsing it would eat the machine.
LARGEST: Final = 20_000_000
_TIMEOUT_SECONDS: Final = 30.0
_DEADLINE_SECONDS: Final = 120.0
_CHUNK: Final = 1 << 16
_SCHEMES: Final = ("http://", "https://")


def is_url(spec: Path | str) -> bool:
    """Whether a document is named by URL."""
    return isinstance(spec, str) and spec.lower().startswith(_SCHEMES)


def fetch(spec: Path | str, deadline: float = _DEADLINE_SECONDS) -> bytes:
    """Return the bytes of a document.

    Args:
        spec: Its path or URL.
        deadline: Seconds for a download, redirects and headers included.

    Raises:
        BadDocument: It cannot be read, is incomplete, or is larger than `LARGEST`.
    """
    try:
        raw = _within(deadline, str(spec)) if is_url(spec) else _read(Path(spec))
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error.strerror
        raise BadDocument(f"{spec}: {reason or error}") from error
    except (HTTPException, ValueError) as error:
        raise BadDocument(f"{spec}: cannot be downloaded: {error!r}") from error
    if len(raw) > LARGEST:
        raise BadDocument(f"{spec}: larger than {LARGEST // 1_000_000} MB; no document of this API has that size")
    return raw


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from HTTPS to something that anyone on the way can change."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        secure = req.full_url.lower().startswith("https://")
        if not newurl.lower().startswith("https://" if secure else _SCHEMES):
            raise BadDocument(f"{req.full_url}: redirects to {newurl}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _within(deadline: float, url: str) -> bytes:
    """Download within a deadline: a timeout of `urllib` bounds one read, and a server may drip for ever."""
    done: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def download() -> None:
        try:
            done.put(_download(url))
        except Exception as error:  # noqa: BLE001  # raised again where it is waited for
            done.put(error)

    threading.Thread(target=download, daemon=True).start()
    try:
        found = done.get(timeout=deadline)
    except queue.Empty:
        raise BadDocument(f"{url}: not complete after {deadline:g} s") from None
    if isinstance(found, Exception):
        try:
            raise found
        finally:
            # Its traceback holds this frame, and with it the connection.
            del found
    return found


def _download(url: str) -> bytes:
    opener = urllib.request.build_opener(_NoDowngrade)
    # An agent of its own: some hosts refuse the one that urllib sends.
    opener.addheaders = [("User-Agent", "ev-energy-async-generator"), ("Accept", "*/*")]
    raw = bytearray()
    with opener.open(url, timeout=_TIMEOUT_SECONDS) as response:
        while chunk := response.read1(_CHUNK):
            raw += chunk
            if len(raw) > LARGEST:
                break
        # `read1` takes an end that comes too early for the end.
        missing: int | None = response.length
    if missing and len(raw) <= LARGEST:
        raise BadDocument(f"{url}: incomplete: {missing:,} bytes are missing at the end")
    return bytes(raw)
