"""The wire: one request out, one complete answer back, over aiohttp.

Knows nothing of the API beyond where it is. Redirects are not followed, answers of any status are returned, and what
is no complete answer becomes a `TransportError` that carries the request.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from contextvars import ContextVar
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from ev_energy_async._version import __version__
from ev_energy_async.errors import ConnectionFailed, DecodeError, OutcomeUnknown, RequestTimeout, TransportError
from ev_energy_async.http.limits import Limits
from ev_energy_async.messages import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection

    from ev_energy_async.messages import CallRecord, RawResponse, Request

__all__ = ["LARGEST_BODY", "USER_AGENT", "Transport", "lost"]

USER_AGENT: Final = f"ev-energy-async/{__version__} aiohttp/{aiohttp.__version__}"
LARGEST_BODY: Final = 64 * 1024 * 1024

_STANDING: Final = {"Accept": "application/json, application/problem+json", "User-Agent": USER_AGENT}
_LOG: Final = logging.getLogger("ev_energy_async")
_CHUNK: Final = 64 * 1024
# A body beyond this goes out piece by piece, so that nobody else has to wait for it.
_AT_ONCE: Final = 1024 * 1024
# Methods whose repetition is harmless (RFC 9110, section 9.2.2): without an answer nothing is in doubt.
_SAFE_TO_LOSE: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "PUT"})
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)

# What notes how far the try of this task has got.
_TRYING: Final[ContextVar[CallRecord]] = ContextVar("ev_energy_async_trying")

Exchanged = tuple[int, "Mapping[str, str]", bytes]
"""Status, headers and body of an answer."""


class Transport:
    """Sends requests over one aiohttp session.

    Args:
        base_url: What the paths of requests stand below.
        session: A session to use and leave open; None for one of our own, made when it is first needed.
        headers: Headers of every request.
        largest_body: Bytes of an answer, unpacked, beyond which it is given up.
    """

    def __init__(
        self,
        base_url: str,
        session: aiohttp.ClientSession | None,
        headers: Mapping[str, str] | None = None,
        *,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        self.base_url = base_url
        self.limits = Limits()
        self._own = headers or {}
        self._session = session
        self._owned = session is None
        self._largest = largest_body
        self._slots: asyncio.Semaphore | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed

    async def __call__(self, request: Request[Any]) -> RawResponse:
        """Send a request and read its answer.

        Raises:
            ConnectionFailed: There was no connection, or it broke before the answer was complete.
            RequestTimeout: The answer was not complete in time.
            OutcomeUnknown: One of the two, for a write that may have been carried out.
            DecodeError: The answer is too large.
        """
        url = f"{self.base_url}{request.path}"
        url = f"{url}?{request.query}" if request.query else url
        headers = {**_STANDING, **request.headers, **self._own}
        shown = request.without_secrets(self._own)
        started = time.perf_counter()
        status, answer_headers, body = await self.exchange(shown, url, headers, request.body)
        response = Response(shown, url, status, answer_headers, body, body)
        if _LOG.isEnabledFor(logging.DEBUG):
            rate = response.rate_limit
            _LOG.debug(
                "%s%s: %d in %.0f ms, try %d, %s of the budget left",
                request.options.prefix,
                request,
                status,
                (time.perf_counter() - started) * 1000,
                request.options.record.attempts,
                "?" if rate is None else rate.remaining,
            )
        return response

    async def exchange(
        self, request: Request[Any], url: str, headers: Mapping[str, str], body: bytes | AsyncIterator[bytes] | None
    ) -> Exchanged:
        """Send raw bytes; `request` gives method and options, and is what errors name and carry."""
        self._open(request)
        timeout, record = request.options.timeout, request.options.record
        sent = False
        # Waiting for a connection is not the request's fault, so it does not count against its time: a slot is a
        # connection that is free.
        async with self._free_slot(request):
            session = self._open(request)  # it may have been closed in the meantime
            # A session of somebody else's does not tell when there is a connection, so the worst is assumed.
            record.sent = not self._owned
            _TRYING.set(record)
            limit = self.limits.within(timeout)
            try:
                with limit:
                    async with session.request(
                        request.method,
                        URL(url, encoded=True),
                        headers=headers,
                        data=BytesIO(body) if isinstance(body, bytes) and len(body) > _AT_ONCE else body,
                        allow_redirects=False,
                        raise_for_status=False,
                        timeout=_NO_TIMEOUT,
                    ) as response:
                        sent = True
                        # A copy, since the answer's own is no value: it does not pickle.
                        return response.status, response.headers.copy(), await self._read(request, url, response)
            except TimeoutError as error:
                if not limit.expired:
                    raise  # of the caller's own, as from the source of an upload
                raise lost(request, RequestTimeout, f"not within {timeout:g} s", sent=record.sent) from error
            except aiohttp.ClientConnectorError as error:
                # The connection was never made, so nothing was carried out.
                record.sent = False
                passing = not isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError)
                raise ConnectionFailed(request, _reason(error), unsent=True, passing=passing) from error
            except (aiohttp.ClientError, ssl.SSLError, ConnectionError) as error:
                sent = sent or not _unsent(error)
                record.sent = record.sent or sent
                failure = lost(request, ConnectionFailed, _reason(error), sent=sent)
                # A traceback shows causes with their text.
                raise failure from (None if _quotes(error) else error)

    async def put(
        self, request: Request[Any], url: str, headers: Mapping[str, str], body: AsyncIterator[bytes]
    ) -> Exchanged:
        """Send a body to a URL that is not the API's, with no headers but the given ones and the `User-Agent`."""
        return await self.exchange(request, url, {"User-Agent": USER_AGENT, **headers}, body)

    async def _read(self, request: Request[Any], url: str, response: aiohttp.ClientResponse) -> bytes:
        """Read a body up to the limit, without holding more than that at any time."""
        length = response.content_length
        # A packed body may be far larger than its length.
        if length is not None and length <= self._largest and "Content-Encoding" not in response.headers:
            return await response.read()
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > self._largest:
                answer: RawResponse = Response(request, url, response.status, response.headers.copy(), b"", b"")
                raise DecodeError(f"the body is larger than {self._largest:,} bytes", "$", answer)
            chunks.append(chunk)
        return b"".join(chunks)

    def _open(self, request: Request[Any]) -> aiohttp.ClientSession:
        if self._closed:
            raise ConnectionFailed(request, "the client is closed", unsent=True, passing=False)
        if self._session is None:
            # No cookies: what one call is given would go out with the next, which may be in another user's context.
            self._session = aiohttp.ClientSession(connector=_Connector(), cookie_jar=aiohttp.DummyCookieJar())
            # By default aiohttp sends a GET, PUT or DELETE a second time when its connection breaks: unseen by the
            # budget, and a DELETE that was carried out would come back as 404. aiohttp's own test client does the same.
            self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no other way
        if self._session.closed:
            raise ConnectionFailed(request, "the session is closed", unsent=True, passing=False)
        return self._session

    def _free_slot(self, request: Request[Any]) -> asyncio.Semaphore:
        if self._slots is None:
            connector = self._open(request).connector
            limits = [n for n in (connector.limit, connector.limit_per_host) if n] if connector is not None else []
            self._slots = asyncio.Semaphore(min(limits, default=1_000_000))
        return self._slots

    async def close(self) -> None:
        """Close the session if it is ours; what is sent afterwards fails."""
        self._closed = True
        self.limits.close()
        if self._owned and self._session is not None:
            await self._session.close()


