"""What must never be seen: credentials, tokens and personal data, in logs, in errors and on other hosts.

Secrets are planted wherever the package gets hold of any; then calls succeed and fail in all the ways there are, with
everything logged. What was logged and raised is searched, and so is what went to another origin.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import traceback
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl, quote, quote_plus

import aiohttp
import pytest
from yarl import URL

from ev_energy_async import (
    ApiError,
    AuthError,
    AuthorizationCode,
    ClientCredentials,
    DecodeError,
    EvEnergy,
    EvEnergyError,
    InvalidArgument,
    RefreshToken,
    StaticToken,
    TransportError,
    Unauthorized,
    WebhookVerificationError,
)
from ev_energy_async.testing import FakeClock, MockApi, Sent, sign
from ev_energy_async.testing.mock_api import Answer
from ev_energy_async.webhooks import WebhookVerifier

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from ev_energy_async.auth import Grant

    from .leaks import Watch

CLIENT_SECRET: Final = "planted-client-secret"
TOKEN: Final = "planted-access-token"
REFRESH_TOKEN: Final = "planted-refresh-token"
CODE: Final = "planted-authorization-code"
WEBHOOK_KEY: Final = base64.b64encode(b"planted webhook signing key").decode()
WEBHOOK_SECRET: Final = f"whsec_{WEBHOOK_KEY}"
EMAIL: Final = "kim.planted@example.com"
STREET: Final = "12 Planted Lane"
POSTAL_CODE: Final = "PL4 N73D"
LATITUDE: Final = "51.3811251"
LONGITUDE: Final = "-2.3590251"
PRESIGNED: Final = "planted-signature-of-the-address"
PERSONAL: Final = (EMAIL, STREET, POSTAL_CODE, LATITUDE, LONGITUDE)
PLANTED: Final = (CLIENT_SECRET, TOKEN, REFRESH_TOKEN, CODE, WEBHOOK_SECRET, WEBHOOK_KEY, PRESIGNED, *PERSONAL)

API: Final = "https://api.ev.energy"
ELSEWHERE: Final = "https://uploads.example.net/file"
USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
PLACE: Final[Any] = {
    "address_1": STREET,
    "postal_code": POSTAL_CODE,
    "coordinates": {"latitude": float(LATITUDE), "longitude": float(LONGITUDE)},
}


def spellings(secret: str) -> set[str]:
    """The ways in which a text is written in URLs, JSON and headers."""
    basic = base64.b64encode(f"an-id:{secret}".encode()).decode()
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], basic}


def found_in(text: str) -> set[str]:
    return {secret for secret in PLANTED if any(each in text for each in spellings(secret))}


def test_a_planted_secret_is_found_in_every_spelling() -> None:
    # The judge itself, as a search that finds nothing would please everybody.
    for secret in PLANTED:
        for text in (secret, f"?x={quote(secret, safe='')}", f"{{'x': {secret!r}}}", f"Basic {quote_plus(secret)}"):
            assert secret in found_in(text)
    assert found_in("GET /vehicles: 200 in 3 ms") == set()


# --- What is looked at


class Listener(logging.Handler):
    """Keeps the texts of everything that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts += [record.getMessage(), str(record.msg), repr(record.args), str(record.__dict__.get("extra"))]
        arguments = record.args.values() if isinstance(record.args, dict) else record.args or ()
        for each in arguments:
            self.texts += [str(each), repr(each)]
        if record.exc_info and record.exc_info[1] is not None:
            # As the handlers of other people format it, causes and all.
            self.texts.append(logging.Formatter().formatException(record.exc_info))
        self.texts.append(record.exc_text or "")


@pytest.fixture
def heard() -> Iterator[Listener]:
    listener, logger = Listener(), logging.getLogger("ev_energy_async")
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    yield listener
    logger.setLevel(level)
    logger.removeHandler(listener)


def told_by(error: BaseException) -> list[str]:
    """All that an error says when it is printed, logged, or shown by a debugger's summary."""
    texts = [str(error), repr(error), *map(repr, error.args)]
    if isinstance(error, ApiError | TransportError):
        texts.append(error.as_curl())
    for name in ("request", "response", "reason", "description"):
        value = getattr(error, name, None)
        texts += [str(value), repr(value)]
    # As it stands in the log of a program that did not expect it, with all that led to it.
    texts += traceback.format_exception(error)
    return texts


