"""Guards around aiohttp: behaviours of it, some of old versions only, that a client must not pass on.

`transport` uses them, and `borrowed_tokens` what is about errors. Each says which behaviour it is about, so that it can
go when aiohttp changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aiohttp
import msgspec
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from ev_energy_async.masking import chained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection

    from ev_energy_async.masking import Secret

__all__ = [
    "bound_headers",
    "competes",
    "is_cut_off",
    "is_decompression_limit",
    "is_header_limit",
    "middlewares",
    "quotes",
    "reason",
    "seems_cut_off",
]

_LARGEST_HEAD: Final = 256 * 1024
_END_OF: Final = {b"[": b"]", b"{": b"}"}
_NO_INFO: Final = aiohttp.RequestInfo(URL(), "", CIMultiDictProxy(CIMultiDict[str]()), URL())
_QUOTING: Final = (
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.ClientResponseError,
    aiohttp.ClientPayloadError,
)
_BOUNDS_HEADERS: Final = tuple(map(int, aiohttp.__version__.split(".")[:2])) >= (3, 14)


def competes(session: aiohttp.ClientSession) -> bool:
    """Whether a session has credentials of its own for requests: `auth=`, or `.netrc` through `trust_env=True`.

    It refuses requests that have an `Authorization` header, and adds its own to those that have none: to an upload to
    another host, too.
    """
    return session.trust_env or session.auth is not None


def middlewares(session: aiohttp.ClientSession, authorization: Secret[str] | None) -> dict[str, Any]:
    """Return the argument of a request on somebody else's session that puts our guards below its own middlewares.

    Args:
        session: The session.
        authorization: The header to send if the session competes; None for none at all.
    """
    ours: list[Any] = []
    if competes(session):

        async def authorize(request: ClientRequest, handler: Any) -> Any:
            request.headers.pop("Authorization", None)
            if authorization is not None:
                request.headers["Authorization"] = authorization.reveal()
            return await handler(request)

        ours.append(authorize)
    if not _BOUNDS_HEADERS:
        ours.append(_bounding)
    # A request's own middlewares take the place of the session's, which are known by this name alone.
    return {"middlewares": (*getattr(session, "_middlewares", ()), *ours)} if ours else {}


async def _bounding(request: Any, handler: Any) -> Any:
    send = request.send

    async def bounded(connection: Connection) -> Any:
        bound_headers(connection)
        return await send(connection)

    request.send = bounded
    return await handler(request)


def seems_cut_off(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the last byte of a JSON body that was compressed shows that its end is missing, see `is_cut_off`.

    It does unless the body breaks off right behind a bracket of the same kind. To be sure, the body has to be parsed.
    """
    end = _END_OF.get(body.lstrip()[:1])
    return end is not None and _is_json(headers) and not body.rstrip().endswith(end)


def is_cut_off(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a JSON body that was compressed ends in the middle: of gzip aiohttp reports no missing end."""
    if not body or hdrs.CONTENT_ENCODING not in headers or not _is_json(headers):
        return False
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    return False


def _is_json(headers: Mapping[str, str]) -> bool:
    return "json" in headers.get(hdrs.CONTENT_TYPE, "")


def is_decompression_limit(error: BaseException) -> bool:
    """Whether aiohttp gave up a compressed body that grows too large, as 3.13 does; the error has a name alone."""
    cause = error.__cause__
    return cause is not None and (type(cause).__name__ == "DecompressSizeError" or is_decompression_limit(cause))


def is_header_limit(error: aiohttp.ClientResponseError) -> bool:
    """Whether aiohttp gave up a response because of its headers; the error says so in words alone."""
    return error.message.startswith(("Got more than", "Too many"))


def bound_headers(connection: Connection) -> None:
    """End a connection whose response headers do not end: before 3.14 aiohttp kept reading them into memory."""
    if _BOUNDS_HEADERS:
        return
    protocol: Any = connection.protocol
    if protocol is None:
        return
    # A kept connection had a bound for the request before this one.
    read = ResponseHandler.data_received.__get__(protocol)
    received, body_before = 0, protocol._payload  # noqa: SLF001  # the head has come when this changes

    def bounded(data: bytes) -> None:
        nonlocal received
        received += len(data)
        if received > _LARGEST_HEAD and protocol._payload is body_before:  # noqa: SLF001  # as above
            protocol.set_exception(aiohttp.ClientResponseError(_NO_INFO, (), message="Too many headers received"))
            connection.close()
        else:
            read(data)

    protocol.data_received = bounded


def quotes(error: BaseException, outer: BaseException | None) -> bool:
    """Whether an error, or one that led to it, shows a URL, a header or a piece of a body, which may be secret.

    Args:
        error: The error.
        outer: The exception that the caller was handling already, which is theirs.
    """
    return any(isinstance(each, _QUOTING) for each in chained(error, outer))


def reason(error: Exception) -> str:
    """Describe a failure without the URL, whose query may hold personal data."""
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        # Before 3.14 it has no `os_error`: asking for it is an AttributeError.
        return f"{name}: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause: OSError = error.os_error
        return f"{name}: {cause.strerror or type(cause).__name__}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke off within the body"
    return name
