"""The wire: one request out, one complete response back, over aiohttp.

Knows nothing of the API beyond where it is. Redirects are not followed, responses of any status are returned, and a
failure to get a complete one becomes a `TransportError` that carries the request. Secrets are revealed in `_send`
alone, whose frames no traceback keeps.
"""

from __future__ import annotations

import asyncio
import inspect
import ssl
import sys
import warnings
from contextvars import ContextVar
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from aiohttp import hdrs
from yarl import URL

from ev_energy_async import messages
from ev_energy_async._version import __version__
from ev_energy_async.errors import ConnectionFailed, DecodeError, OutcomeUnknown, RequestTimeout, TransportError
from ev_energy_async.http.aiohttp_guards import (
    bound_headers,
    competes,
    is_decompression_limit,
    is_header_limit,
    middlewares,
    quotes,
    reason,
    seems_cut_off,
)
from ev_energy_async.http.limits import Limits
from ev_energy_async.http.proxies import Proxies
from ev_energy_async.masking import Secret, drop_frames, reveal
from ev_energy_async.messages import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection

    from ev_energy_async.messages import Attempt, RawResponse, Request

__all__ = ["LARGEST_BODY", "USER_AGENT", "Transport", "lost"]

USER_AGENT: Final = f"ev-energy-async/{__version__} aiohttp/{aiohttp.__version__}"
LARGEST_BODY: Final = 64 * 1024 * 1024
LARGEST_SMALL_BODY: Final = 1024 * 1024

_ACCEPT: Final = "application/json, application/problem+json"
# A page is smaller: aiohttp decompresses it in one go.
_CHUNK: Final = 256 * 1024
_SUCCESSES: Final = range(200, 300)
# A larger body goes out piece by piece, so that nobody else has to wait for it.
_AT_ONCE: Final = 1024 * 1024
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)

# The attempt that a connector is asked for a connection for: aiohttp hands it nothing of ours.
_ATTEMPT: Final[ContextVar[Attempt]] = ContextVar("ev_energy_async_attempt")


