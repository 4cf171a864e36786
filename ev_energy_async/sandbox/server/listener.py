"""One listening socket: reads requests, hands them to the server, and writes the responses."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ev_energy_async.sandbox.faults import Pauses, reset, send_endlessly, send_part, send_slowly
from ev_energy_async.sandbox.protocol import Problem, Request
from ev_energy_async.sandbox.server.service import Outcome

LARGEST_BODY: Final = 20 * 1024 * 1024
_SHUTDOWN_SECONDS: Final = 1.0

Serve = Callable[[Request, Problem | None], Awaitable[Outcome]]
"""Says what to do about a request; the problem is why it could not be read to its end."""


class _Briefly(logging.Filter):
    """Logs a malformed request in one line instead of a parser's traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            told = " ".join(error.message.split())
            record.msg, record.args, record.exc_info = "%s: %s", (record.getMessage(), told), None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


# Below the name under which aiohttp's servers write, so that one setting is good for all.
_LOGGER: Final = logging.getLogger("aiohttp.server.sandbox")
_LOGGER.addFilter(_Briefly())


class _Protocol(web.RequestHandler):
    """A connection whose responses to malformed HTTP carry the sandbox's time as well."""

    __slots__ = ("_date",)

    def __init__(self, server: web.Server, date: Callable[[], str], loop: asyncio.AbstractEventLoop) -> None:
        more: dict[str, Any] = {"access_log": None}  # which its type leaves out
        super().__init__(server, loop=loop, logger=_LOGGER, **more)
        self._date = date

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the response to a request that aiohttp could not parse, or to an error of ours."""
        response = super().handle_error(request, status, exc, message)
        response.headers["Date"] = self._date()
        return response


class _Server(web.Server):
    """Makes a protocol for each connection."""

    def __init__(
        self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], date: Callable[[], str]
    ) -> None:
        # A client that gives up cancels its handler, so that a stalled response does not outlive it.
        super().__init__(handle, handler_cancellation=True)
        self._date = date

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, self._date, self._loop)


class Listener:
    """Listens at one address and keeps nothing but its connections."""

    def __init__(self, serve: Serve, date: Callable[[], str], host: str, port: int) -> None:
        """Make a listener that does not listen yet.

        Args:
            serve: decides what to do about a request.
            date: returns the value of `Date` for responses that have none.
            host: the address to listen on.
            port: the port; 0 takes a free one.
        """
        self._serve = serve
        self._date = date
        self._host = host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._pauses = Pauses()
        self.under_way = 0
        """The number of requests being handled now."""
        self.most_under_way = 0
        """The highest number of requests handled at once."""

    async def start(self) -> str:
        """Start to listen and return the origin, such as `http://127.0.0.1:49152`.

        Raises:
            OSError: the address is taken or not of this machine.
        """
        self._pauses = Pauses()
        server = _Server(self._handle, self._date)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        return f"http://{_reachable(self._host)}:{runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close all connections and stops listening."""
        runner, self._runner = self._runner, None
        self._pauses.end()
        if runner is not None:
            await runner.cleanup()

    def release(self) -> None:
        """Send the responses that are held back."""
        self._pauses.release()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._answer(request)
        finally:
            self.under_way -= 1

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body, refusal = await _read(request)
        outcome = await self._serve(
            Request(
                request.method,
                request.rel_url.raw_path,
                request.rel_url.raw_query_string,
                request.headers,
                body,
                request.remote or "",
                _port(request),
            ),
            refusal,
        )
        if outcome.held:
            await self._pauses.hold()
        if outcome.delay_seconds:
            await self._pauses.pause(outcome.delay_seconds)
        if outcome.stall is not None:
            await self._pauses.pause(outcome.stall.seconds)
        return await self._send(request, outcome)

    async def _send(self, request: web.BaseRequest, outcome: Outcome) -> web.StreamResponse:
        reply = outcome.reply
        if reply is None:
            reset(request)
            return web.Response()  # never sent
        headers = reply.headers
        headers.setdefault("Date", self._date())
        if reply.body is None:
            return web.Response(status=reply.status, headers=headers)
        headers["Content-Type"] = reply.content_type
        if request.method != "HEAD":
            if outcome.stream is not None:
                return await _send_stream(request, reply.status, headers, outcome.stream)
            if outcome.whole_length is not None:
                return await send_part(request, reply.status, headers, outcome.body, outcome.whole_length)
            if outcome.huge is not None:
                return await send_endlessly(request, reply.status, headers, outcome.body, outcome.huge)
            if outcome.drip is not None:
                return await send_slowly(request, reply.status, headers, outcome.body, outcome.drip, self._pauses)
        return web.Response(status=reply.status, headers=headers, body=outcome.body)


async def _send_stream(
    request: web.BaseRequest, status: int, headers: dict[str, str], pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    with suppress(ConnectionResetError):  # the page was closed
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
    return response


async def _read(request: web.BaseRequest) -> tuple[bytes, Problem | None]:
    """Return the body of a request, or why it is not read."""
    expected = request.headers.get("Expect")
    if expected is not None and expected.lower() != "100-continue":  # RFC 9110, section 10.1.1
        return b"", Problem(HTTPStatus.EXPECTATION_FAILED, "Nothing but 100-continue can be expected.")
    if not request.body_exists:
        return b"", None
    if (request.content_length or 0) > LARGEST_BODY:
        return b"", _too_large()
    if expected is not None and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    try:
        return await request.clone(client_max_size=LARGEST_BODY).read(), None
    except web.HTTPRequestEntityTooLarge:
        return b"", _too_large()


def _port(request: web.BaseRequest) -> int:
    """Return the caller's port, which identifies its connection."""
    peer: tuple[str, int] | None = None if request.transport is None else request.transport.get_extra_info("peername")
    return 0 if peer is None else peer[1]


def _too_large() -> Problem:
    detail = f"The body is larger than {LARGEST_BODY} bytes."
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, slug="payload-too-large")


def _reachable(host: str) -> str:
    """Return the host to put into URLs for an address to listen on."""
    if host in {"", "0.0.0.0"}:  # noqa: S104  # only compared
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
