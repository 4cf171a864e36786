"""A network that is not there: aioresponses on any aiohttp, which remembers each request as it would have gone out.

aioresponses itself sorts the query and decodes the path, which hides what a test of the wire wants to see; and 0.7.9
does not know aiohttp 3.14. It answers below the session, so all that a client does on top of it happens: retries,
budget, token, decoding.
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
    """Stands for a body that is not given; told apart from null, which is a body."""

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: Final = _Nothing()
"""No body at all; `None` is a body of `null`."""

_FULL_PAGE: Final = 100
_TOKEN_LIFE: Final = 36_000
_NEEDS_WRITER: Final = "stream_writer" in inspect.signature(ClientResponse.__init__).parameters


@attrs.frozen
class Sent:
    """A request as it was handed to aiohttp.

    Attributes:
        method: HTTP method.
        url: The whole URL, encoded as it goes out.
        headers: All headers but those that aiohttp adds, the token among them.
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
            ValueError: There is none.
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
        json: What is encoded as the body: JSON values, models, lists of models.
        status: HTTP status.
        headers: Headers besides `Content-Type` and the rate limit's.
        body: The body, if it is not `json`.
        content_type: Its type.
    """

    json: Any = NOTHING
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: bytes = b""
    content_type: str = "application/json"


class _Written:
    """Stands for the writer of a request that has been sent."""

    output_size = 0


class _Response(ClientResponse):
    """A response as aioresponses 0.7.9 makes it, with what it lacks.

    aiohttp 3.14 asks for one more argument; and a body of more than 128 kB would have the reader stop a connection that
    is not there.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        missing: dict[str, Any] = {"stream_writer": _Written()} if _NEEDS_WRITER else {}
        super().__init__(*args, **{**missing, **kwargs})

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "content" and isinstance(value, StreamReader):
            value._high_water = sys.maxsize  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # no public way
        super().__setattr__(name, value)


class MockApi:
    """A network on which nothing is but what a test put there; all else is a refused connection.

    It stands in for every aiohttp session while it is entered, wherever the session was made.

    Args:
        passthrough: Beginnings of URLs that are reached as always.

    Attributes:
        sent: The requests so far, those that were refused too.

    Example:
        >>> with MockApi() as api:
        ...     api.answer("GET", "/vehicles", json=[])
        ...     async with EvEnergy(StaticToken("token")) as ev:  # doctest: +SKIP
        ...         assert await ev.vehicles.list().all() == []
    """

    def __init__(self, *, passthrough: Sequence[str] = ()) -> None:
        self.sent: list[Sent] = []
        mocked = aioresponses(passthrough=list(passthrough))
        # Typed as it is used: its annotations are of an older Python.
        self._mocked: Any = mocked
        pass_on: Callable[..., Awaitable[ClientResponse]] = self._mocked._request_mock  # noqa: SLF001  # no public way

        async def note(session: ClientSession, method: str, url: URL | str, **kwargs: Any) -> ClientResponse:
            # As aiohttp takes it: in the text of a URL it decodes what it deems needless.
            text = str(URL(url))
            if not text.startswith(tuple(passthrough)):
                data = kwargs.get("data")
                body = data.getvalue() if isinstance(data, BytesIO) else data  # as large ones come
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
        """Register the answer to the next request of this kind, or to each with `repeat`; the earliest counts first.

        Args:
            method: HTTP method.
            url: The URL, its query in any order, or a pattern that matches its beginning; a path is one of the API.
            json: Encoded as the body: JSON values, models, lists of models.
            status: HTTP status.
            headers: Headers besides `Content-Type`.
            body: The body, if it is not `json`.
            content_type: Its type.
            repeat: Whether it answers all that follow as well.
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
        """Register a failure, told as a problem document (RFC 9457); see `answer` for the arguments."""
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
        """Let a list of the API answer with these items, in pages that lead to each other by `Link`.

        Args:
            path: Path of the list, e.g. `/vehicles`; its filters are taken and have no effect.
            items: All the items: models, or JSON objects.
            page_size: The most items of a page.
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
        """Let the token endpoint give out a token, for clients with credentials."""
        document = {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_LIFE}
        self.answer("POST", str(URL(BASE_URL).origin()) + TOKEN_PATH, document, repeat=True)

    def handle(self, method: str, url: str | re.Pattern[str], function: Callable[[Sent], Answer]) -> None:
        """Let a function answer all requests of a kind; what it raises is what the network does instead."""
        self._register(method, url, lambda: _result(function(self.sent[-1])), repeat=True)

    def fail(self, method: str, url: str | re.Pattern[str], error: Exception, *, repeat: bool = False) -> None:
        """Let the next request of a kind fail with an error of aiohttp's, or each with `repeat`.

        Example:
            >>> api.fail("GET", "/vehicles", aiohttp.ClientPayloadError())  # doctest: +SKIP
        """
        self._mocked.add(_whole(url), method=method, repeat=repeat, exception=error)

    def _as_registered(self, method: str, url: URL) -> URL:
        """Return a URL as a test spells it: lists ask for full pages by default, which a test need not say."""
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
    raise TypeError(f"{type(value).__name__} is no JSON value and no model")


def _result(answer: Answer) -> CallbackResult:
    body = answer.body if answer.json is NOTHING else json.dumps(answer.json, default=_plain).encode()
    return CallbackResult(
        status=answer.status,
        body=body,
        # As the API has it on every answer: without, a client goes slowly.
        headers={"X-RateLimit-Limit": "100000", "X-RateLimit-Remaining": "99999", **answer.headers},
        content_type=answer.content_type,
        response_class=_Response,
    )
