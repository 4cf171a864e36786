"""A mocked network: aioresponses for any version of aiohttp, which records each request as it would have been sent.

aioresponses sorts the query and decodes the path, which hides what a test of the wire wants to see, and its version
0.7.9 does not support aiohttp 3.14. It works below the session, so that everything a client does on top takes place:
retries, budget, token, decoding.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode

import attrs
from aiohttp import ClientResponse, ClientSession, StreamReader
from aioresponses import CallbackResult, aioresponses
from aioresponses.compat import normalize_url
from multidict import CIMultiDict
from yarl import URL

from ev_energy_async import codec
from ev_energy_async.auth import TOKEN_PATH
from ev_energy_async.client import BASE_URL
from ev_energy_async.values import Model

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

__all__ = ["Answer", "MockApi", "Sent"]


class _Nothing:
    """The default of a body: none, as opposed to null, which is a body."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()
"""No body at all; `None` is a body of `null`."""

_FULL_PAGE: Final = 100
_TOKEN_LIFE: Final = 36_000
_NEEDS_WRITER: Final = "stream_writer" in inspect.signature(ClientResponse.__init__).parameters


@attrs.frozen
class Sent:
    """A request as it was passed to aiohttp.

    Attributes:
        method: HTTP method.
        url: The complete URL, encoded as it is sent.
        headers: All headers except those that aiohttp adds, the token included.
        body: The raw body; None if there is none.
    """

    method: str
    url: str
    headers: CIMultiDict[str] = attrs.field(repr=False)
    body: bytes | None = attrs.field(repr=False)

    @property
    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            ValueError: The request had no body.
        """
        if self.body is None:
            raise ValueError(f"{self.method} {self.url} had no body")
        return json.loads(self.body)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The names and values of the query, decoded, in order."""
        return parse_qsl(URL(self.url, encoded=True).raw_query_string, keep_blank_values=True)


@attrs.frozen
class Answer:
    """A response of the mocked API.

    Attributes:
        json: The body before encoding: JSON values, models, lists of models.
        status: HTTP status.
        headers: Headers in addition to `Content-Type` and the rate limit.
        body: The body, if it is not `json`.
        content_type: Its type.
    """

    json: Any = NOTHING
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes = b""
    content_type: str = "application/json"


class _Written:
    """A stand-in for the writer of a request that has been sent."""

    output_size = 0


