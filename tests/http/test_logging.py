"""The log: silent unless asked, then a line a request, and never what must not be in a log."""

from __future__ import annotations

import datetime as dt
import logging
import re
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from ev_energy_async import (
    ApiError,
    Budget,
    ClientCredentials,
    EvEnergy,
    EvEnergyError,
    Retry,
    StaticToken,
    TransportError,
)
from tests.conftest import Answer, FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Network, Sent

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
TOKEN_URL: Final = "https://api.ev.energy/o/token/"
LOGGER: Final = "ev_energy_async"

SECRETS: Final = ("cl13nt-s3cr3t", "t0k3n-one", "t0k3n-two", "r3fr3sh", "h34d3r-value")
PERSONAL: Final = (
    "kim@example.com",
    "kim%40example.com",
    "1 Planted Street",
    "51.50123",
    "-0.12345",
    "AB1 2CD",
    "Kim P",
)
PLANTED: Final = (*SECRETS, *PERSONAL)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that the package logs, at the finest level."""
    caplog.set_level(logging.DEBUG, logger=LOGGER)
    return caplog


def ours(log: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what the package logged; asyncio may log by itself in debug mode."""
    return [record for record in log.records if record.name == LOGGER]


def messages(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in ours(log)]


# --- Silent


_PROGRAM: Final = """
import asyncio, logging
from ev_energy_async import EvEnergy, StaticToken, EvEnergyError, Retry

async def main():
    async with EvEnergy(StaticToken("t"), base_url="http://127.0.0.1:1/v2", retry=Retry(base=0), version="x") as ev:
        try:
            await ev.regions.list()
        except EvEnergyError:
            pass

asyncio.run(main())
logger = logging.getLogger("ev_energy_async")
assert not [handler for handler in logger.handlers if not isinstance(handler, logging.NullHandler)]
assert logger.level == logging.NOTSET
assert not logging.getLogger().handlers
"""


def test_a_program_that_asks_for_no_log_gets_none() -> None:
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=False)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


async def test_at_the_level_of_info_ordinary_calls_and_retries_say_nothing(
    caplog: pytest.LogCaptureFixture, ev: EvEnergy, network: Network
) -> None:
    caplog.set_level(logging.INFO, logger=LOGGER)
    network.answer("GET", "/regions", status=503)
    network.answer("GET", "/regions", [])
    network.answer("GET", "/users", status=404)

    await ev.regions.list()
    with pytest.raises(EvEnergyError):
        await ev.users.list()

    assert ours(caplog) == []


# --- A line a request


async def test_a_line_has_method_path_status_duration_attempt_and_budget(
    log: pytest.LogCaptureFixture, ev: EvEnergy, network: Network
) -> None:
    headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "987"}
    network.answer("GET", f"/vehicles/{VEHICLE}?expand=trim", {"id": VEHICLE}, headers=headers)

    await ev.vehicles.get(VEHICLE, expand=["trim"])

    line = messages(log)[0]
    assert re.fullmatch(rf"GET /vehicles/{VEHICLE}: 200 in \d+ ms, attempt 1, 987 of the budget left", line)
    assert ours(log)[0].levelno == logging.DEBUG


async def test_each_attempt_and_each_wait_has_a_line(
    log: pytest.LogCaptureFixture, ev: EvEnergy, network: Network
) -> None:
    network.answer("GET", "/regions", status=503, headers={"Retry-After": "7"})
    network.fail("GET", "/regions", aiohttp.ServerDisconnectedError())
    network.answer("GET", "/regions", [])

    await ev.regions.list()

    first, again, dropped, last = messages(log)
    assert first.startswith("GET /regions: 503 in ")
    assert again == "GET /regions: attempt 1 ended with 503; the next one in 7.00 s"
    assert re.fullmatch(r"GET /regions: attempt 2 ended with ConnectionFailed; the next one in \d\.\d\d s", dropped)
    assert re.fullmatch(r"GET /regions: 200 in \d+ ms, attempt 3, 99999 of the budget left", last)