def check(heard: Listener, network: MockApi, error: BaseException | None = None) -> None:
    """Fail if a secret is in what was logged, in what was raised, or in what went to another origin."""
    in_logs = {text: found for text in heard.texts if (found := found_in(text))}
    assert not in_logs, f"logged: {in_logs}"
    in_error = {text: found for text in (told_by(error) if error else ()) if (found := found_in(text))}
    assert not in_error, f"told by {type(error).__name__}: {in_error}"
    for sent in network.sent:
        if not sent.url.startswith(f"{API}/"):
            # The address of an upload is a permission of its own, and has to be sent there.
            told = f"{sent.url} {dict(sent.headers)} {sent.body!r}".replace(PRESIGNED, "")
            assert not found_in(told), f"sent to another origin: {told}"


@pytest.fixture
def network() -> Iterator[MockApi]:
    with MockApi() as running:
        yield running


def token_answer(_: Sent) -> Answer:
    return Answer({"access_token": TOKEN, "refresh_token": REFRESH_TOKEN, "token_type": "Bearer", "expires_in": 3600})


def client(auth: Grant | StaticToken | None = None, **options: Any) -> EvEnergy:
    given = auth or ClientCredentials("an-id", CLIENT_SECRET)
    return EvEnergy(given, user=USER, clock=FakeClock(), label="planted", **options)


# --- Calls that carry secrets, to be answered in all ways

Call: TypeAlias = "Callable[[EvEnergy], Awaitable[object]]"
CALLS: Final[dict[str, Call]] = {
    "read": lambda ev: ev.vehicles.get(VEHICLE),
    "list with personal data in the query": lambda ev: ev.users.list(email=EMAIL),
    "write": lambda ev: ev.users.update("me", email=EMAIL, default_location=PLACE),
    "create": lambda ev: ev.users.create(email=EMAIL, default_location=PLACE),
    "delete": lambda ev: ev.vehicles.delete(VEHICLE),
}
PROBLEM: Final = "application/problem+json"


def quoting(status: int, **headers: str) -> Callable[[Sent], Answer]:
    """What a server answers that repeats the input, as careless ones do: in words, by field, and as a member."""

    def answer(sent: Sent) -> Answer:
        given = [value for _, value in sent.query]
        if sent.body:
            address = PLACE["address_1"], PLACE["postal_code"]
            given += [EMAIL, *map(str, address), LATITUDE, LONGITUDE]
        quoted = ", ".join(f"“{value}”" for value in given)
        problem = {
            "title": "Invalid input",
            "detail": f"Not accepted: {quoted}.",
            "instance": f"/users?{URL(sent.url).query_string}",
            "field_errors": {"email": [f"{quoted} is taken."], "default_location": [f"No such place: {quoted}"]},
            "input": given,
        }
        return Answer(problem, status, headers, content_type=PROBLEM)

    return answer


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
HOST: Final = re.compile(re.escape(API) + "/v2/.*")
FAILURES: Final[dict[str, Exception]] = {
    "refused": aiohttp.ClientConnectionError(f"Cannot connect to {API}/?email={EMAIL}"),
    "reset": aiohttp.ClientOSError(104, f"reset while sending {EMAIL}"),
    "dropped": aiohttp.ServerDisconnectedError(f"{TOKEN} was the last thing seen"),
    "half a body": aiohttp.ClientPayloadError(f"after {STREET}"),
    "no URL": aiohttp.InvalidURL(f"{API}/?email={EMAIL}"),
    "timeout": TimeoutError(f"for {EMAIL}"),
}


async def outcome(call: Call, ev: EvEnergy) -> BaseException | None:
    try:
        async with ev:
            await call(ev)
    except (EvEnergyError, TimeoutError) as error:
        return error
    return None