class _Response(ClientResponse):
    """A response of aioresponses 0.7.9, with the attributes that it lacks.

    aiohttp 3.14 asks for one more argument; a body of more than 128 kB would have the reader stop a connection that is
    not there; and the loop that it is given claims to be in debug mode, in which each response costs a traceback.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        missing: dict[str, Any] = {"stream_writer": _Written()} if _NEEDS_WRITER else {}
        kwargs["loop"].get_debug = lambda: False
        super().__init__(*args, **{**missing, **kwargs})

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "content" and isinstance(value, StreamReader):
            value._high_water = sys.maxsize  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no public way
        super().__setattr__(name, value)


class MockApi:
    """A network with nothing but what a test registers; any other request is a refused connection.

    It stands in for every aiohttp session while it is entered, wherever the session was made.

    Args:
        passthrough: Prefixes of URLs that stay reachable.

    Attributes:
        sent: The requests so far, refused ones included.

    Example:
        >>> with MockApi() as api:
        ...     api.answer("GET", "/vehicles", json=[])
        ...     async with EvEnergy(StaticToken("token")) as ev:  # doctest: +SKIP
        ...         assert await ev.vehicles.list().all() == []
    """

    def __init__(self, *, passthrough: Sequence[str] = ()) -> None:
        self.sent: list[Sent] = []
        mocked = aioresponses(passthrough=list(passthrough))
        # Typed here, because its annotations are of an older Python.
        self._mocked: Any = mocked
        pass_on: Callable[..., Awaitable[ClientResponse]] = self._mocked._request_mock  # noqa: SLF001  # no public way

        async def note(session: ClientSession, method: str, url: URL | str, **kwargs: Any) -> ClientResponse:
            # As aiohttp takes it: it decodes needless escapes in the text of a URL.
            text = str(URL(url))
            if not text.startswith(tuple(passthrough)):
                data = kwargs.get("data")
                body = data.getvalue() if isinstance(data, BytesIO) else data  # the form of large ones
                self.sent.append(Sent(method, text, CIMultiDict[str](kwargs.get("headers") or {}), body))
            return await pass_on(session, method, self._as_registered(method, URL(url)), **kwargs)

        mocked.patcher = patch("aiohttp.client.ClientSession._request", side_effect=note, autospec=True)

    def answer(
        self,
        method: str,
        url: str | re.Pattern[str],
        json: Any = NOTHING,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
        repeat: bool = False,
    ) -> None:
        """Register the response to the next such request, or to each one with `repeat`; used in order of registration.

        Args:
            method: HTTP method.
            url: The URL with its query in any order, a path of the API, or a pattern that matches its beginning.
            json: Encoded as the body: JSON values, models, lists of models.
            status: HTTP status.
            headers: Headers in addition to `Content-Type`.
            body: The body, if it is not `json`.
            content_type: Its type.
            repeat: Whether it is the response to all following requests as well.
        """
        answer = Answer(json, status, headers or {}, body, content_type)
        self._register(method, url, lambda: _result(answer), repeat=repeat)

    def problem(
        self,
        method: str,
        url: str | re.Pattern[str],
        status: int,
        *,
        title: str = "Error",
        detail: str | None = None,
        field_errors: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = False,
    ) -> None:
        """Register an error with a problem document (RFC 9457); see `answer` for the arguments."""
        members = {"title": title, "detail": detail, "status": status, "field_errors": field_errors}
        document = {name: value for name, value in members.items() if value is not None}
        self.answer(
            method,
            url,
            document,
            status=status,
            headers=headers,
            content_type="application/problem+json",
            repeat=repeat,
        )

    def pages(self, path: str, items: Iterable[Any], *, page_size: int = _FULL_PAGE) -> None:
        """Let a list of the API return these items, in pages linked by `Link`.

        Args:
            path: Path of the list, e.g. `/vehicles`; filters are accepted and have no effect.
            items: All items: models or JSON objects.
            page_size: The maximum number of items on a page.
        """
        shelf = list(items)

        def answer(request: Sent) -> Answer:
            asked = dict(request.query)
            start, size = int(asked.get("page_after", "0")), min(int(asked.get("page_size", page_size)), page_size)
            end = start + size
            kept = [pair for pair in request.query if pair[0] != "page_after"]
            onward = f"{BASE_URL}{path}?{urlencode([*kept, ('page_after', str(end))])}"
            target = onward if end < len(shelf) else "about:blank"
            return Answer(shelf[start:end], headers={"Link": f'<{target}>; rel="next"'})

        self.handle("GET", re.compile(re.escape(BASE_URL + path) + r"(\?.*)?$"), answer)

    def token(self, token: str = "mocked-token") -> None:  # noqa: S107  # it opens nothing
        """Let the token endpoint issue a token, for clients with credentials."""
        document = {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_LIFE}
        self.answer("POST", str(URL(BASE_URL).origin()) + TOKEN_PATH, document, repeat=True)

    def handle(self, method: str, url: str | re.Pattern[str], function: Callable[[Sent], Answer]) -> None:
        """Let a function respond to all such requests; an exception from it is a failure of the network."""
        self._register(method, url, lambda: _result(function(self.sent[-1])), repeat=True)

    def fail(self, method: str, url: str | re.Pattern[str], error: Exception, *, repeat: bool = False) -> None:
        """Let the next such request fail with an aiohttp error, or each one with `repeat`.

        Example:
            >>> api.fail("GET", "/vehicles", aiohttp.ClientPayloadError())  # doctest: +SKIP
        """
        self._mocked.add(_whole(url), method=method, repeat=repeat, exception=error)

    def _as_registered(self, method: str, url: URL) -> URL:
        """Return a URL as tests write it: without the page size that lists use by default."""
        without = url.without_query_params("page_size") if url.query.get("page_size") == str(_FULL_PAGE) else url
        registered: Iterable[Any] = self._mocked._matches.values()  # noqa: SLF001  # no public way
        return url if any(each.match(method, normalize_url(url)) for each in registered) else without

    def _register(
        self, method: str, url: str | re.Pattern[str], reply: Callable[[], CallbackResult], *, repeat: bool
    ) -> None:
        def callback(*_: object, **__: object) -> CallbackResult:
            return reply()

        self._mocked.add(_whole(url), method=method, repeat=repeat, callback=callback)

    def __enter__(self) -> Self:
        self._mocked.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._mocked.stop()


def _whole(url: str | re.Pattern[str]) -> str | re.Pattern[str]:
    return BASE_URL + url if isinstance(url, str) and url.startswith("/") else url


def _plain(value: object) -> Any:
    if isinstance(value, Model):
        return json.loads(codec.encode(value))
    raise TypeError(f"{type(value).__name__} is neither a JSON value nor a model")


def _result(answer: Answer) -> CallbackResult:
    body = answer.body if answer.json is NOTHING else json.dumps(answer.json, default=_plain).encode()
    return CallbackResult(
        status=answer.status,
        body=body,
        # The API sends it with every response; without it a client is cautious.
        headers={"X-RateLimit-Limit": "100000", "X-RateLimit-Remaining": "99999", **answer.headers},
        content_type=answer.content_type,
        response_class=_Response,
    )