async def test_a_response_without_budget_headers_is_logged_so(
    log: pytest.LogCaptureFixture, ev: EvEnergy, network: Network
) -> None:
    network.answer("GET", "/regions", [], headers={"X-RateLimit-Remaining": "?"})

    await ev.regions.list()

    assert messages(log)[0].endswith("attempt 1, ? of the budget left")


async def test_a_label_begins_each_line(log: pytest.LogCaptureFixture, network: Network, clock: FakeClock) -> None:
    network.answer("GET", "/regions", status=500)
    network.answer("GET", "/regions", [], headers={"EvEnergy-Version": "1999-12-31"})

    async with EvEnergy(StaticToken("t"), label="fleet-a", clock=clock) as ev:
        await ev.as_user(USER).with_options(timeout=5).regions.list()

    assert len(messages(log)) == 4
    assert all(line.startswith("fleet-a: ") for line in messages(log))


async def test_a_long_wait_for_the_budget_is_a_warning(
    log: pytest.LogCaptureFixture, network: Network, clock: FakeClock
) -> None:
    network.answer("GET", "/regions", [], headers={"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0"})
    network.answer("GET", "/regions", [])

    async with EvEnergy(
        StaticToken("t"), budget=Budget(1, clock=clock), clock=clock, deadline=dt.timedelta(hours=2)
    ) as ev:
        await ev.regions.list()
        await ev.regions.list()

    warnings = [record.getMessage() for record in ours(log) if record.levelno == logging.WARNING]
    assert warnings
    assert all("request budget" in line for line in warnings)


# --- What is never in it


def _vehicle(sent: Sent) -> Answer:
    bad = 5 if "page_after" in sent.url else "ok"
    return Answer(
        [{"id": VEHICLE, "vin": bad, "location": {"address": "1 Planted Street", "latitude": "51.50123"}, "user": []}],
        headers={"Link": "<?page_after=x>; rel=next"} if bad == "ok" else {},
    )


def refused() -> Iterator[Exception]:
    """The ways in which a connection comes to nothing."""
    key = ConnectionKey("api.ev.energy", 443, True, True, None, None, None)
    yield aiohttp.ClientConnectorError(key, OSError(111, "Connection refused"))
    yield aiohttp.ServerDisconnectedError()
    yield aiohttp.InvalidURL("https://api.ev.energy/v2/users?email=kim%40example.com")
    info: Any = type("Info", (), {"real_url": "https://api.ev.energy/v2/users?email=kim%40example.com"})()
    yield aiohttp.ClientResponseError(info, (), status=400, message="bad")
    yield aiohttp.ClientPayloadError("kim@example.com")


def shown(error: BaseException) -> str:
    """Return the texts of an error that may end up in a log; the `repr` of one with a response is for debuggers."""
    parts = [str(error), *traceback.format_exception(error)]
    parts.append(error.as_curl() if isinstance(error, ApiError | TransportError) else "")
    return "".join(parts if isinstance(error, ApiError) else [*parts, repr(error)])


def find(text: str) -> list[str]:
    return [planted for planted in PLANTED if planted in text]