class Transport:
    """Sends requests over one aiohttp session.

    Args:
        base_url: The URL that the paths of requests are relative to.
        session: A session to use and leave open; None for one of its own, made when it is first needed.
        user_agent: Product and version of the program, in front of the client's own.
        tls: TLS context of its own session; None for aiohttp's.
        label: The client's name, for the warning about a session that is left open.
        largest_body: Bytes of a response body, decompressed, beyond which it is given up; errors and tokens have less.
    """

    def __init__(
        self,
        base_url: str,
        session: aiohttp.ClientSession | None,
        *,
        user_agent: str | None = None,
        tls: ssl.SSLContext | None = None,
        label: str | None = None,
        largest_body: int = LARGEST_BODY,
    ) -> None:
        self.base_url = base_url
        named = f"{user_agent} {USER_AGENT}" if user_agent else USER_AGENT
        self._standing: dict[str, str] = {hdrs.ACCEPT: _ACCEPT, hdrs.USER_AGENT: named}
        self._tls = tls
        self._label = label
        self._made_at = _caller()
        self._proxies = Proxies()
        self._session = session
        self._owned = session is None
        self._largest = largest_body
        self._small = min(largest_body, LARGEST_SMALL_BODY)
        self._slots: asyncio.Semaphore | None = None
        self._limits = Limits()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed

    def __call__(self, request: Request[Any], authorization: Secret[str] | None = None) -> Awaitable[RawResponse]:
        """Send a request to the API, see `exchange`."""
        url = f"{self.base_url}{request.path}"
        return self.exchange(
            request, f"{url}?{request.query}" if request.query else url, request.without_secrets(), authorization
        )

    async def exchange(
        self,
        request: Request[Any],
        url: str | Secret[str],
        shown: Request[Any],
        authorization: Secret[str] | None = None,
        stream: AsyncIterator[bytes] | None = None,
    ) -> RawResponse:
        """Send a request to any URL and read its response.

        Args:
            request: The request, with its options.
            url: Where to; a `Secret` if the address itself is a permission.
            shown: The request as errors and the response carry it.
            authorization: The `Authorization` header; None for none.
            stream: The body if it is not that of the request.

        Raises:
            ConnectionFailed: There was no connection, or it broke before the response was complete.
            RequestTimeout: The response was not complete in time.
            OutcomeUnknown: One of the two, for a write that may have been carried out.
            DecodeError: The response is too large.
        """
        session = self._session or self._open(shown)
        options = request.options
        record, attempt = options.record, options.record.attempt
        if authorization is not None and authorization not in record.secrets:
            record.secrets = (*record.secrets, authorization)
        if isinstance(url, Secret) and url not in record.secrets:
            record.secrets = (*record.secrets, url)
        proxy = self._proxies.find(reveal(url)) if self._owned else None
        outer = sys.exc_info()[1]
        # Waiting for a connection is not the request's fault, so it does not count against its time: a slot is a
        # connection that is free.
        slots = self._slots or self._make_slots(session)
        await slots.acquire()
        try:
            if self._closed or session.closed:
                raise self._no_session(shown)
            # Sessions of other people do not say when there is a connection, so the worst is assumed.
            attempt.sent = not self._owned
            _ATTEMPT.set(attempt)
            limit = self._limits.within(options.timeout)
            try:
                with limit:
                    return await self._send(session, request, url, shown, authorization, stream, proxy)
            except BaseException as error:
                drop_frames(error, outer)
                if isinstance(error, TimeoutError) and limit.expired:
                    failure = lost(shown, RequestTimeout, f"not within {options.timeout:g} s", sent=attempt.sent)
                elif isinstance(error, aiohttp.ClientError | ssl.SSLError | ConnectionError):
                    failure = self._failure(shown, attempt, error)
                else:
                    raise  # the caller's own, as from the source of an upload
                # A traceback shows causes with their text.
                cause = None if quotes(error, outer) else error
            # Out here it has no context: `from None` hides one from tracebacks, and keeps it.
            try:
                raise failure from cause
            finally:
                del failure, cause  # an error and the frame of its traceback are no circle
        finally:
            slots.release()

    async def _send(
        self,
        session: aiohttp.ClientSession,
        request: Request[Any],
        url: str | Secret[str],
        shown: Request[Any],
        authorization: Secret[str] | None,
        stream: AsyncIterator[bytes] | None,
        proxy: Secret[str] | None,
    ) -> RawResponse:
        headers = {**self._standing, **request.headers}
        more: dict[str, Any] = {} if proxy is None else {"proxy": proxy.reveal()}
        if not self._owned:
            more = middlewares(session, authorization)
        if authorization is not None and (self._owned or not competes(session)):
            headers[hdrs.AUTHORIZATION] = authorization.reveal()
        body = request.body
        # Awaited rather than entered: it holds its connection until the body is read, which `_read` does or closes it.
        response = await session.request(
            request.method,
            URL(reveal(url), encoded=True),
            headers=headers,
            data=stream or (BytesIO(body) if body is not None and len(body) > _AT_ONCE else body),
            allow_redirects=False,
            raise_for_status=False,
            timeout=_NO_TIMEOUT,
            read_bufsize=_CHUNK,
            **more,
        )
        request.options.record.attempt.sent = True
        received, length = response.headers, response.content_length
        if hdrs.CONTENT_ENCODING in received:
            content = await self._read(shown, response)
            if seems_cut_off(received, content):
                raise aiohttp.ClientPayloadError("the compressed body breaks off")
        elif length is not None and length <= self._small:  # most are, and are spared a coroutine
            content = await response.read()
        else:
            content = await self._read(shown, response)
        address = shown.path if isinstance(url, Secret) else url
        return Response(shown, address, response.status, received, content, content)

    async def _read(self, shown: Request[Any], response: aiohttp.ClientResponse) -> bytes:
        """Read a body up to the limit, without holding more than that at any time, and close the response."""
        # Neither an error nor a token is large; a page of items may be.
        is_large = response.status in _SUCCESSES and not shown.operation.name.startswith("oauth.")
        largest = self._largest if is_large else self._small
        length = response.content_length
        # A compressed body may be far larger than its length.
        if length is not None and length <= largest and hdrs.CONTENT_ENCODING not in response.headers:
            return await response.read()
        chunks: list[bytes] = []
        size = 0
        try:
            async with response:
                async for chunk in response.content.iter_chunked(_CHUNK):
                    size += len(chunk)
                    if size > largest:
                        raise _too_large(shown, response, largest)
                    chunks.append(chunk)
        except aiohttp.ClientPayloadError as error:
            if is_decompression_limit(error):
                raise _too_large(shown, response, largest) from error
            raise
        return b"".join(chunks)

    def _failure(self, shown: Request[Any], attempt: Attempt, error: Exception) -> TransportError:
        """Return the error for a failure of aiohttp, and note whether the request may have been sent."""
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError | aiohttp.InvalidURL):
            attempt.sent = False  # there was no connection to the API
        elif not isinstance(error, aiohttp.ClientConnectionError) or isinstance(
            error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError
        ):
            attempt.sent = True
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return ConnectionFailed(shown, reason(error), unsent=True, transient=False)
        if isinstance(error, aiohttp.ClientResponseError) and is_header_limit(error):
            failure = lost(
                shown, ConnectionFailed, "the response has more or larger headers than aiohttp reads", sent=True
            )
            failure.transient = False
            return failure
        return lost(shown, ConnectionFailed, reason(error), sent=attempt.sent)

    def _open(self, shown: Request[Any]) -> aiohttp.ClientSession:
        if self._closed:
            raise self._no_session(shown)
        # No cookies: those set in one call would be sent with the next, which may be in another user's context.
        connector = _Connector() if self._tls is None else _Connector(ssl=self._tls)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        # By default aiohttp sends a GET, PUT or DELETE a second time when its connection breaks: unseen by the budget,
        # and a DELETE that was carried out would come back as 404. aiohttp's own test client does the same.
        self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no other way
        return self._session

    def _no_session(self, shown: Request[Any]) -> ConnectionFailed:
        what = "client" if self._closed else "session"
        return ConnectionFailed(shown, f"the {what} is closed", unsent=True, transient=False)

    def _make_slots(self, session: aiohttp.ClientSession) -> asyncio.Semaphore:
        connector = session.connector
        limits = [n for n in (connector.limit, connector.limit_per_host) if n] if connector is not None else []
        self._slots = asyncio.Semaphore(min(limits, default=1_000_000))
        return self._slots

    async def close(self) -> None:
        """Close the session if it is its own; what is sent afterwards fails."""
        self._closed = True
        if self._owned and self._session is not None:
            await self._session.close()

    def __del__(self) -> None:
        if self._owned and self._session is not None and not self._session.closed:
            name = "" if self._label is None else f" {self._label!r}"
            text = f"unclosed client{name}, made at {self._made_at}: use `async with`, or `await ev.close()`"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)


class _Connector(aiohttp.TCPConnector):
    """Notes when an attempt has its connection: until then a write was certainly not carried out."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the signature is aiohttp's
    ) -> Connection:
        """Return a connection, new or kept alive."""
        connection = await super().connect(req, traces, timeout)
        bound_headers(connection)
        _ATTEMPT.get().sent = True
        return connection


def _caller() -> str:
    """Return file and line of the program that makes a client."""
    frame = inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("ev_energy_async."):
        frame = frame.f_back
    return "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def lost(shown: Request[Any], kind: type[TransportError], reason: str, *, sent: bool) -> TransportError:
    """Return the error for a response that did not come."""
    if sent and shown.method not in messages.IDEMPOTENT_METHODS:
        return OutcomeUnknown(shown, reason)
    return kind(shown, reason, unsent=not sent)


def _too_large(shown: Request[Any], response: aiohttp.ClientResponse, largest: int) -> DecodeError:
    head: RawResponse = Response(shown, "", response.status, response.headers, b"", b"")
    return DecodeError(f"the body is larger than {largest:,} bytes", "$", head)