@pytest.mark.parametrize("call", CALLS)
async def test_nothing_is_told_of_a_call_that_succeeds(heard: Listener, network: MockApi, call: str) -> None:
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
async def test_a_problem_that_quotes_the_input_is_told_without_it(
    heard: Listener, network: MockApi, call: str, problem: str
) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        network.handle(method, HOST, PROBLEMS[problem])

    error = await outcome(CALLS[call], client())

    if problem != "404" or call != "delete":
        assert isinstance(error, ApiError)
        assert "Invalid input" in str(error), "what is no input is still told"
    check(heard, network, error)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_nothing_is_told_of_the_body_of_an_answer_that_makes_no_sense(
    heard: Listener, network: MockApi, call: str, answer: str
) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        network.handle(method, HOST, lambda _: ANSWERS[answer])

    error = await outcome(CALLS[call], client())

    assert heard.texts
    check(heard, network, error)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
async def test_nothing_is_told_of_a_connection_that_fails(
    heard: Listener, network: MockApi, no_leak: Watch, call: str, failure: str
) -> None:
    no_leak.foreign_too = False
    network.handle("POST", f"{API}/o/token/", token_answer)
    for method in ("GET", "POST", "PATCH", "DELETE"):
        network.fail(method, HOST, FAILURES[failure], repeat=True)

    error = await outcome(CALLS[call], client())

    assert error is not None
    if isinstance(error, EvEnergyError):
        # Its own words: what aiohttp says, which a traceback shows as the cause, is aiohttp's.
        error.__cause__, error.__context__ = None, None
        check(heard, network, error)


# --- The token endpoint

APP: Final = AuthorizationCode("an-id", CLIENT_SECRET, redirect_uri="https://app.example.com/")
PENDING: Final = APP.begin()
GRANTS: Final[dict[str, Grant]] = {
    "client credentials": ClientCredentials("an-id", CLIENT_SECRET),
    "refresh token": RefreshToken("an-id", REFRESH_TOKEN, CLIENT_SECRET),
    "refresh token of a public client": RefreshToken("an-id", REFRESH_TOKEN),
    "authorization code": APP.redeem(PENDING, f"https://app.example.com/?code={CODE}&state={PENDING.state}"),
}
SAID: Final = f"{CLIENT_SECRET} {REFRESH_TOKEN} {CODE} is wrong"
REFUSALS: Final[dict[str, Answer]] = {
    "invalid_client": Answer({"error": "invalid_client", "error_description": "Unknown client."}, 401),
    "invalid_grant": Answer({"error": "invalid_grant"}, 400),
    "an unknown error": Answer({"error": "odd"}, 400),
    "a page of a proxy": Answer(status=502, body=SAID.encode(), content_type="text/html"),
    "a page with 200": Answer(body=SAID.encode(), content_type="text/html"),
    "a token that is none": Answer({"access_token": f"{TOKEN} with a space", "refresh_token": [REFRESH_TOKEN]}),
    "no token": Answer({"refresh_token": REFRESH_TOKEN}),
}


@pytest.mark.parametrize("grant", GRANTS)
@pytest.mark.parametrize("refusal", REFUSALS)
async def test_nothing_is_told_by_a_token_endpoint_that_refuses(
    heard: Listener, network: MockApi, grant: str, refusal: str
) -> None:
    network.handle("POST", f"{API}/o/token/", lambda _: REFUSALS[refusal])

    error = await outcome(CALLS["read"], client(GRANTS[grant]))

    assert isinstance(error, EvEnergyError)
    check(heard, network, error)


@pytest.mark.parametrize("grant", ["refresh token", "refresh token of a public client", "authorization code"])
async def test_a_refusal_that_quotes_the_grant_is_told_without_it(
    heard: Listener, network: MockApi, grant: str
) -> None:
    def refuse(sent: Sent) -> Answer:
        given = dict(parse_qsl((sent.body or b"").decode()))
        quoted = given.get("refresh_token") or given["code"]
        return Answer({"error": "invalid_grant", "error_description": f"The grant {quoted} has ended."}, 400)

    network.handle("POST", f"{API}/o/token/", refuse)

    error = await outcome(CALLS["read"], client(GRANTS[grant]))

    assert isinstance(error, AuthError)
    assert "has ended" in str(error), "what is no secret is still told"
    check(heard, network, error)


