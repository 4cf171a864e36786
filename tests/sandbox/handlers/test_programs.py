"""Programs, rebates, regions, support tickets and dispatch: what is written is read, and what can't be is refused."""

from __future__ import annotations

from collections import Counter
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.places import SQUARE, Places

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

BOWTIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
OPEN = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]}


def _problem(body: dict[str, Any]) -> str:
    return str(body["type"]).strip("/").rpartition("/")[2]


async def test_regions_are_created_once_and_found_by_a_point(client: Client) -> None:
    made = await client.call("POST", "/regions", json={"name": "London", "geometries": [SQUARE], "type": "OTHER"})
    assert made.status == 201
    assert made.body["geometry"] == {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]}
    assert (await client.get(made.body["url"])).body == made.body
    (listed,) = (await client.get("/regions?contains=51.5,-0.1")).body
    assert listed == {name: value for name, value in made.body.items() if name != "geometry"}
    for query in ("contains=51.4,-0.1", "contains=53,-0.1", "name=Leeds", "type=ELECTRICITY", "name__in=Leeds,York"):
        assert (await client.get(f"/regions?{query}")).body == []
    again = await client.call("POST", "/regions", json={"name": "London", "geometries": [SQUARE]})
    assert (again.status, _problem(again.body)) == (409, "region-name-conflict")
    assert again.body["conflicts"] == [{"name": "London", "existing_region": made.body["url"]}]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"name": "A", "geometries": [BOWTIE]}, "invalid-geometry"),
        ({"name": "A", "geometries": [OPEN]}, "invalid-geometry"),
        ({"name": "A", "geometries": []}, "validation-failed-regions"),
        ({"name": " ", "geometries": [SQUARE]}, "validation-failed-regions"),
        ({"geometries": [SQUARE]}, "validation-failed-regions"),
        ({"name": "A", "geometries": [{"type": "Point", "coordinates": [0, 0]}]}, "validation-failed-regions"),
    ],
)
async def test_regions_that_are_refused(client: Client, body: dict[str, Any], problem: str) -> None:
    answer = await client.call("POST", "/regions", json=body)
    assert (answer.status, _problem(answer.body)) == (422, problem)
    assert (await client.get("/regions")).body == []


async def test_a_region_of_more_than_twenty_megabytes_is_413(client: Client) -> None:
    answer = await client.call("POST", "/regions", data=BytesIO(b" " * (20 * 1024 * 1024 + 1)))
    assert answer.status == 413


async def test_a_group_is_validated_and_then_created_completely_or_not_at_all(client: Client) -> None:
    body = {"name": "South", "regions": [{"name": name, "geometries": [SQUARE]} for name in ("A", "B")]}
    dry = (await client.call("POST", "/region_groups:validate", json=body)).body
    assert (dry["valid"], [region["status"] for region in dry["regions"]]) == (True, ["OK", "OK"])
    assert dry["regions"][0]["computed"]["area_sq_km"] == pytest.approx(308, rel=0.02)
    assert (await client.get("/regions")).body == []
    made = await client.call("POST", "/region_groups", json=body)
    assert made.status == 201
    members = (await client.get(made.body["regions_collection"])).body
    assert [region["url"] for region in members] == made.body["regions"]
    assert members[0]["region_groups"] == [made.body["url"]]
    again = await client.call("POST", "/region_groups", json=body)
    assert (again.status, again.body["existing_region_group"]) == (409, made.body["url"])
    half_new = {
        "name": "North",
        "regions": [{"name": "A", "geometries": [SQUARE]}, {"name": "C", "geometries": [OPEN]}],
    }
    dry = (await client.call("POST", "/region_groups:validate", json=half_new)).body
    assert [region["status"] for region in dry["regions"]] == ["NAME_EXISTS", "INVALID_GEOMETRY"]
    assert dry["regions"][0]["existing_region"] == made.body["regions"][0]
    assert (await client.call("POST", "/region_groups", json=half_new)).status == 409
    twice = {"name": "North", "regions": [{"name": "C", "geometries": [SQUARE]}] * 2}
    assert (await client.call("POST", "/region_groups", json=twice)).status == 422
    assert len((await client.get("/regions")).body) == 2
    assert len((await client.get("/region_groups")).body) == 1


