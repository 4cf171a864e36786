"""The wire: one request out, one complete answer back, over aiohttp.

Knows nothing of the API beyond where it is. Redirects are not followed, answers of any status are returned, and what
is no complete answer becomes a `TransportError` that carries the request.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from ev_energy_async._version import __version__
from ev_energy_async.errors import ConnectionFailed, OutcomeUnknown, RequestTimeout, TransportError
from ev_energy_async.messages import Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ev_energy_async.messages import RawResponse

__all__ = ["BEGUN", "USER_AGENT", "Transport", "lost"]

USER_AGENT: Final = f"ev-energy-async/{__version__} aiohttp/{aiohttp.__version__}"

# Methods whose repetition is harmless (RFC 9110, section 9.2.2): without an answer nothing is in doubt.
_SAFE_TO_LOSE: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "PUT"})


# What the call under way has given to a connection; a call sets a list of its own.
BEGUN: Final[ContextVar[list[Request[Any]] | None]] = ContextVar("BEGUN", default=None)


class Transport:
    """Sends requests over one aiohttp session.

    Args:
        base_url: What the paths of requests stand below.
        session: A session to use and leave open; None for one of our own, made when it is first needed.
        timeout: Seconds for one request, from the moment a connection is free for it to the end of its body.
    """

    def __init__(self, base_url: str, session: aiohttp.ClientSession | None, timeout: float) -> None:
        self.base_url = base_url
        self.timeout = timeout
        self._session = session
        self._owned = session is None
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
        """
        url = request.path if "://" in request.path else f"{self.base_url}{request.path}"
        url = f"{url}?{request.query}" if request.query else url
        headers = {"Accept": "application/json, application/problem+json", "User-Agent": USER_AGENT, **request.headers}
        shown = request.without_secrets()
        status, answer_headers, body = await self.exchange(shown, request.method, url, headers, request.body)
        return Response(shown, url, status, answer_headers, body, body)

    async def exchange(
        self, request: Request[Any], method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send raw bytes and return status, headers and body; `request` is what errors name and carry."""
        session = self._open(request)
        sent = False
        # Waiting for a connection is not the request's fault, so it does not count against its time: a slot is a
        # connection that is free.
        async with self._free_slot(session):
            session = self._open(request)  # it may have been closed in the meantime
            if (begun := BEGUN.get()) is not None:
                begun.append(request)
            try:
                async with (
                    asyncio.timeout(self.timeout),
                    session.request(
                        method,
                        URL(url, encoded=True),
                        headers=headers,
                        data=body,
                        allow_redirects=False,
                        raise_for_status=False,
                        timeout=aiohttp.ClientTimeout(total=None),
                    ) as response,
                ):
                    sent = True
                    # A copy, since the answer's own is no value: it does not pickle.
                    return response.status, response.headers.copy(), await response.read()
            except TimeoutError as error:
                raise lost(request, RequestTimeout, f"not within {self.timeout:g} s", sent=True) from error
            except aiohttp.ClientConnectorError as error:
                # The connection was never made, so nothing was carried out.
                raise ConnectionFailed(request, _reason(error)) from error
            except (aiohttp.ClientError, OSError) as error:
                raise lost(request, ConnectionFailed, _reason(error), sent=sent or not _unsent(error)) from error

    def _open(self, request: Request[Any]) -> aiohttp.ClientSession:
        if self._closed:
            raise ConnectionFailed(request, "the client is closed")
        if self._session is None:
            # No cookies: what one call is given would go out with the next, which may be in another user's context.
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        if self._session.closed:
            raise ConnectionFailed(request, "the session is closed")
        return self._session

    def _free_slot(self, session: aiohttp.ClientSession) -> asyncio.Semaphore:
        if self._slots is None:
            connector = session.connector
            limits = [n for n in (connector.limit, connector.limit_per_host) if n] if connector is not None else []
            self._slots = asyncio.Semaphore(min(limits, default=1_000_000))
        return self._slots

    async def close(self) -> None:
        """Close the session if it is ours; what is sent afterwards fails."""
        self._closed = True
        if self._owned and self._session is not None:
            await self._session.close()


def lost(request: Request[Any], kind: type[TransportError], reason: str, *, sent: bool) -> TransportError:
    """Return the error for an answer that did not come."""
    if sent and request.method not in _SAFE_TO_LOSE:
        return OutcomeUnknown(request, reason)
    return kind(request, reason)


def _unsent(error: Exception) -> bool:
    return isinstance(error, aiohttp.InvalidURL | aiohttp.ClientConnectionError) and not isinstance(
        error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError
    )


def _reason(error: Exception) -> str:
    """Say what happened without the URL, whose query may hold personal data."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{type(error).__name__}: {error.os_error.strerror or type(error.os_error).__name__}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the body broke off"
    return type(error).__name__
