"""The contract of what hands a client its access token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ev_energy_async.auth import Auth, check_token
from ev_energy_async.errors import AuthUnavailable, InvalidArgument, ReauthenticationRequired
from ev_energy_async.testing.contracts.kit import SECONDS, expect, made

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["check_auth"]

_CALLERS: Final = 10  # at once


async def check_auth(factory: Callable[[], Auth | Awaitable[Auth]]) -> None:
    """Check an `Auth` against its contract, as a client uses it: it is asked for tokens, and told of refused ones.

    Args:
        factory: Returns one that can hand out a token, plain or `async`.

    Raises:
        AssertionError: A promise is broken; the text says which.

    Example:
        >>> async def test_my_auth():  # doctest: +SKIP
        ...     await check_auth(lambda: MyAuth(vault))
    """
    async with asyncio.timeout(SECONDS):
        auth = await made(factory)
        expect(isinstance(auth, Auth), "it has a method `access_token`")
        tokens = await asyncio.gather(*(_token(auth, None) for _ in range(_CALLERS)))
        token = tokens[-1]
        expect(token is not None, "`access_token` returns a token to those who ask at the beginning")
        expect(str(token) not in repr(auth), "`repr` does not show the token")
        await _cancelled(auth, token)
        fresh = set(await asyncio.gather(*(_token(auth, token) for _ in range(_CALLERS))))
        expect(len(fresh) == 1, "of many who were refused with one token, all get the same new one")
        expect(
            {await _token(auth, token)} == fresh,
            "a token that was replaced is not replaced again for one who was refused with the old one",
        )


async def _token(auth: Auth, rejected: str | None) -> str | None:
    """Return a token, checked; None if there is none for now, or until the user logs in again."""
    try:
        found = await (auth.access_token() if rejected is None else auth.access_token(rejected=rejected))
    except (AuthUnavailable, ReauthenticationRequired):
        return None
    try:
        return check_token("access_token", found)
    except InvalidArgument as error:
        raise AssertionError("not so: `access_token` returns a text that can be sent in a header") from error


async def _cancelled(auth: Auth, token: str | None) -> None:
    """Give up on a new token at once, as a caller does whose deadline ends."""
    asking = asyncio.create_task(_token(auth, token))
    await asyncio.sleep(0)
    asking.cancel()
    [outcome] = await asyncio.gather(asking, return_exceptions=True)
    if isinstance(outcome, AssertionError):
        raise outcome
    try:
        async with asyncio.timeout(SECONDS / 2):
            await _token(auth, token)
    except TimeoutError as error:
        raise AssertionError("not so: a caller that gives up does not keep the others from a token") from error
