"""Connecting a vehicle: the URL for the browser, what the browser brings back, and where to start."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from ev_energy_async import (
    ClientCredentials,
    EvEnergy,
    InvalidArgument,
    StaticToken,
)
from ev_energy_async.onboarding import parse_onboarding_redirect

if TYPE_CHECKING:
    from tests.conftest import Network

USER: Final = "user01HN2NJ9NMRZBXT1H6FT9N7735"
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
OTHER: Final = "vhcl01HN2NJ9NMRZBXT1H6FT9N7735"
MAKE: Final = "vmak01HRFF3SEVSCRAV9B3CHVDFN0H"
MODEL: Final = "vmod01HRFF3SEVSCRAV9B3CHVDFN0H"
TRIM: Final = "trim01HRFF3SEVSCRAV9B3CHVDFN0H"
BASE: Final = "https://api.ev.energy/v2"


# --- Onboarding: the address


def registered(**options: Any) -> EvEnergy:
    return EvEnergy(ClientCredentials("my&app", "s3cr3t"), **options)


def test_the_address_names_application_user_choice_and_return() -> None:
    back = "https://app.example/back?tab=1&x=é"
    url = registered().onboarding_url(USER, make=f"{BASE}/vehicle_makes/{MAKE}/", redirect_uri=back)

    assert url.startswith(f"{BASE}/vehicle_onboarding?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["my&app"],
        "user_id": [USER],
        "make_id": [MAKE],
        "redirect_uri": [back],
    }
    assert "s3cr3t" not in url


@pytest.mark.parametrize(("choice", "key"), [({"model": MODEL}, "model_id"), ({"trim": TRIM}, "trim_id"), ({}, None)])
def test_the_choice_may_be_finer_or_left_to_the_user(choice: Any, key: str | None) -> None:
    query = parse_qs(urlsplit(registered().onboarding_url(f"{BASE}/users/{USER}", **choice)).query)

    assert set(query) == {"client_id", "user_id"} | ({key} if key else set())


@pytest.mark.parametrize(
    ("user", "given", "argument"),
    [
        (VEHICLE, {}, "user"),
        (USER, {"make": MODEL}, "make"),
        (USER, {"model": MAKE}, "model"),
        (USER, {"make": MAKE, "trim": TRIM}, "trim"),
        (USER, {"redirect_uri": "/back"}, "redirect_uri"),
        (USER, {"redirect_uri": "https:back"}, "redirect_uri"),
        (USER, {"redirect_uri": "https://[/back"}, "redirect_uri"),
        (USER, {"redirect_uri": 5}, "redirect_uri"),
    ],
)
def test_an_address_that_would_lead_nowhere_is_refused(user: str, given: Any, argument: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        registered().onboarding_url(user, **given)

    assert raised.value.argument == argument


@pytest.mark.parametrize("auth", [None, StaticToken("t0k3n")])
def test_a_client_without_an_application_has_no_address(auth: Any) -> None:
    with pytest.raises(InvalidArgument, match="client ID") as raised:
        EvEnergy(auth).onboarding_url(USER)

    assert "t0k3n" not in str(raised.value)


# --- Onboarding: the way back


@pytest.mark.parametrize(
    ("url", "vehicles"),
    [
        (f"https://app.example/back?vehicle_uid={VEHICLE}", (VEHICLE,)),
        (f"https://app.example/back?tab=1&vehicle_uid={VEHICLE}&vehicle_uid={OTHER}#top", (VEHICLE, OTHER)),
        (f"myapp://back?vehicle_uid={VEHICLE}&vehicle_uid={VEHICLE}", (VEHICLE,)),
        (f"vehicle_uid={VEHICLE}", (VEHICLE,)),
        ("https://app.example/back?vehicle_uid=", ()),
        ("https://app.example/back?error=access_denied", ()),
        ("https://app.example/back?", ()),
    ],
)
def test_a_redirect_names_each_vehicle_once(url: str, vehicles: tuple[str, ...]) -> None:
    assert parse_onboarding_redirect(url).vehicle_ids == vehicles


@pytest.mark.parametrize(
    "url", ["https://app.example/back", "myapp://back", "/back", f"https://vehicle_uid={VEHICLE}/"]
)
def test_a_redirect_without_a_query_names_no_vehicle(url: str) -> None:
    result = parse_onboarding_redirect(url)

    assert result.vehicle_ids == ()
    assert result.parameters == {}


def test_the_other_parameters_of_a_redirect_are_kept() -> None:
    result = parse_onboarding_redirect("https://app.example/back?error=denied&tab=1&tab=2&empty=")

    assert result.parameters == {"error": ("denied",), "tab": ("1", "2"), "empty": ("",)}


@pytest.mark.parametrize("url", ["https://[?vehicle_uid=", None, b"https://app.example/back"])
def test_a_redirect_that_is_no_address_is_refused(url: Any) -> None:
    with pytest.raises(InvalidArgument, match="url"):
        parse_onboarding_redirect(url)


def test_a_redirect_with_something_else_for_a_vehicle_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="vehicle_uid"):
        parse_onboarding_redirect(f"https://app.example/back?vehicle_uid={USER}")


# --- Onboarding: where to start


def entry(kind: str, number: str, name: str, url: str | None) -> dict[str, Any]:
    return {"id": f"{kind}01HRFF3SEVSCRAV9B3CHVDFN{number}", "name": name, "onboarding_url": url}


A, B, C = (f"https://login.example/{letter}" for letter in "abc")


def catalogue(network: Network, make_url: str | None) -> None:
    """A make of two models: the first is specific enough, the second has two trims of which one is."""
    first, second = (entry("vmod", number, name, url) for number, name, url in (("01", "One", A), ("02", "Two", None)))
    trims = [entry("trim", "03", "Base", None), entry("trim", "04", "Sport", B)]
    network.answer("GET", f"/vehicle_makes/{MAKE}", {**entry("vmak", "0H", "M", make_url), "id": MAKE}, repeat=True)
    models = re.compile(re.escape(f"{BASE}/vehicle_models?make_id={MAKE}"))
    network.answer("GET", models, [first, second], repeat=True)
    for model, found in ((first, []), (second, trims)):
        network.answer("GET", re.compile(re.escape(f"{BASE}/vehicle_trims?model_id={model['id']}")), found, repeat=True)


@pytest.mark.parametrize(
    ("make_url", "choice", "found", "requests"),
    [
        (C, {}, C, 1),
        (None, {}, A, 2),
        (None, {"model": "one"}, A, 2),
        (None, {"model": "TWO"}, B, 3),
        (None, {"model": "Two", "trim": "sport"}, B, 3),
        (None, {"model": "Two", "trim": "Base"}, None, 3),
        (C, {"model": "Two"}, B, 3),
        (C, {"model": "Three"}, None, 2),
        (C, {"model": "One", "trim": "Sport"}, None, 3),
        (None, {"trim": "Sport"}, B, 4),
    ],
)
async def test_the_walk_stops_at_the_first_address_that_is_meant(
    ev: EvEnergy, network: Network, make_url: str | None, choice: Any, found: str | None, requests: int
) -> None:
    catalogue(network, make_url)

    assert await ev.find_onboarding_url(MAKE, **choice) == found
    assert len(network.sent) == requests


async def test_the_walk_is_in_the_context_of_a_user(ev: EvEnergy, network: Network) -> None:
    catalogue(network, None)

    await ev.as_user(USER).find_onboarding_url(MAKE, model="Two")

    assert {sent.headers.get("EvEnergy-User") for sent in network.sent} == {f"{BASE}/users/{USER}"}
