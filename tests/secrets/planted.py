"""Secrets and personal data planted in calls, and the search for them in logs, errors and requests."""

from __future__ import annotations

import base64
import json
import logging
import re
import traceback
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, quote_plus

from yarl import URL

from ev_energy_async import (
    ApiError,
    ClientCredentials,
    EvEnergy,
    EvEnergyError,
    StaticToken,
    TransportError,
)
from ev_energy_async.testing import FakeClock, MockApi, Sent
from ev_energy_async.testing.mock_api import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ev_energy_async.auth import Grant

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
HOST: Final = re.compile(re.escape(API) + "/v2/.*")
USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
PLACE: Final[Any] = {
    "address_1": STREET,
    "postal_code": POSTAL_CODE,
    "coordinates": {"latitude": float(LATITUDE), "longitude": float(LONGITUDE)},
}


def spellings(secret: str) -> set[str]:
    """Return a text as it is written in URLs, JSON and headers."""
    basic = base64.b64encode(f"an-id:{secret}".encode()).decode()
    return {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], basic}


def found_in(text: str) -> set[str]:
    return {secret for secret in PLANTED if any(each in text for each in spellings(secret))}


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
            # As other handlers format it, with its causes.
            self.texts.append(logging.Formatter().formatException(record.exc_info))
        self.texts.append(record.exc_text or "")


def texts_of(error: BaseException) -> list[str]:
    """Return everything that an error shows when it is printed, logged or inspected."""
    texts = [str(error), repr(error), *map(repr, error.args)]
    if isinstance(error, ApiError | TransportError):
        texts.append(error.as_curl())
    for name in ("request", "response", "reason", "description"):
        value = getattr(error, name, None)
        texts += [str(value), repr(value)]
    # As an unexpected error appears in the log of a program, with its causes.
    texts += traceback.format_exception(error)
    return texts


def check(heard: Listener, network: MockApi, error: BaseException | None = None) -> None:
    """Fail if a secret was logged, raised or sent to another origin."""
    in_logs = {text: found for text in heard.texts if (found := found_in(text))}
    assert not in_logs, f"logged: {in_logs}"
    in_error = {text: found for text in (texts_of(error) if error else ()) if (found := found_in(text))}
    assert not in_error, f"shown by {type(error).__name__}: {in_error}"
    for sent in network.sent:
        if not sent.url.startswith(f"{API}/"):
            # A presigned URL is a permission of its own, and has to be sent.
            told = f"{sent.url} {dict(sent.headers)} {sent.body!r}".replace(PRESIGNED, "")
            assert not found_in(told), f"sent to another origin: {told}"


def token_answer(_: Sent) -> Answer:
    return Answer({"access_token": TOKEN, "refresh_token": REFRESH_TOKEN, "token_type": "Bearer", "expires_in": 3600})


def client(auth: Grant | StaticToken | None = None, **options: Any) -> EvEnergy:
    given = auth or ClientCredentials("an-id", CLIENT_SECRET)
    return EvEnergy(given, user=USER, clock=FakeClock(), label="planted", **options)


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
    """Return a handler that repeats the input, as careless servers do: in prose, by field and as a member."""

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


async def outcome(call: Call, ev: EvEnergy) -> BaseException | None:
    try:
        async with ev:
            await call(ev)
    except (EvEnergyError, TimeoutError) as error:
        return error
    return None
