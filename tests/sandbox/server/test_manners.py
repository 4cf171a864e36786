"""The sandbox's behaviour on the wire, common to all operations."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.sandbox.protocol import load
from tests.sandbox.conftest import START, Answer, Client

RATE_LIMIT_PROBLEM = "https://api.ev.energy/v2/problems/rate-limit-exceeded/"


@pytest.fixture
async def narrow(clock: SteppedClock) -> AsyncIterator[Client]:
    """A client of a sandbox that allows three requests an hour, two without a token."""
    async with (
        Sandbox(vehicles=5, rate_limit=3, anonymous_rate_limit=2, clock=clock) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        yield Client(sandbox, session)


def _problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["status"] == status
    assert answer.body["title"]
    assert answer.body["detail"]


async def test_every_response_has_version_and_limit(client: Client) -> None:
    for number, target in enumerate(["/vehicles", "/vehicles?page_size=0", "/nowhere", "/tariffs", "/"], start=1):
        answer = await client.get(target)
        assert answer.headers["EvEnergy-Version"] == load().version
        assert answer.headers["X-RateLimit-Limit"] == "1000"
        assert answer.headers["X-RateLimit-Remaining"] == str(1_000 - number)


async def test_the_hour_rolls(narrow: Client) -> None:
    for remaining in ("2", "1", "0"):
        answer = await narrow.get("/vehicles")
        assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (200, remaining)
        narrow.sandbox.advance(600.5)
    answer = await narrow.get("/vehicles")
    _problem(answer, 429)
    assert answer.body["type"] == RATE_LIMIT_PROBLEM
    assert answer.headers["Retry-After"] == "1799"
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    narrow.sandbox.advance(1_798)
    assert (await narrow.get("/vehicles")).status == 429
    narrow.sandbox.advance(1)
    assert (await narrow.get("/vehicles")).status == 200
    assert (await narrow.get("/vehicles")).status == 429


async def test_each_user_and_each_address_has_a_limit_of_its_own(narrow: Client) -> None:
    statuses = [(await narrow.get("/vehicles")).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    narrow.token = narrow.sandbox.issue_token()  # another token of the same application
    assert (await narrow.get("/vehicles")).status == 429
    user = next(iter(narrow.sandbox.world.users))
    narrow.token = narrow.sandbox.issue_token(user=user.id)
    assert (await narrow.get("/vehicles")).headers["X-RateLimit-Remaining"] == "2"
    narrow.token = None
    statuses = [(await narrow.get("/vehicle_makes")).status for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_anonymous_callers_have_fifty_requests(client: Client) -> None:
    client.token = None
    answer = await client.get("/evse_models")
    assert answer.status == 200
    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-RateLimit-Remaining"]) == ("50", "49")


async def test_a_token_is_needed_unless_the_operation_is_public(client: Client) -> None:
    client.token = None
    answer = await client.get("/vehicles")
    _problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await client.get("/vehicle_makes")).status == 200


@pytest.mark.parametrize("target", ["/vehicles", "/vehicle_makes"])
@pytest.mark.parametrize("authorization", ["Bearer unknown", "Basic abc", "Bearer"])
async def test_an_invalid_token_is_401_on_public_operations_too(
    client: Client, target: str, authorization: str
) -> None:
    _problem(await client.get(target, headers={"Authorization": authorization}), 401)


async def test_unknown_paths_and_methods(client: Client) -> None:
    for target in ("/nowhere", "/vehicles/", "/vehicles/x/y/z", "/user_rebates/abc%3Asubmit/x"):
        _problem(await client.get(target), 404)
    for target in ("/v1/vehicles", "/v2x", "/v2vehicles", "/", "/v2/vehicles/../users"):
        _problem(await client.get(client.sandbox.origin + target), 404)
    answer = await client.call("PUT", "/vehicles")
    _problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    _problem(await client.call("TRACE", "/vehicles"), 405)
    assert (await client.call("HEAD", "/vehicle_onboarding/complete")).status == 405


async def test_head_has_the_headers_of_get_and_no_body(client: Client) -> None:
    got, head = await client.get("/vehicles?page_size=3"), await client.call("HEAD", "/vehicles?page_size=3")
    assert (head.status, head.body) == (200, None)
    for name in ("Content-Type", "Content-Length", "Link", "EvEnergy-Version"):
        assert head.headers[name] == got.headers[name]
    assert head.headers["X-RateLimit-Remaining"] == "998"
    assert (await client.call("HEAD", "/vehicles?page_size=0")).status == 400


async def test_options_lists_the_methods_without_a_token(client: Client) -> None:
    client.token = None
    answer = await client.call("OPTIONS", "/vehicles")
    assert (answer.status, answer.body, answer.headers["Allow"]) == (204, None, "GET, HEAD, OPTIONS, POST")
    _problem(await client.call("OPTIONS", "/nowhere"), 404)


async def test_a_missing_scope_is_named_in_the_challenge(client: Client) -> None:
    client.token = client.sandbox.issue_token(scopes=["user:read"])
    answer = await client.get("/vehicles")
    _problem(answer, 403)
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope", scope="vehicle:read"' in challenge


async def test_what_is_embedded_may_need_a_scope_of_its_own(client: Client) -> None:
    client.token = client.sandbox.issue_token(scopes=["tariff:read"])
    plain = await client.call("GET", "/tariffs?page_size=1")
    assert plain.status == 200
    path = f"/tariffs/{plain.body[0]['id']}"
    assert (await client.call("GET", f"{path}?expand=supplier")).status == 200

    refused = await client.call("GET", f"{path}?expand=prices")

    _problem(refused, 403)
    assert "tariff:prices:read" in refused.body["detail"]


async def test_the_language_implies_the_country_if_none_is_given(client: Client) -> None:
    models = [each["id"] for each in (await client.call("GET", "/vehicle_models?page_size=100")).body]

    async def supported(query: str, headers: dict[str, str]) -> list[bool]:
        path = "/vehicle_compatibility/check?vehicle_model_id="
        answers = [await client.call("GET", f"{path}{model}{query}", headers=headers) for model in models]
        return [answer.body["compatible"] for answer in answers]

    in_germany = await supported("", {"Accept-Language": "de-DE, en;q=0.5"})
    assert in_germany == await supported("&country=DE", {})
    assert in_germany != await supported("", {}), "without either it is the US"


async def test_the_token_of_a_user_who_is_gone_opens_nothing(client: Client) -> None:
    user = next(iter(client.sandbox.world.users))
    client.token = client.sandbox.issue_token(user=user.id)
    assert (await client.get("/vehicles")).status == 200
    client.sandbox.world.users.remove(user.id)
    _problem(await client.get("/vehicles"), 401)


async def test_a_colon_is_syntax_and_an_encoded_one_is_not(client: Client) -> None:
    await client.call("POST", "/user_rebates/rbtu1:submit")
    await client.call("POST", "/user_rebates/rbtu1%3Asubmit")
    first, second = list(client.sandbox.requests)
    assert first.operation == "user_rebates.submit"
    assert (second.operation, second.status) == (None, 405)


@pytest.mark.parametrize("accept", ["text/html", "text/*, image/png", "application/json;q=0, text/html"])
async def test_an_accept_without_json_is_406(client: Client, accept: str) -> None:
    _problem(await client.get("/vehicles", headers={"Accept": accept}), 406)


@pytest.mark.parametrize(
    "accept", ["*/*", "application/*;q=0.1", "text/html, APPLICATION/JSON; q=0.5", "application/problem+json", ""]
)
async def test_an_accept_that_admits_json(client: Client, accept: str) -> None:
    assert (await client.get("/vehicles", headers={"Accept": accept})).status == 200


async def test_versions(client: Client) -> None:
    assert (await client.get("/vehicles", headers={"EvEnergy-Version": load().version})).status == 200
    answer = await client.get("/vehicles", headers={"EvEnergy-Version": "3"})
    _problem(answer, 400)
    assert "EvEnergy-Version" in answer.body["field_errors"]
    assert answer.headers["EvEnergy-Version"] == load().version


async def test_the_user_header_narrows_lists(client: Client) -> None:
    user = next(user for user in client.sandbox.world.users if len(user.vehicles) == 2)
    for value in (user.id, f"{client.sandbox.base_url}/users/{user.id}", f"https://api.ev.energy/v2/users/{user.id}/"):
        headers = {"EvEnergy-User": value}
        vehicles = (await client.get("/vehicles", headers=headers)).body
        assert {vehicle["id"] for vehicle in vehicles} == {vehicle.id for vehicle in user.vehicles}
        assert [entry["id"] for entry in (await client.get("/users", headers=headers)).body] == [user.id]
        evses = (await client.get("/evses", headers=headers)).body
        assert {evse["id"] for evse in evses} == {evse.id for evse in user.evses}


async def test_in_a_users_context_other_peoples_vehicles_are_not_there(client: Client) -> None:
    first, second = list(client.sandbox.world.users)[:2]
    headers = {"EvEnergy-User": first.id}
    assert (await client.get(f"/vehicles/{first.vehicles[0].id}", headers=headers)).status == 200
    assert (await client.get(f"/vehicles/{second.vehicles[0].id}", headers=headers)).status == 404


@pytest.mark.parametrize("value", ["user00000000000000000000000000", "https://x/users/", "nobody", ""])
async def test_an_unknown_user_is_400(client: Client, value: str) -> None:
    answer = await client.get("/vehicles", headers={"EvEnergy-User": value})
    _problem(answer, 400)
    assert "EvEnergy-User" in answer.body["field_errors"]


async def test_a_user_is_required_where_the_operation_says_so_and_ignored_elsewhere(client: Client) -> None:
    answer = await client.get("/incentive_schemes")
    assert answer.status == 400
    assert "EvEnergy-User" in answer.body["field_errors"]
    user = next(iter(client.sandbox.world.users))
    assert (await client.get("/incentive_schemes", headers={"EvEnergy-User": user.id})).status == 200
    answer = await client.get(f"/users/{user.id}", headers={"EvEnergy-User": "nobody"})
    assert answer.status == 200


async def test_me_is_the_user_whose_token_it_is(client: Client) -> None:
    assert (await client.get("/users/me")).status == 404
    first, second = list(client.sandbox.world.users)[:2]
    client.token = client.sandbox.issue_token(user=second.id)
    assert (await client.get("/users/me")).body["id"] == second.id
    assert (await client.get(f"/users/{first.id}")).status == 404
    assert [user["id"] for user in (await client.get("/users")).body] == [second.id]
    logs = await client.get(f"/vehicles/{first.vehicles[0].id}/status_logs")
    assert logs.status == 404


async def test_onboarding_links_say_who_asked(client: Client) -> None:
    user = next(iter(client.sandbox.world.users))
    (plain, named) = (
        (await client.get("/vehicle_makes")).body[0]["onboarding_url"],
        (await client.get("/vehicle_makes", headers={"EvEnergy-User": user.id})).body[0]["onboarding_url"],
    )
    assert "client_id=sandbox-client" in plain
    assert "user_id" not in plain
    assert f"user_id={user.id}" in named
    client.token = None
    assert "client_id" not in (await client.get("/vehicle_makes")).body[0]["onboarding_url"]


async def test_the_record_contains_requests_but_no_secret(client: Client) -> None:
    await client.get("/vehicles?page_size=1", headers={"User-Agent": "tests", "EvEnergy-Version": load().version})
    (served,) = client.sandbox.requests
    assert (served.method, served.path, served.status, served.operation, served.at) == (
        "GET",
        "/v2/vehicles?page_size=1",
        200,
        "vehicles.list",
        START,
    )
    assert served.headers["Authorization"] == "Bearer"
    assert served.headers["User-Agent"] == "tests"
    assert str(client.token) not in repr(served)
