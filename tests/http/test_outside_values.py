"""Headers and texts of a server, of any length and script: read, bounded and shown without harm."""

from __future__ import annotations

import datetime as dt
import pickle
from copy import copy
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ev_energy_async import (
    AuthError,
    AuthUnavailable,
    BadRequest,
    ConnectionFailed,
    DecodeError,
    EvEnergy,
    EvEnergyError,
    NotFound,
    RateLimited,
    ReauthenticationRequired,
    Request,
    Response,
    Retry,
    StaticToken,
    TransportError,
    Unauthorized,
)
from ev_energy_async.http.retry import retry_after
from ev_energy_async.messages import Operation
from ev_energy_async.messages.headers import count, seconds_stated
from tests.conftest import START

if TYPE_CHECKING:
    from ev_energy_async.messages import Handler, RawResponse
    from tests.conftest import FakeClock, Network

HUGE: Final = "9" * 5_000
ODD: Final = [HUGE, "-1", "1e9", "٣", "²", "1_000", " ", "NaN", "inf", "0x10", "1.5.5", "🚗", "\uff11\uff12"]
NAMES: Final = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "Retry-After", "Date", "Link", "EvEnergy-Version"]
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
ONCE: Final = Retry(attempts=1)


@pytest.mark.parametrize("value", [each for each in ODD if each.isascii()])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [200, 429, 503])
async def test_no_header_ends_in_a_foreign_exception(
    ev: EvEnergy, network: Network, status: int, name: str, value: str
) -> None:
    network.answer("GET", "/regions", [], status=status, headers={name: value}, repeat=True)

    try:
        response = await ev.with_options(retry=ONCE).regions.list.with_response()
    except EvEnergyError:
        assert status != 200
    else:
        assert status == 200
        assert response.rate_limit is None or response.rate_limit.remaining < 10**15


@given(st.text(max_size=30) | st.sampled_from(ODD) | st.from_regex(r"[0-9.]{0,20}", fullmatch=True))
def test_numbers_are_read_or_they_are_none(text: str) -> None:
    number, seconds = count(text), seconds_stated(text)

    assert number is None or 0 <= number < 10**15
    assert seconds is None or 0 <= seconds <= 366 * 86_400
    Response(request(), "", 200, {"X-RateLimit-Limit": text, "X-RateLimit-Remaining": text}, b"", b"").rate_limit  # noqa: B018  # reading it is the test


@pytest.mark.parametrize(
    ("text", "seconds"), [("1.5", 1.5), ("0.25", 0.25), ("7", 7.0), ("1767225600", 3_600.0), (HUGE, 3_600.0)]
)
def test_a_wait_after_429_is_read_with_its_fraction_and_never_longer_than_the_window(text: str, seconds: float) -> None:
    assert retry_after(429, {"Retry-After": text}, START) == seconds


