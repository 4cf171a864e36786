"""The contract of a middleware that passes calls on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from multidict import CIMultiDict

from ev_energy_async.messages import Operation, Request, Response
from ev_energy_async.testing.contracts.kit import SECONDS, FailureOfTheTestError, expect, raises

if TYPE_CHECKING:
    from ev_energy_async.messages import Handler, Middleware, RawResponse

__all__ = ["check_middleware"]

_READ: Final[Operation[Any]] = Operation(name="stub.get", method="GET", path="/stub/{stub_id}")
_WRITE: Final[Operation[Any]] = Operation(name="stub.create", method="POST", path="/stub")
_CALLERS: Final = 10  # at once
_STATUSES: Final = (200, 204, 404, 429, 503)


async def check_middleware(middleware: Middleware) -> None:
    """Check a middleware that passes calls on: that it neither loses, mixes up nor swallows anything.

    Not for one that responds itself, such as a cache, or that repeats calls.

    Args:
        middleware: The function `(request, next)`.

    Raises:
        AssertionError: A promise is broken; the text says which.

    Example:
        >>> async def test_my_middleware():  # doctest: +SKIP
        ...     await check_middleware(timed)
    """
    async with asyncio.timeout(SECONDS):
        for status in _STATUSES:
            await _passes_on(middleware, Request(_READ, f"/stub/{status}"), status)
            await _passes_on(middleware, Request(_WRITE, "/stub", body=b"{}"), status)
        await _keeps_calls_apart(middleware)
        await _lets_through(middleware)


async def _passes_on(middleware: Middleware, request: Request[Any], status: int) -> None:
    seen: list[Request[Any]] = []

    async def following(passed: Request[Any]) -> RawResponse:
        seen.append(passed)
        return _response(passed, status)

    response = await middleware(request, following)
    expect(len(seen) == 1, f"a call is passed on once, also if the response is {status}")
    [passed] = seen
    kept = (passed.operation, passed.path, passed.body) == (request.operation, request.path, request.body)
    expect(kept, "operation, path and body of a request are passed on as they are")
    expect(isinstance(response, Response), "it returns the response")
    expect((response.status, response.body) == (status, _body(passed)), "status and body are returned as they came")


async def _keeps_calls_apart(middleware: Middleware) -> None:
    async def following(passed: Request[Any]) -> RawResponse:
        await asyncio.sleep(0.001 * (int(passed.path.rpartition("/")[2]) % 3))
        return _response(passed, 200)

    requests: list[Request[Any]] = [Request(_READ, f"/stub/{number}") for number in range(_CALLERS)]
    responses = await asyncio.gather(*(middleware(each, following) for each in requests))
    told = [response.body for response in responses]
    expect(told == [_body(request) for request in requests], "each of several calls at once gets its own response")


async def _lets_through(middleware: Middleware) -> None:
    async def fail(_: Request[Any]) -> RawResponse:
        raise FailureOfTheTestError

    await raises(FailureOfTheTestError, middleware(Request(_READ, "/stub/1"), fail), "an error of a call is passed on")

    begun = asyncio.Event()

    async def wait(passed: Request[Any]) -> RawResponse:
        begun.set()
        await asyncio.Event().wait()
        return _response(passed, 200)

    calling = asyncio.ensure_future(_call(middleware, wait))
    await begun.wait()
    calling.cancel()
    await asyncio.wait([calling])
    expect(calling.cancelled(), "a call that is cancelled ends as cancelled")


async def _call(middleware: Middleware, following: Handler) -> RawResponse:
    return await middleware(Request(_READ, "/stub/1"), following)


def _body(request: Request[Any]) -> bytes:
    return f'"{request.path}"'.encode()


def _response(request: Request[Any], status: int) -> RawResponse:
    url, body = f"https://api.example.com/v2{request.path}", _body(request)
    return Response(request, url, status, CIMultiDict[str](), body, body)