class _Connector(aiohttp.TCPConnector):
    """Notes when a try has its connection: until then a write was surely not carried out."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # as the one of aiohttp has it
    ) -> Connection:
        """Return a connection, a new or a kept one."""
        connection = await super().connect(req, traces, timeout)
        _TRYING.get().sent = True
        return connection


def lost(request: Request[Any], kind: type[TransportError], reason: str, *, sent: bool) -> TransportError:
    """Return the error for an answer that did not come."""
    if sent and request.method not in _SAFE_TO_LOSE:
        return OutcomeUnknown(request, reason)
    return kind(request, reason, unsent=not sent)


def _unsent(error: Exception) -> bool:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return True  # the proxy made no connection to the API
    return isinstance(error, aiohttp.InvalidURL | aiohttp.ClientConnectionError) and not isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError
    )


def _quotes(error: Exception) -> bool:
    """Whether the text of an error holds a URL or a piece of a body, which may be secret or personal."""
    return isinstance(error, aiohttp.InvalidURL | aiohttp.ClientResponseError | aiohttp.ClientPayloadError)


def _reason(error: Exception) -> str:
    """Say what happened without the URL, whose query may hold personal data."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{type(error).__name__}: {error.os_error.strerror or type(error.os_error).__name__}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the body broke off"
    return type(error).__name__