async def test_nothing_planted_is_logged_raised_or_shown(
    log: pytest.LogCaptureFixture, network: Network, clock: FakeClock
) -> None:
    """One client through everything that goes wrong, with secrets and personal data wherever they may be."""
    for token in ("t0k3n-one", "t0k3n-two"):
        network.answer(
            "POST",
            TOKEN_URL,
            {"access_token": token, "token_type": "Bearer", "expires_in": 36_000, "refresh_token": "r3fr3sh"},
        )
    users = re.compile(r"https://api\.ev\.energy/v2/users.*")
    person: dict[str, Any] = {
        "email": "kim@example.com",
        "first_name": "Kim P",
        "address": "1 Planted Street",
        "postal_code": "AB1 2CD",
        "latitude": 51.50123,
        "longitude": -0.12345,
    }
    problem = {"title": "Bad", "detail": None, "instance": "kim@example.com", "conflicts": [person]}
    network.answer("GET", users, status=401)
    for status in (400, 403, 404, 409, 422, 503, 520):
        network.answer("GET", users, problem, status=status)
    network.answer("GET", users, [{"id": 5, **person}])
    network.answer("GET", users, body=b"<html>kim@example.com, 1 Planted Street</html>", content_type="text/html")
    network.answer("GET", users, body=b'[{"email": "kim@example.com", ')
    for error in refused():
        network.fail("GET", users, error)
    for status in (400, 409, 500):
        network.answer("POST", "/users", problem, status=status)
    network.fail("POST", "/users", aiohttp.ServerDisconnectedError())

    texts: list[str] = []
    address = person["email"]  # not in the source of a line that a traceback shows
    body: Any = {"email": address}
    wrong: Any = {**body, "default_location": address}
    credentials = ClientCredentials("id", "cl13nt-s3cr3t")
    async with EvEnergy(credentials, user=USER, clock=clock, label="planted", retry=Retry(attempts=1)) as ev:
        view = ev.with_options(headers={"X-Mine": "h34d3r-value"})
        for _ in range(15):
            with pytest.raises(EvEnergyError) as raised:
                await view.users.list(email=address)
            texts.append(shown(raised.value))
        for _ in range(4):
            with pytest.raises(EvEnergyError) as raised:
                await view.users.create(body)
            texts.append(shown(raised.value))
        with pytest.raises(EvEnergyError) as raised:
            await view.users.create(wrong)
        texts += [shown(raised.value), repr(ev), repr(view), repr(credentials), repr(ev.stats()), repr(ev.budget)]

    assert len(texts) == 25
    assert "planted: GET /users: 404 in " in log.text
    assert [each for text in texts for each in find(text)] == []
    assert find(log.text) == []
    records = "".join(str(vars(record)) for record in ours(log))
    assert find(records) == [], "a handler that formats for itself finds nothing either"
    # And they were there to be found.
    sent = "".join(f"{each.url} {dict(each.headers)} {each.body!r}" for each in network.sent)
    assert {"t0k3n-one", "t0k3n-two", "h34d3r-value", "kim%40example.com", "kim@example.com"} <= set(find(sent))


async def test_drift_and_skipped_items_are_logged_without_their_values(
    log: pytest.LogCaptureFixture, network: Network, clock: FakeClock
) -> None:
    network.handle("GET", re.compile(r"https://api\.ev\.energy/v2/vehicles.*"), _vehicle)

    async with EvEnergy(StaticToken("t0k3n-one"), on_bad_item="skip", clock=clock) as ev:
        await ev.vehicles.list().all()

    assert "departs from its schema" in log.text
    assert find(log.text) == []


async def test_records_carry_their_facts_as_fields(
    network: Network, clock: FakeClock, log: pytest.LogCaptureFixture
) -> None:
    network.answer("GET", "/regions", status=503, headers={"Retry-After": "1"})
    network.answer("GET", "/regions", [], headers={"X-Request-ID": "abc\x1b[31m"})
    async with EvEnergy(StaticToken("t"), clock=clock) as ev:
        await ev.regions.list()

    first, retried, last = [vars(record) for record in ours(log) if hasattr(record, "operation")]
    assert {each["operation"] for each in (first, retried, last)} == {"regions.list"}
    assert (first["status"], first["attempt"], first["request_id"]) == (503, 1, None)
    assert (retried["attempt"], retried["delay"]) == (1, 1)
    assert (last["status"], last["attempt"]) == (200, 2)
    assert last["request_id"].startswith("abc")
    assert last["request_id"].isprintable()
    assert 0 <= last["duration"] < 60
