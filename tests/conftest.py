"""What all tests share: a network that is not there, a clock that stands still, a client on both.

`Network` is aioresponses made to work with aiohttp 3.14, and made to remember each request as it would have gone out:
aioresponses itself sorts the query and decodes the path, which hides what a test of the wire wants to see.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
from bisect import insort
from typing import TYPE_CHECKING, Any, Final, Self
from unittest.mock import patch

import attrs
import pytest
from aiohttp import ClientResponse, ClientSession
from aioresponses import CallbackResult, aioresponses
from multidict import CIMultiDict
from yarl import URL

from ev_energy_async import EvEnergy, StaticToken
from ev_energy_async.client import BASE_URL

if TYPE_CHECKING:
    import re
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

START = dt.datetime(2026, 3, 14, 12, tzinfo=dt.UTC)
"""Where a `FakeClock` begins."""

NOTHING: Final = object()
"""No body at all; `None` is a body of `null`."""


# How often the others may go on before time moves: as often as an answer on a mocked network takes, and more.
_TURNS = 40


class FakeClock:
    """A clock whose time moves when somebody sleeps on it, or when a test says so; nothing ever waits.

    Args:
        now: The wall-clock time to begin with.
        moves_by_itself: Whether a sleep moves time to its end, the earliest first. If not, it lasts until `advance`.

    Attributes:
        naps: How long each sleep was to last, in the order in which they began.
    """

    def __init__(self, now: dt.datetime = START, *, moves_by_itself: bool = True) -> None:
        self.naps: list[float] = []
        self._start = now
        self._seconds = 0.0
        self._wakes: list[float] = []
        self._moves_by_itself = moves_by_itself

    def now(self) -> dt.datetime:
        return self._start + dt.timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, delay: float) -> None:
        self.naps.append(delay)
        wake = self._seconds + delay
        insort(self._wakes, wake)
        try:
            await asyncio.sleep(0)
            while self._seconds < wake:
                # The others get their turns first: one of them may want to be woken earlier, or have no need to wait.
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                if self._moves_by_itself and self._wakes[0] == wake:
                    self._seconds = max(self._seconds, wake)
        finally:
            self._wakes.remove(wake)

    def advance(self, delay: float) -> None:
        """Let time pass."""
        self._seconds += delay


@attrs.frozen
class Sent:
    """A request as it was handed to aiohttp."""

    method: str
    url: str
    headers: CIMultiDict[str]
    body: bytes | None

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        assert self.body is not None, f"{self.method} {self.url} had no body"
        return json.loads(self.body)


class _Written:
    """Stands for the writer of a request that has been sent."""

    output_size = 0


class _Response(ClientResponse):
    """A response as aioresponses 0.7.9 makes it, with the argument that aiohttp 3.14 asks for besides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"stream_writer": _Written(), **kwargs})


@attrs.frozen
class Answer:
    """What the network answers; `json`, if given, is encoded as the body."""

    json: Any = NOTHING
    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    content_type: str = "application/json"


class Network:
    """A network on which nothing is but what a test put there; all else is a refused connection.

    Attributes:
        sent: The requests so far, those that were refused too.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        mocked = aioresponses()
        # Typed as it is used: its annotations are of an older Python.
        self._mocked: Any = mocked
        pass_on: Callable[..., Awaitable[ClientResponse]] = self._mocked._request_mock

        async def note(session: ClientSession, method: str, url: URL | str, **kwargs: Any) -> ClientResponse:
            headers = CIMultiDict[str](kwargs.get("headers") or {})
            # As aiohttp takes it: in the text of a URL it decodes what it deems needless.
            self.sent.append(Sent(method, str(URL(url)), headers, kwargs.get("data")))
            return await pass_on(session, method, url, **kwargs)

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
            json: Encoded as the body.
            status: HTTP status.
            headers: Headers besides `Content-Type`.
            body: The body, if it is not `json`.
            content_type: Its type.
            repeat: Whether it answers all that follow as well.
        """
        answer = Answer(json, status, headers or {}, body, content_type)
        self._register(method, url, lambda: _result(answer), repeat=repeat)

    def handle(self, method: str, url: str | re.Pattern[str], function: Callable[[Sent], Answer]) -> None:
        """Let a function answer all requests of a kind; what it raises is what the network does instead."""
        self._register(method, url, lambda: _result(function(self.sent[-1])), repeat=True)

    def fail(self, method: str, url: str | re.Pattern[str], error: Exception, *, repeat: bool = False) -> None:
        """Let the next request of a kind fail with an error of aiohttp's, or each with `repeat`."""
        self._mocked.add(_whole(url), method=method, repeat=repeat, exception=error)

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


def _result(answer: Answer) -> CallbackResult:
    body = answer.body if answer.json is NOTHING else json.dumps(answer.json).encode()
    return CallbackResult(
        status=answer.status,
        body=body,
        # As the API has it on every answer: without, a client goes slowly.
        headers={"X-RateLimit-Limit": "100000", "X-RateLimit-Remaining": "99999", **answer.headers},
        content_type=answer.content_type,
        response_class=_Response,
    )


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as running:
        yield running


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def ev(network: Network, clock: FakeClock) -> AsyncIterator[EvEnergy]:  # noqa: ARG001  # before the session is
    """A client with a token, whose requests end at `network`."""
    async with EvEnergy(StaticToken("token-of-the-tests"), clock=clock, random=random.Random(7)) as client:
        yield client