async def test_a_rebate_from_its_beginning_to_the_end(client: Client) -> None:
    headers = {"EvEnergy-User": Places(client).user.id}
    rebate_type = (await client.get("/rebate_types?expand=required_evidence")).body[0]
    evidence = rebate_type["required_evidence"][0]
    made = await client.call("POST", "/user_rebates", json={"rebate_type": rebate_type["url"]}, headers=headers)
    url = made.body["url"]
    assert (await client.get(url)).body["status"] == "PENDING_TYPE_SELECTED"
    body: dict[str, Any] = {"rebate_type": rebate_type["url"], "evidence_type": evidence["url"]}
    wrong = await client.call("PATCH", url, json={**body, "evidence_data": [{"id": 9, "value": "1"}]})
    assert list(wrong.body["field_errors"]) == ["evidence_data.id"]
    await client.call("PATCH", url, json={**body, "evidence_data": [{"id": 1, "value": "499"}]})
    assert (await client.get(url)).body["status"] == "PENDING_IN_PROGRESS"

    start = {"file_name": "invoice.pdf", "rebate_evidence_type": evidence["url"]}
    target = f"/rebate_evidence_files:start_upload?user_rebate={made.body['id']}"
    started = (await client.call("POST", target, json=start, headers=headers)).body
    assert started["presigned_url"].startswith(client.sandbox.world.upload_origin)
    assert not started["presigned_url"].startswith(client.sandbox.origin + "/")
    finish = f"{started['url']}:finish_upload"
    assert (await client.call("POST", finish)).status == 400
    async with client.session.put(started["presigned_url"], data=b"%PDF") as uploaded:
        assert uploaded.status == 200
    assert (await client.call("POST", finish)).status == 200
    (file,) = (await client.get(f"/rebate_evidence_files?user_rebate={made.body['id']}")).body
    assert (file["id"], file["file_name"]) == (started["id"], "invoice.pdf")

    assert (await client.call("POST", f"{url}:submit")).status == 200
    assert (await client.get(url)).body["status"] == "COMPLETE"
    assert (await client.call("POST", f"{url}:submit")).status == 400
    assert [rebate["id"] for rebate in (await client.get("/user_rebates", headers=headers)).body] == [made.body["id"]]
    other = {"EvEnergy-User": list(client.sandbox.world.users)[1].id}
    assert (await client.get("/user_rebates", headers=other)).body == []
    assert (await client.get(url, headers=other)).status == 404


async def test_agreements_are_accepted_by_users_with_an_empty_object(client: Client) -> None:
    program = (await client.get("/programs")).body[0]["url"]
    current = (await client.get(f"{program}/participation_agreement_versions/current")).body
    assert (current["published"], current["version_number"]) == (True, 2)
    accept = f"{current['url']}/accept"
    assert (await client.call("POST", accept, json={})).status == 403
    client.token = client.sandbox.issue_token(user=Places(client).user.id)
    for _ in range(2):
        answer = await client.call("POST", accept, json={})
        assert (answer.status, answer.body) == (201, None)
    assert (await client.call("POST", accept, json={"yes": True})).status == 400
    assert (await client.call("POST", accept)).status == 400


async def test_programs_by_place_and_their_tiers(client: Client) -> None:
    client.token = None
    everything = (await client.get("/programs")).body
    assert len(everything) == 3
    (german,) = (await client.get("/programs?coordinates=53.5,10.0")).body
    assert (await client.get("/programs?postal_code=20095&country_code=DE")).body == [german]
    assert (await client.get("/programs?postal_code=20095")).status == 400
    assert (await client.get("/programs?postal_code=1&country_code=DE&coordinates=1,1")).status == 400
    tiers = (await client.get(f"{german['url']}/tiers")).body
    assert {tier["eligible"] for tier in tiers} == {None}
    users = [user for user in client.sandbox.world.users if user.place]
    for country, eligible in (("DE", True), ("GB", False)):
        user = next(user for user in users if user.place and user.place.country == country)
        client.token = client.sandbox.issue_token(user=user.id)
        tiers = (await client.get(f"{german['url']}/tiers")).body
        assert {tier["eligible"] for tier in tiers} == {eligible}
        assert ((await client.get("/programs")).body == [german]) is eligible
    answer = await client.call("POST", f"{german['url']}/join")
    assert (answer.status, answer.body) == (201, german)