def test_a_date_far_away_is_the_end_of_the_window() -> None:
    date = (START + dt.timedelta(days=3)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert retry_after(429, {"Retry-After": date}, START) == 3_600
    assert retry_after(503, {"Retry-After": date}, START) == 3 * 86_400


async def test_the_error_states_the_bounded_wait(ev: EvEnergy, network: Network, clock: FakeClock) -> None:
    network.problem("GET", "/regions", 429, headers={"Retry-After": "1767225600"})

    with pytest.raises(RateLimited) as raised:
        await ev.regions.list()

    assert raised.value.retry_after == 3_600
    assert raised.value.retry_at == clock.now() + dt.timedelta(hours=1)


# --- Texts


def request(path: str = "/regions", query: str = "", **fields: Any) -> Request[Any]:
    return Request(Operation(name="regions.list", method="GET", path=path), path, query, **fields)


EVIL: Final = "\x1b]0;owned\x07\x1b[2J\r\nGET /x\u202egnp.exe\u2028"


async def test_what_a_server_says_is_escaped_and_cut(ev: EvEnergy, network: Network) -> None:
    network.problem("GET", "/regions", 400, detail=EVIL + "x" * 1_000_000)

    with pytest.raises(BadRequest) as raised:
        await ev.regions.list()

    for text in (str(raised.value), repr(raised.value), str(raised.value.problem)):
        assert text.isprintable()
        assert len(text) < 2_000
    assert r"\x1b[2J\r\nGET /x\u202e" in str(raised.value)
    assert raised.value.problem.detail is not None
    assert raised.value.problem.detail.startswith(EVIL), "the text itself stays as it is"


def test_so_are_the_words_of_other_errors() -> None:
    for error in (
        DecodeError(f"not {EVIL}", f"$.{EVIL}"),
        AuthError("invalid_grant", EVIL),
        ConnectionFailed(request(), EVIL),
        AuthUnavailable(EVIL),
    ):
        assert str(error).isprintable()


@pytest.mark.parametrize("token", ["secret-token-of-the-call", "planted/with+odd=characters"])
async def test_a_token_that_a_server_quotes_back_is_masked(network: Network, token: str) -> None:
    problem = {"title": f"Token {token}", "detail": f"Token {token} is not valid", "input": {"bearer": [token]}}
    network.answer("GET", "/regions", problem, status=403, content_type="application/problem+json")
    async with EvEnergy(StaticToken(token)) as ev:
        with pytest.raises(EvEnergyError) as raised:
            await ev.regions.list()

    error: Any = raised.value
    assert str(error).count("***") == 2
    assert token not in f"{error} {error!r} {error.problem.detail} {error.problem.extensions}"
    assert token not in str(pickle.loads(pickle.dumps(error)))  # noqa: S301  # our own


def test_a_pasted_command_line_runs_nothing_of_the_servers() -> None:
    shown = request("/vehicles/$(reboot)", "page_after=$(id)`id`'\"").as_curl()

    assert shown.endswith("""'/vehicles/$(reboot)?page_after=$(id)`id`'"'"'"'""")


# --- What the errors are


def test_asking_the_user_again_is_one_clause() -> None:
    assert issubclass(AuthError, ReauthenticationRequired)
    assert issubclass(Unauthorized, ReauthenticationRequired)
    assert not issubclass(TransportError, ReauthenticationRequired)


class Unreachable:
    """An auth whose source of tokens is down for a while."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    async def access_token(self, *, rejected: str | None = None) -> str:
        self.left -= 1
        if self.left >= 0:
            raise AuthUnavailable("Home Assistant cannot reach the provider")
        return f"token-after-{rejected}"


async def test_an_outage_of_the_callers_own_auth_is_waited_out(network: Network, clock: FakeClock) -> None:
    network.answer("POST", f"/vehicles/{VEHICLE}/reconnect", {})
    async with EvEnergy(Unreachable(2), clock=clock) as ev:
        await ev.vehicles.reconnect(VEHICLE)
        assert ev.stats().retries == 2
        assert ev.budget.used == 1, "the API saw one request"


async def test_an_outage_that_lasts_names_the_call(network: Network, clock: FakeClock) -> None:  # noqa: ARG001  # no wire
    async with EvEnergy(Unreachable(100), clock=clock) as ev:
        with pytest.raises(AuthUnavailable, match="GET /regions: Home Assistant") as raised:
            await ev.regions.list()

    assert (raised.value.transient, raised.value.unsent) == (True, True)
    again: AuthUnavailable = pickle.loads(pickle.dumps(raised.value))  # noqa: S301  # our own
    assert str(again) == str(raised.value)
    assert str(AuthUnavailable("down")) == "no access token for the moment: down"


@pytest.mark.parametrize(
    ("path", "kind", "suspected"),
    [
        ("/regions", "application/problem+json", True),
        (f"/vehicles/{VEHICLE}", "text/html", True),
        (f"/vehicles/{VEHICLE}", "application/problem+json", False),
    ],
)
async def test_a_path_that_no_route_has_makes_base_url_suspect(
    ev: EvEnergy, network: Network, path: str, kind: str, suspected: bool
) -> None:
    network.answer("GET", path, {"title": "Not Found", "detail": "Nothing here."}, status=404, content_type=kind)

    with pytest.raises(NotFound) as raised:
        await (ev.regions.list() if path == "/regions" else ev.vehicles.get(VEHICLE))

    assert ("api.ev.energy has no such path: check base_url" in str(raised.value)) is suspected


async def test_an_error_survives_pickle_whatever_was_to_be_done_with_items(network: Network) -> None:
    network.answer("GET", "/regions", {"title": "no"}, status=404)

    async def choosing(request: Request[Any], handler: Handler) -> RawResponse:
        return await handler(copy(request).changed(pick=lambda items: items))

    async with EvEnergy(on_bad_item=lambda _: None, middleware=[choosing]) as ev:
        with pytest.raises(NotFound) as raised:
            await ev.regions.list(on_bad_item=lambda _: None)

    request = raised.value.response.request
    assert request.pick is not None
    assert copy(request) is request
    assert copy(request.options) is request.options
    again: NotFound = pickle.loads(pickle.dumps(raised.value))  # noqa: S301  # our own bytes
    kept = again.response.request
    assert (kept.pick, kept.on_bad_item, kept.options.on_bad_item) == (None, None, "raise")
    assert (kept.target, kept.options.timeout) == (request.target, request.options.timeout)
    assert str(again) == str(raised.value)
