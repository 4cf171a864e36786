"""Each operation on the wire: its request, and its decoded response.

The expectation is worked out from the document, by a reader of its own; the code under test is called as a user calls
it. Arguments take every parameter that there is, so no row of an operation's table goes unseen.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import ev_energy_async
from ev_energy_async import EvEnergy, InvalidArgument, Page, Paginator, __version__, api, codec, models
from ev_energy_async.client import BASE_URL
from tests.openapi import TIME, TIME_TEXT, ULID, Document, Operation, differences, document

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Network, Sent

USER = f"user{ULID}"
VEHICLE = f"vhcl{ULID}"
TABLES = Path(ev_energy_async.__file__).parent / "sandbox" / "document.json"
NAMES: dict[tuple[str, str], str] = {
    (each["method"], each["path"]): name for name, each in json.loads(TABLES.read_text("utf-8"))["operations"].items()
}
ANYWHERE = re.compile(re.escape(BASE_URL))


def endpoint(ev: EvEnergy, operation: Operation) -> Callable[..., Any]:
    """The function of an operation, as the client has it."""
    group, _, name = NAMES[operation.method, operation.path].partition(".")
    found: Callable[..., Any] = getattr(getattr(ev, group), name)
    return found


def arguments(operation: Operation) -> tuple[list[Any], dict[str, Any]]:
    """A value for each parameter, and the body."""
    positional = [each.value for each in operation.placed("path")]
    if operation.body is not None and operation.body != {}:
        positional.append(operation.body)
    keywords = {each.python: each.value for where in ("query", "header") for each in operation.placed(where)}
    if operation.redirects:
        # It would ask for JSON in place of the redirect.
        keywords.pop("response_type", None)
    return positional, keywords


def answer(network: Network, operation: Operation) -> Any:
    """Register the answer that the document gives as an example; returns its body."""
    status, media = operation.success
    if operation.redirects:
        network.answer(operation.method, ANYWHERE, status=302, headers={"Location": "https://connect.example.com/?a=b"})
        return None
    if media is None:
        network.answer(operation.method, ANYWHERE, status=status)
        return None
    example = operation.document.example(media)
    network.answer(operation.method, ANYWHERE, example, status=status, headers={"EvEnergy-Version": "2"})
    return example


def check_url(operation: Operation, sent: Sent) -> None:
    target, _, query = sent.url.partition("?")
    assert target == BASE_URL + operation.target
    pairs = query.split("&") if query else []
    expected = [pair for pair in operation.query if not (operation.redirects and pair.startswith("response_type="))]
    # In whatever order of names; the values of one name stay as they were given.
    assert sorted(pairs, key=lambda pair: pair.partition("=")[0]) == expected


def check_headers(operation: Operation, sent: Sent) -> None:
    expected = {
        "Accept": "application/json, application/problem+json",
        "User-Agent": f"ev-energy-async/{__version__} aiohttp/{aiohttp.__version__}",
        "EvEnergy-Version": "2",
        "EvEnergy-User": f"{BASE_URL}/users/{USER}",
        "Authorization": "Bearer token-of-the-tests",
        **{each.name: each.texts[0] for each in operation.placed("header")},
    }
    if operation.body is not None:
        expected["Content-Type"] = "application/json"
    assert dict(sent.headers) == expected


def check_result(operation: Operation, result: Any, example: Any) -> None:
    """The answer has the type that the schema names, and encoded again it is the answer."""
    _, media = operation.success
    if media is None:
        assert result is None
        return
    schema = operation.document.resolve(media["schema"])
    if operation.is_list:
        items: list[Any] = [*result]
        assert isinstance(result, Page)
        listed = example
        if schema.get("type") != "array":
            key = next(key for key, each in schema["properties"].items() if each.get("type") == "array")
            listed, schema = example[key], {"items": schema["properties"][key]["items"]}
        assert len(items) == len(listed) > 0
        for item, each in zip(items, listed, strict=True):
            check_item(operation.document, schema["items"], item, each)
    else:
        check_item(operation.document, media["schema"], result, example)


def check_item(doc: Document, schema: dict[str, Any], item: Any, example: Any) -> None:
    named = schema.get("$ref", "").removeprefix("#/components/schemas/")
    shape = doc.resolve(schema)
    is_object = shape.get("type") == "object" or "properties" in shape
    if named and is_object:
        assert type(item) is getattr(models, named)
    elif is_object and shape.get("properties"):
        assert type(item).__name__ in models.__all__
    assert differences(example, json.loads(codec.encode(item))) == []


@pytest.mark.parametrize("operation", document().operations, ids=str)
async def test_an_operation_sends_what_the_document_says_and_returns_what_comes_back(
    ev: EvEnergy, network: Network, caplog: pytest.LogCaptureFixture, operation: Operation
) -> None:
    example = answer(network, operation)
    positional, keywords = arguments(operation)
    called = endpoint(ev.as_user(USER), operation)(*positional, **keywords)
    result = await called
    assert isinstance(called, Paginator) is operation.is_list
    [sent] = network.sent
    assert sent.method == operation.method
    check_url(operation, sent)
    check_headers(operation, sent)
    if operation.body is None:
        assert sent.body is None
    else:
        assert differences(operation.body, sent.json) == []
    if operation.redirects:
        assert result == "https://connect.example.com/?a=b"
    else:
        check_result(operation, result, example)
    assert [each.getMessage() for each in caplog.records if each.name == "ev_energy_async"] == [], "drift"


@pytest.mark.parametrize("operation", document().operations, ids=str)
def test_a_function_takes_what_the_document_lists_and_nothing_more(operation: Operation) -> None:
    signature = inspect.signature(endpoint(EvEnergy(), operation))
    kinds = inspect.Parameter
    named: dict[Any, list[str]] = {}
    for each in signature.parameters.values():
        named.setdefault(each.kind, []).append(each.name)
    takes_body = operation.body is not None and operation.body != {}
    expected = [each.python for each in operation.placed("path")] + (["body"] if takes_body else [])
    assert [name.rstrip("_") for name in named.get(kinds.POSITIONAL_ONLY, [])] == expected
    keywords = {each.python: each for where in ("query", "header") for each in operation.placed(where)}
    # What is done with bad items is the caller's business, and not sent.
    own = {"on_bad_item"} if operation.is_list else set[str]()
    assert set(named.get(kinds.KEYWORD_ONLY, [])) == set(keywords) | own
    assert not named.get(kinds.POSITIONAL_OR_KEYWORD)
    for name, parameter in keywords.items():
        assert (signature.parameters[name].default is kinds.empty) is parameter.required, name


async def test_an_array_is_repeated_and_a_flag_is_spelled_out(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", ANYWHERE, [])
    await ev.charging_sub_sessions.list(expand=["vehicle", "evse"], is_finished=True, page_size=5)
    [sent] = network.sent
    assert sent.url.partition("?")[2] == "expand=vehicle&expand=evse&is_finished=true&page_size=5"


async def test_what_is_not_given_is_not_sent(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", ANYWHERE, [], repeat=True)
    await ev.programs.list()
    await ev.vehicles.list()
    programs, sent = network.sent
    assert programs.url == f"{BASE_URL}/programs", "it declares no page size"
    assert sent.url == f"{BASE_URL}/vehicles?page_size=100", "a full page costs the same"
    assert "EvEnergy-User" not in sent.headers


async def test_a_time_goes_out_in_utc(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", ANYWHERE, [])
    kolkata = dt.timezone(dt.timedelta(hours=5, minutes=30))
    await ev.vehicles.list_status_logs(VEHICLE, sampled_at_gte=TIME.astimezone(kolkata), page_size=1)
    [sent] = network.sent
    assert sent.url.partition("?")[2] == f"page_size=1&sampled_at__gte={TIME_TEXT.replace(':', '%3A')}"


async def test_a_log_is_found_again_by_the_text_of_its_url(ev: EvEnergy, network: Network) -> None:
    network.answer("GET", ANYWHERE, {"state_of_charge_percentage": 70}, repeat=True)
    await ev.vehicles.get_status_log(VEHICLE, "2026-03-14T07:05:00.1234567Z")
    assert network.sent[0].url == f"{BASE_URL}/vehicles/{VEHICLE}/status_logs/2026-03-14T07%3A05%3A00.1234567Z"


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (("POST", "/region_groups:validate"), "/region_groups:validate"),
        (("POST", "/user_rebates/{user_rebate_id}:submit"), f"/user_rebates/rbtu{ULID}:submit"),
        (("POST", "/rebate_evidence_files:start_upload"), "/rebate_evidence_files:start_upload"),
        (
            ("POST", "/rebate_evidence_files/{rebate_evidence_file_id}:finish_upload"),
            f"/rebate_evidence_files/rbef{ULID}:finish_upload",
        ),
    ],
)
async def test_the_colon_before_a_verb_stays_a_colon(
    ev: EvEnergy, network: Network, operation: tuple[str, str], path: str
) -> None:
    described = document().operation(*operation)
    answer(network, described)
    positional, keywords = arguments(described)
    await endpoint(ev, described)(*positional, **keywords)
    assert network.sent[0].url.partition("?")[0] == BASE_URL + path


async def test_a_body_may_be_a_model_a_mapping_or_keywords(ev: EvEnergy, network: Network) -> None:
    network.answer("PATCH", ANYWHERE, {}, repeat=True)
    await ev.vehicles.update(VEHICLE, models.VehicleUpdate(maximum_charge_limit_percentage=80))
    await ev.vehicles.update(VEHICLE, {"maximum_charge_limit_percentage": 80})
    await ev.vehicles.update(VEHICLE, maximum_charge_limit_percentage=80)
    assert [sent.json for sent in network.sent] == [{"maximum_charge_limit_percentage": 80}] * 3


async def test_a_body_given_twice_is_refused_and_nothing_is_sent(ev: EvEnergy, network: Network) -> None:
    with pytest.raises(InvalidArgument, match="not both"):
        await ev.vehicles.update(VEHICLE, {"vehicle_class": "PASSENGER"}, maximum_charge_limit_percentage=80)
    assert network.sent == []


async def test_absent_and_null_differ_in_a_patch(ev: EvEnergy, network: Network) -> None:
    network.answer("PATCH", ANYWHERE, {}, repeat=True)
    user = f"user{ULID}"
    await ev.users.update_route_planner_preferences(user, preferred_vehicle=None)
    await ev.users.update_route_planner_preferences(user, models.RoutePlannerPreferencesUpdate())
    await ev.users.update_route_planner_preferences(user)
    assert [sent.body for sent in network.sent] == [b'{"preferred_vehicle":null}', b"{}", b"{}"]


async def test_a_verb_whose_body_is_read_only_is_called_without_one(ev: EvEnergy, network: Network) -> None:
    network.answer("POST", ANYWHERE, {"url": "https://connect.example.com"}, status=201)
    link = await ev.vehicles.reconnect(VEHICLE)
    [sent] = network.sent
    assert (sent.body, "Content-Type" in sent.headers) == (None, False)
    assert link.url == "https://connect.example.com"


async def test_accepting_an_agreement_sends_an_empty_object(ev: EvEnergy, network: Network) -> None:
    network.answer("POST", ANYWHERE, status=204)
    await ev.programs.accept_participation_agreement_version(f"prog{ULID}", f"pagv{ULID}")
    assert network.sent[0].body == b"{}"


@pytest.mark.parametrize("group", ["vehicle_onboarding", "evse_onboarding"])
async def test_onboarding_returns_json_when_asked_for_it(ev: EvEnergy, network: Network, group: str) -> None:
    described = document().operation("GET", f"/{group}")
    media = described.statuses[200]["content"]["application/json"]
    example = described.document.example(media)
    network.answer("GET", ANYWHERE, example)
    keywords = {each.python: each.value for each in described.placed("query")}
    result = await endpoint(ev, described)(**keywords)
    assert "response_type=json" in network.sent[0].url
    assert differences(example, json.loads(codec.encode(result))) == []
    assert not isinstance(result, str)


async def test_a_response_that_may_be_empty_is_none_when_it_is(ev: EvEnergy, network: Network) -> None:
    both = [each for each in document().operations if {200, 204} <= each.statuses.keys()]
    assert both
    for operation in both:
        network.answer(operation.method, ANYWHERE, status=204)
        positional, keywords = arguments(operation)
        assert await endpoint(ev, operation)(*positional, **keywords) is None


async def test_a_public_operation_works_without_credentials(network: Network) -> None:
    network.answer("GET", ANYWHERE, [])
    async with EvEnergy(user=USER) as anonymous:
        await anonymous.vehicle_makes.list()
    [sent] = network.sent
    assert not {"Authorization", "EvEnergy-User"} & sent.headers.keys()


def test_every_name_on_the_client_is_an_operation_of_the_document_and_the_other_way_round() -> None:
    documented = {(each.method, each.path) for each in document().operations}
    assert documented == NAMES.keys()
    assert len(set(NAMES.values())) == len(NAMES)
    client = EvEnergy()
    groups = {name.partition(".")[0] for name in NAMES.values()}
    bound = {
        f"{group}.{name}"
        for group in groups
        for name in dir(getattr(client, group))
        if hasattr(getattr(getattr(client, group), name), "with_response")
    }
    assert bound == set(NAMES.values())


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        # GET: `list` where the answer is an array or declares `Link`, else `get`.
        ("GET", "/vehicles", "vehicles.list"),
        ("GET", "/vehicles/{vehicle_id}", "vehicles.get"),
        ("GET", "/webhook_portal", "webhook_portal.get"),
        ("GET", "/carbon_feeds/{carbon_feed_id}/carbon_intensities", "carbon_feeds.list_carbon_intensities"),
        ("GET", "/", "root.get"),
        # The verbs of the other methods.
        ("POST", "/vehicles", "vehicles.create"),
        ("PATCH", "/vehicles/{vehicle_id}", "vehicles.update"),
        ("DELETE", "/vehicles/{vehicle_id}", "vehicles.delete"),
        # Below an item, with what is there: in the singular where it is one.
        ("GET", "/vehicles/{vehicle_id}/status_logs", "vehicles.list_status_logs"),
        ("GET", "/vehicles/{vehicle_id}/status_logs/{sampled_at}", "vehicles.get_status_log"),
        ("PATCH", "/users/{user_id}/saved_routes/{saved_route_id}", "users.update_saved_route"),
        ("POST", "/users/{user_id}/saved_routes", "users.create_saved_route"),
        ("DELETE", "/users/{user_id}/payout_method", "users.delete_payout_method"),
        ("GET", "/support_tickets/categories", "support_tickets.get_categories"),
        # A verb stands alone.
        ("POST", "/vehicles/{vehicle_id}/reconnect", "vehicles.reconnect"),
        ("POST", "/charging_sessions/{charging_session_id}/boost_start", "charging_sessions.boost_start"),
        ("POST", "/region_groups:validate", "region_groups.validate"),
        ("POST", "/user_rebates/{user_rebate_id}:submit", "user_rebates.submit"),
        # Below a sub-item with that in the singular.
        (
            "POST",
            "/dispatch_coordinators/{dispatch_coordinator_id}/dispatch_events/{dispatch_event_id}/cancel",
            "dispatch_coordinators.cancel_dispatch_event",
        ),
        # Hyphens.
        ("GET", "/support-ticket-stats/top-categories", "support_ticket_stats.get_top_categories"),
        # What the rule names badly.
        ("POST", "/auth/password_reset", "auth.request_password_reset"),
        ("GET", "/evse_compatibility/check", "evse_compatibility.check"),
        ("GET", "/vehicle_compatibility/check", "vehicle_compatibility.check"),
        ("GET", "/evse_onboarding", "evse_onboarding.start"),
        ("GET", "/vehicle_onboarding", "vehicle_onboarding.start"),
        ("GET", "/inverter_onboarding", "inverter_onboarding.start"),
        ("POST", "/evse_onboarding/import", "evse_onboarding.import_evse"),
        ("POST", "/vehicle_onboarding/onboarding_link", "vehicle_onboarding.send_link"),
        ("POST", "/evse_waitlist", "evse_waitlist.join"),
        ("POST", "/vehicle_waitlist", "vehicle_waitlist.join"),
        ("POST", "/programs/{program_id}/user_verification", "programs.submit_user_verification"),
        (
            "POST",
            "/programs/{program_id}/post-enrollment-verification",
            "programs.submit_post_enrollment_verification",
        ),
        (
            "GET",
            "/programs/{program_id}/participation_agreement_versions/current",
            "programs.get_current_participation_agreement_version",
        ),
    ],
)
def test_operations_are_called_as_the_rule_says(method: str, path: str, name: str) -> None:
    assert NAMES[method, path] == name


def test_module_functions_are_verb_first_and_each_name_is_one_function() -> None:
    assert NAMES["GET", "/vehicles/{vehicle_id}"] == "vehicles.get"
    client = EvEnergy()
    functions = [endpoint(client, each).__name__ for each in document().operations]
    assert len(set(functions)) == len(functions) > 0
    assert set(functions) == set(api.__all__)
    assert {"get_vehicle", "list_vehicle_status_logs", "update_user_saved_route", "reconnect_vehicle"} <= set(functions)
    assert all(inspect.iscoroutinefunction(getattr(api, name)) != name.startswith("list_") for name in functions)