async def test_the_statistics_of_tickets_agree_with_the_tickets(client: Client) -> None:
    tickets = await client.walk("/support_tickets?page_size=100")
    stats = "/support-ticket-stats"
    for name in ("status", "priority", "source"):
        counts = Counter(ticket[name] for ticket in tickets)
        breakdown = (await client.get(f"{stats}/{name}")).body["breakdown"]
        assert {entry[name]: entry["count"] for entry in breakdown} == counts
        assert sum(entry["percentage"] for entry in breakdown) == pytest.approx(1)
    resolved = sum(ticket["resolved_at"] is not None for ticket in tickets)
    resolution = (await client.get(f"{stats}/resolution")).body
    assert (resolution["total_resolved"], resolution["resolution_rate"]) == (resolved, resolved / len(tickets))
    for group in ("day", "week", "month"):
        series = (await client.get(f"{stats}/volume?group_by={group}")).body["time_series"]
        assert sum(entry["count"] for entry in series) == len(tickets)
    verified = sum(ticket["human_verified_category"] is not None for ticket in tickets)
    assert sum(link["value"] for link in (await client.get(f"{stats}/sankey")).body["links"]) == verified
    assert len((await client.get(f"{stats}/top-categories?limit=2")).body["categories"]) == 2

    one = next(ticket for ticket in tickets if ticket["human_verified_category"] is None)
    body = {"human_verified_category": "SOLAR", "human_verified_subcategory": "INVERTER", "subject": "ignored"}
    changed = (await client.call("PATCH", one["url"], json=body)).body
    assert (changed["human_verified_category"], changed["subject"]) == ("SOLAR", one["subject"])
    assert sum(link["value"] for link in (await client.get(f"{stats}/sankey")).body["links"]) == verified + 1


async def test_filters_of_tickets_and_messages(client: Client) -> None:
    tickets = await client.walk("/support_tickets?page_size=100&expand=messages")
    one = tickets[len(tickets) // 2]

    async def check(query: str, expected: list[Any]) -> None:
        assert 0 < len(expected) < len(tickets)
        assert [it["id"] for it in await client.walk(f"/support_tickets?{query}&page_size=50")] == [
            it["id"] for it in expected
        ]

    await check("status=Open", [it for it in tickets if it["status"] == "Open"])
    await check("status__in=Closed,Resolved", [it for it in tickets if it["status"] != "Open"])
    await check("resolved_at__isnull=true", [it for it in tickets if it["resolved_at"] is None])
    await check("user__isnull=true", [it for it in tickets if it["user"] is None])
    await check("tags=escalated", [it for it in tickets if "escalated" in it["tags"]])
    await check(f"created_at__gte={one['created_at']}", [it for it in tickets if it["created_at"] >= one["created_at"]])
    bounds = f"{tickets[3]['created_at']},{one['created_at']}"
    await check(
        f"created_at__range={bounds}",
        [it for it in tickets if tickets[3]["created_at"] <= it["created_at"] <= one["created_at"]],
    )
    await check(f"external_ticket_id={one['external_ticket_id']}", [one])
    assert (await client.get("/support_tickets?created_at__range=now")).status == 400
    longest = max(tickets, key=lambda ticket: len(ticket["messages"]))
    messages = (await client.get(f"{longest['url']}/messages")).body
    assert messages == longest["messages"]
    assert [message["position"] for message in messages] == list(range(len(messages)))
    assert (await client.get(f"{longest['url']}/messages?position__gte=1")).body == messages[1:]
    assert (await client.get(f"{longest['url']}/messages?message_type=INITIAL_REQUEST")).body == messages[:1]
    assert (await client.get(messages[0]["url"])).body == messages[0]


async def test_a_users_own_tickets_and_notifications_only(client: Client) -> None:
    tickets = await client.walk("/support_tickets?page_size=100")
    mine = next(ticket["user"] for ticket in tickets if ticket["user"])
    theirs = next(ticket for ticket in tickets if ticket["user"] != mine)
    client.token = client.sandbox.issue_token(user=mine.rpartition("/")[2])
    own = [ticket["id"] for ticket in tickets if ticket["user"] == mine]
    assert [ticket["id"] for ticket in await client.walk("/support_tickets")] == own
    assert (await client.get(theirs["url"])).status == 404


async def test_a_notification_is_read(client: Client) -> None:
    unread = next(it for it in await client.walk("/notifications") if "read_at" not in it)
    answer = await client.call("PATCH", unread["url"], json={"read_at": "2026-03-14T21:00:00Z"})
    assert answer.body["Notification"] == {**unread, "read_at": "2026-03-14T21:00:00.000000Z"}
    assert (await client.get(unread["url"])).body == answer.body["Notification"]


async def test_a_dispatch_event_is_cancelled(client: Client) -> None:
    places = Places(client)
    path = f"/dispatch_coordinators/{places.first('dispatch_coordinators')}/dispatch_events"
    event = (await client.call("POST", path, json=places.event())).body
    assert (await client.call("POST", f"{path}/{event['id']}/cancel")).body == {"status": "CANCELLED"}
    assert (await client.call("POST", f"{path}/devt{'0' * 26}/cancel")).status == 404
    backwards = {"start_time": "2026-03-15T01:00:00Z", "end_time": "2026-03-15T00:00:00Z"}
    assert (await client.call("POST", path, json=backwards)).status == 400
