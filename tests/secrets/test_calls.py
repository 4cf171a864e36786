"""No call shows a secret, however it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

import aiohttp
import pytest

from ev_energy_async import (
    ApiError,
    EvEnergyError,
    InvalidArgument,
)
from ev_energy_async.testing.mock_api import Answer

from .planted import (
    API,
    CALLS,
    EMAIL,
    HOST,
    LATITUDE,
    PLACE,
    PLANTED,
    STREET,
    TOKEN,
    USER,
    Listener,
    check,
    client,
    found_in,
    outcome,
    quoting,
    token_answer,
)

if TYPE_CHECKING:
    from ev_energy_async.testing import MockApi
    from tests.leaks import Watch

PAGE: Final = f"<html><title>Error</title>{EMAIL} {STREET} {LATITUDE} {TOKEN}</html>".encode()
BROKEN: Final = json.dumps({"email": EMAIL, "id": 5, "default_location": PLACE, "url": [TOKEN]}).encode()
PROBLEMS: Final = {
    **{str(status): quoting(status) for status in (400, 401, 403, 404, 409, 422, 429, 503)},
    "429 for an hour": quoting(429, **{"Retry-After": "3600"}),
}
ANSWERS: Final[dict[str, Answer]] = {
    "500 with a page": Answer(status=500, body=PAGE, content_type="text/html"),
    "520 with nothing": Answer(status=520),
    "a page in the place of JSON": Answer(body=PAGE, content_type="text/html"),
    "half a document": Answer(body=BROKEN[:-5]),
    "a document of another kind": Answer(body=BROKEN),
    "a list of another kind": Answer(body=b"[" + BROKEN + b"]"),
    "no UTF-8": Answer(body=EMAIL.encode() + b"\xff"),
    "a redirect": Answer(status=302, headers={"Location": f"https://elsewhere.example.net/?email={EMAIL}&t={TOKEN}"}),
    "a page that leads elsewhere": Answer(
        [], headers={"Link": f'<https://elsewhere.example.net/v2/users?email={EMAIL}>; rel="next"'}
    ),
}
FAILURES: Final[dict[str, Exception]] = {
    "refused": aiohttp.ClientConnectionError(f"Cannot connect to {API}/?email={EMAIL}"),
    "reset": aiohttp.ClientOSError(104, f"reset while sending {EMAIL}"),
    "dropped": aiohttp.ServerDisconnectedError(f"{TOKEN} was the last thing seen"),
    "half a body": aiohttp.ClientPayloadError(f"after {STREET}"),
    "no URL": aiohttp.InvalidURL(f"{API}/?email={EMAIL}"),
    "timeout": TimeoutError(f"for {EMAIL}"),
}


def test_a_planted_secret_is_found_in_every_spelling() -> None:
    # The search itself: one that finds nothing would pass every test.
    for secret in PLANTED:
        for text in (secret, f"?x={quote(secret, safe='')}", f"{{'x': {secret!r}}}", f"Basic {quote_plus(secret)}"):
            assert secret in found_in(text)
    assert found_in("GET /vehicles: 200 in 3 ms") == set()


@pytest.mark.parametrize("call", CALLS)
async def test_a_successful_call_shows_no_secret(heard: Listener, network: MockApi, call: str) -> None:
    user = {"id": USER, "url": f"{API}/v2/users/{USER}", "email": EMAIL, "default_location": PLACE}
    body: Any = [user] if "list" in call else user
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "POST", "PATCH"):
        network.handle(method, HOST, lambda _: Answer(body))
    network.handle("DELETE", HOST, lambda _: Answer(status=204))

    error = await outcome(CALLS[call], client())

    assert error is None
    assert any("200 in" in text or "204 in" in text for text in heard.texts), "nothing was logged"
    assert any(TOKEN in sent.headers.get("Authorization", "") for sent in network.sent), "no secret was sent"
    check(heard, network)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("problem", PROBLEMS)
async def test_a_problem_that_quotes_the_input_is_shown_without_it(
    heard: Listener, network: MockApi, call: str, problem: str
) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        network.handle(method, HOST, PROBLEMS[problem])

    error = await outcome(CALLS[call], client())

    if problem != "404" or call != "delete":
        assert isinstance(error, ApiError)
        assert "Invalid input" in str(error), "the rest of the problem is missing"
    check(heard, network, error)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_undecodable_body_is_not_shown(heard: Listener, network: MockApi, call: str, answer: str) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        network.handle(method, HOST, lambda _: ANSWERS[answer])

    error = await outcome(CALLS[call], client())

    assert heard.texts
    check(heard, network, error)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failed_connection_shows_no_secret(
    heard: Listener, network: MockApi, no_leak: Watch, call: str, failure: str
) -> None:
    no_leak.foreign_too = False
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        network.fail(method, HOST, FAILURES[failure], repeat=True)

    error = await outcome(CALLS[call], client())

    assert error is not None
    if isinstance(error, EvEnergyError):
        # The error's own words: aiohttp's, which a traceback shows as the cause, are not ours to check.
        error.__cause__, error.__context__ = None, None
        check(heard, network, error)


@pytest.mark.parametrize(
    "fields",
    [
        {"email": EMAIL, "default_location": 5},
        {"email": [EMAIL]},
        {"email": EMAIL, "colour": STREET},
        {"default_location": {**PLACE, "coordinates": LATITUDE}},
    ],
)
async def test_a_refused_body_is_not_shown(heard: Listener, network: MockApi, fields: Any) -> None:
    error = await outcome(lambda ev: ev.users.update("me", fields), client())

    assert isinstance(error, InvalidArgument)
    assert network.sent == []
    check(heard, network, error)