async def test_a_token_that_was_refused_is_not_told(heard: Listener, network: MockApi) -> None:
    network.handle("GET", HOST, quoting(401))

    error = await outcome(CALLS["read"], client(StaticToken(TOKEN)))

    assert isinstance(error, Unauthorized)
    check(heard, network, error)


@pytest.mark.parametrize("grant", GRANTS)
def test_credentials_and_clients_do_not_show_what_they_hold(grant: str) -> None:
    assert not found_in(repr(GRANTS[grant]) + str(GRANTS[grant]) + repr(client(GRANTS[grant])))


def test_a_secret_that_cannot_be_sent_is_refused_without_being_shown() -> None:
    for make in (
        lambda: ClientCredentials("an-id", f"{CLIENT_SECRET}\n"),
        lambda: StaticToken(f"{TOKEN} "),
        lambda: RefreshToken("an-id", f"{REFRESH_TOKEN}\u20ac"),
        lambda: WebhookVerifier(f"{WEBHOOK_SECRET}!"),
    ):
        with pytest.raises(InvalidArgument) as raised:
            make()
        assert not [text for text in told_by(raised.value) if found_in(text)]


# --- Refused before anything is sent


@pytest.mark.parametrize(
    "fields",
    [
        {"email": EMAIL, "default_location": 5},
        {"email": [EMAIL]},
        {"email": EMAIL, "colour": STREET},
        {"default_location": {**PLACE, "coordinates": LATITUDE}},
    ],
)
async def test_a_body_that_is_refused_is_not_shown(heard: Listener, network: MockApi, fields: Any) -> None:
    error = await outcome(lambda ev: ev.users.update("me", fields), client())

    assert isinstance(error, InvalidArgument)
    assert network.sent == []
    check(heard, network, error)


# --- Uploads


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_an_upload_tells_nothing_to_the_other_host_and_nothing_of_its_address(
    heard: Listener, network: MockApi, status: int
) -> None:
    network.handle("POST", f"{API}/o/token/", token_answer)
    started = {"id": "rbef01HN2NJ9NMRZBXT1H6FT9N7735", "presigned_url": f"{ELSEWHERE}?signature={PRESIGNED}"}
    network.handle("POST", HOST, lambda _: Answer(started))
    network.handle("PUT", re.compile(re.escape(ELSEWHERE)), lambda _: Answer(status=status, body=PRESIGNED.encode()))

    kind = f"{API}/v2/rebate_evidence_types/rbet01HN2NJ9NMRZBXT1H6FT9N7735"
    error = await outcome(
        lambda ev: ev.upload_rebate_evidence(b"a receipt", evidence_type=kind, file_name="receipt.pdf"), client()
    )

    assert (error is None) == (status == 200)
    [put] = [sent for sent in network.sent if sent.method == "PUT"]
    assert "Authorization" not in put.headers
    assert "EvEnergy-User" not in put.headers
    check(heard, network, error)


# --- Webhooks


@pytest.mark.parametrize("case", ["tampered", "another secret", "no header", "old", "no event"])
def test_a_webhook_that_is_refused_tells_nothing(heard: Listener, network: MockApi, case: str) -> None:
    clock = FakeClock()
    body = json.dumps({"type": 5 if case == "no event" else "a", "data": {"email": EMAIL, **PLACE}}).encode()
    headers = sign(body, WEBHOOK_SECRET, sent_at=clock.now())
    verifier = WebhookVerifier(
        "whsec_YW5vdGhlciB3ZWJob29rIHNpZ25pbmcga2V5" if case == "another secret" else WEBHOOK_SECRET, clock=clock
    )
    if case == "no header":
        del headers["svix-signature"]
    if case == "old":
        clock.advance(3600)

    with pytest.raises((WebhookVerificationError, DecodeError)) as raised:
        verifier.verify(body + b" " if case == "tampered" else body, headers)

    assert not found_in(repr(verifier))
    texts = [text for text in told_by(raised.value) if found_in(text)]
    assert not texts
    assert headers.get("svix-signature", "nothing") not in str(raised.value)
    check(heard, network)
