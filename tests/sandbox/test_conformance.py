"""Every answer of every implemented route against the document."""

import re
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from ev_energy_async.sandbox.document import Document, Operation, load
from ev_energy_async.sandbox.handlers import HANDLERS

from .conftest import Answer, Client

_RAW: dict[str, Any] = {}


@cache
def _raw() -> dict[str, Any]:
    import json
    from importlib import resources

    raw: dict[str, Any] = json.loads(resources.files("ev_energy_async.sandbox").joinpath("document.json").read_bytes())
    return raw


def _judge(operation: Operation, answer: Answer) -> None:
    """The answer is one that the document declares for the operation."""
    responses = _raw()["operations"][operation.name]["responses"]
    assert str(answer.status) in responses, f"{operation.name} declares no {answer.status}"
    declared = responses[str(answer.status)]
    missing = {name for name in declared["headers"] if name not in answer.headers} - {"RetryAfter"}
    assert not missing, f"{operation.name} {answer.status} lacks {missing}"
    assert (answer.body is None) == (declared["schema"] is None)
    if declared["schema"] is not None:
        schema = {**declared["schema"], "schemas": _raw()["schemas"]}
        Draft202012Validator(schema, format_checker=FormatChecker()).validate(answer.body)
    kind = "application/json" if answer.status < 400 else "application/problem+json"
    if answer.body is not None:
        assert answer.headers["Content-Type"] == kind


def _expansions(operation: Operation) -> list[str]:
    parameter = operation.placed("query").get("expand")
    allowed: list[str] = parameter.schema["items"]["enum"] if parameter else []
    return [
        "",
        *(f"expand={name}" for name in allowed),
        *(["&".join(f"expand={name}" for name in allowed)] if allowed else []),
    ]


def _paths(client: Client, operation: Operation) -> list[str]:
    """Paths of a few different things that the operation can be called on."""
    world = client.sandbox.world
    collections: dict[str, list[Any]] = {
        "user_id": list(world.users)[:4],
        "vehicle_id": [
            next(vehicle for vehicle in world.vehicles if vehicle.integrated == kind)
            for kind in ("ACTIVE", "INACTIVE", "UNINTEGRATED")
        ],
        "vehicle_make_id": list(world.vehicle_makes),
        "vehicle_model_id": list(world.vehicle_models),
        "vehicle_trim_id": list(world.vehicle_trims),
        "evse_id": list(world.evses),
        "evse_make_id": list(world.evse_makes),
        "evse_model_id": list(world.evse_models),
    }
    names = re.findall(r"\{(\w+)\}", operation.path)
    if not names:
        return [operation.path]
    name, *stamp = names
    paths: list[str] = []
    for thing in collections[name]:
        path = operation.path.replace(f"{{{name}}}", thing.id)
        if stamp:
            now = int(client.sandbox.now().timestamp() * 1_000_000)
            log = thing.logs[operation.path.split("/")[3]].latest(now)
            if log is None:
                continue
            fields = {key: _text(log.at) for key in ("sampled_at", "logged_at")}
            path = path.format(**fields)
        paths.append(path)
    return paths


def _text(at: int) -> str:
    from ev_energy_async.sandbox.instants import text

    return text(at)


GETS = sorted(name for name in HANDLERS if load().operations[name].method == "GET")


def test_handlers_are_of_operations_that_exist(document: Document) -> None:
    assert set(HANDLERS) <= set(document.operations)


@pytest.mark.parametrize("name", GETS)
async def test_reads_answer_as_the_document_says(client: Client, document: Document, name: str) -> None:
    operation = document.operations[name]
    paths = _paths(client, operation)
    assert paths
    for path in paths:
        for expansion in _expansions(operation):
            query = f"{expansion}&page_size=3" if "page_size" in operation.placed("query") else expansion
            answer = await client.get(f"{path}?{query}")
            assert answer.status == 200, answer.body
            _judge(operation, answer)
            if answer.next is not None:
                second = await client.get(answer.next)
                _judge(operation, second)
                assert second.body
                assert second.previous is not None
                back = await client.get(second.previous)
                _judge(operation, back)
                assert back.body == answer.body


async def test_whole_collections_answer_as_the_document_says(client: Client, document: Document) -> None:
    for name in ("users.list", "vehicles.list", "evses.list"):
        operation = document.operations[name]
        _judge(operation, await client.get(f"{operation.path}?page_size=100&{_expansions(operation)[-1]}"))
    for owner, devices in (("vehicles", client.sandbox.world.vehicles), ("evses", client.sandbox.world.evses)):
        for device in list(devices)[:8]:
            for kind in device.logs:
                operation = document.operations[f"{owner}.list_{kind}"]
                _judge(operation, await client.get(f"/{owner}/{device.id}/{kind}?page_size=60"))


async def test_writes_answer_as_the_document_says(client: Client, document: Document) -> None:
    vehicle_id = next(iter(client.sandbox.world.vehicles)).id
    update = document.operations["vehicles.update"]
    for expansion in _expansions(update):
        change = {"smart_charging_enabled": False}
        _judge(update, await client.call("PATCH", f"/vehicles/{vehicle_id}?{expansion}", json=change))
    _judge(update, await client.call("PATCH", f"/vehicles/{vehicle_id}", json={"vehicle_class": "TANK"}))
    delete = document.operations["vehicles.delete"]
    for _ in range(2):
        _judge(delete, await client.call("DELETE", f"/vehicles/{vehicle_id}"))


@pytest.mark.parametrize("name", sorted(HANDLERS))
async def test_refusals_answer_as_the_document_says(client: Client, document: Document, name: str) -> None:
    operation = document.operations[name]
    path = _paths(client, operation)[0]

    async def refused(status: int, target: str, **headers: str) -> None:
        answer = await client.call(
            operation.method, target, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )
        assert answer.status == status
        if str(status) in _raw()["operations"][name]["responses"]:
            _judge(operation, answer)

    await refused(401, path, Authorization="Bearer unknown")
    if operation.responds_with_json:
        await refused(406, path, Accept="text/html")
    await refused(400, path, EvEnergy_Version="9")
    await refused(400, f"{path}?expand=a,b")
    if operation.scopes:
        token = client.sandbox.issue_token(scopes=["carbon:read"])
        await refused(403, path, Authorization=f"Bearer {token}")
    if "{" in operation.path:
        await refused(404, re.sub(r"(/\w+/)[a-z]{4}[A-Z\d]{26}", r"\1none", path))


async def test_every_operation_of_the_document_has_a_route(client: Client, document: Document) -> None:
    client.token = client.sandbox.issue_token(scopes=[])
    for operation in document.operations.values():
        await client.call(operation.method, re.sub(r"\{\w+\}", "x", operation.path))
        assert client.sandbox.requests[-1].operation == operation.name
