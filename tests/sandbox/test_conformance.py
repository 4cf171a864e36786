"""Every response of every operation conforms to the document."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any, cast

import aiohttp
import jsonschema_rs
import pytest
import pytest_asyncio

from ev_energy_async.sandbox import Sandbox, SteppedClock
from ev_energy_async.sandbox.handlers import HANDLERS
from ev_energy_async.sandbox.protocol.document import Document, Operation, load
from tests.openapi import URI, absolute

from .conftest import START, Answer, Client
from .places import Places
from .writes import WRITES


@cache
def _raw() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(resources.files("ev_energy_async.sandbox").joinpath("document.json").read_bytes())
    return raw


def _validator(name: str, status: int) -> jsonschema_rs.Draft202012Validator:
    return _compiled(json.dumps(_raw()["operations"][name]["responses"][str(status)]["schema"]))


@cache
def _compiled(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(absolute(json.loads(schema)), registry=_registry(), validate_formats=True)


@cache
def _registry() -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry([(URI, {"schemas": _raw()["schemas"]})])


def _judge(operation: Operation, answer: Answer) -> None:
    """The answer is one that the document declares for the operation."""
    responses = _raw()["operations"][operation.name]["responses"]
    assert str(answer.status) in responses, f"{operation.name} declares no {answer.status}"
    declared = responses[str(answer.status)]
    missing = {name for name in declared["headers"] if name not in answer.headers} - {"RetryAfter"}
    assert not missing, f"{operation.name} {answer.status} lacks {missing}"
    # Every error has a problem document, also where the document does not speak of it.
    assert (answer.body is None) == (declared["schema"] is None and answer.status < 400)
    if declared["schema"] is not None:
        faults = [str(error) for error in _validator(operation.name, answer.status).iter_errors(answer.body)]
        assert not faults, f"{operation.name} {answer.status}: {faults[0]}"
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


GETS = sorted(name for name, operation in load().operations.items() if operation.method == "GET")

SAMPLE = 60
"""So many references of an answer are followed."""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def _furnished() -> AsyncGenerator[Places]:
    clock = SteppedClock(START)
    async with (
        Sandbox(vehicles=40, seed=7, clock=clock, rate_limit=1_000_000) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        made = Places(Client(sandbox, session))
        await made.furnish()
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def places() -> AsyncIterator[Places]:
    """A sandbox of the test's own."""
    async with _furnished() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Places]:
    """A sandbox of which nothing is changed."""
    async with _furnished() as made:
        yield made


def _headers(places: Places, operation: Operation) -> dict[str, str]:
    return {"EvEnergy-User": next(iter(places.world.users)).id} if operation.user == "required" else {}


async def test_every_operation_has_a_handler(document: Document) -> None:
    assert set(HANDLERS) == set(document.operations)


@pytest.mark.parametrize("name", GETS)
async def test_an_unsimulated_read_returns_an_example_of_its_schema(
    shared: Places, document: Document, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    operation = document.operations[name]
    target = f"{shared.paths(operation)[0]}?{shared.query(name)}"
    monkeypatch.delitem(HANDLERS, name)

    first, second = [await shared.client.get(target, headers=_headers(shared, operation)) for _ in range(2)]

    _judge(operation, first)
    assert first.status < 400
    assert first.body == second.body


@pytest.mark.parametrize("name", sorted(WRITES))
async def test_an_unsimulated_write_returns_an_example_of_its_schema(
    places: Places, document: Document, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    operation = document.operations[name]
    path, body, headers = await WRITES[name](places)
    monkeypatch.delitem(HANDLERS, name)

    answer = await places.client.call(operation.method, path, json=body, headers=headers)

    _judge(operation, answer)
    assert answer.status < 300


@pytest.mark.parametrize("name", GETS)
async def test_reads_conform_to_the_document(shared: Places, document: Document, name: str) -> None:
    operation, client = document.operations[name], shared.client
    paths = shared.paths(operation)
    assert paths
    for path in paths:
        for expansion in _expansions(operation):
            size = "page_size=3" if "page_size" in operation.placed("query") else ""
            query = "&".join(part for part in (shared.query(name), expansion, size) if part)
            answer = await client.get(f"{path}?{query}", headers=_headers(shared, operation))
            assert answer.status == (302 if name == "inverter_onboarding.start" else 200), answer.body
            _judge(operation, answer)
            if answer.next is not None:
                second = await client.get(answer.next)
                _judge(operation, second)
                assert second.body
                assert second.body != answer.body
                assert second.previous is not None
                back = await client.get(second.previous)
                _judge(operation, back)
                assert back.body == answer.body


async def test_complete_collections_conform_to_the_document(shared: Places, document: Document) -> None:
    client, world = shared.client, shared.world
    for name in ("users.list", "vehicles.list", "evses.list", "charging_sub_sessions.list", "support_tickets.list"):
        operation = document.operations[name]
        _judge(operation, await client.get(f"{operation.path}?page_size=100&{_expansions(operation)[-1]}"))
    for owner, devices in (("vehicles", list(world.vehicles)), ("evses", list(world.evses))):
        for device in devices[:8]:
            for kind in device.logs:
                operation = document.operations[f"{owner}.list_{kind}"]
                _judge(operation, await client.get(f"/{owner}/{device.id}/{kind}?page_size=60"))


@pytest.mark.parametrize("name", sorted(WRITES))
async def test_writes_conform_to_the_document(places: Places, document: Document, name: str) -> None:
    operation, write = document.operations[name], WRITES[name]
    path, body, headers = await write(places)
    answer = await places.client.call(operation.method, path, json=body, headers=headers)
    assert answer.status < 300, answer.body
    _judge(operation, answer)


async def test_every_write_is_tried(document: Document) -> None:
    assert set(WRITES) == {name for name, operation in document.operations.items() if operation.method != "GET"}


@pytest.mark.parametrize("name", sorted(HANDLERS))
async def test_refusals_conform_to_the_document(shared: Places, document: Document, name: str) -> None:
    operation, client = document.operations[name], shared.client
    path = shared.paths(operation)[0]
    query = shared.query(name)

    async def refused(statuses: set[int], target: str, **headers: str) -> None:
        sent = {key.replace("_", "-"): value for key, value in headers.items()} | _headers(shared, operation)
        answer = await client.call(operation.method, f"{target}?{query}", headers=sent)
        assert answer.status in statuses, answer.body
        if str(answer.status) in _raw()["operations"][name]["responses"]:
            _judge(operation, answer)

    await refused({401}, path, Authorization="Bearer unknown")
    if operation.responds_with_json:
        await refused({406}, path, Accept="text/html")
    await refused({400}, path, EvEnergy_Version="9")
    if "expand" in operation.placed("query"):
        query = f"{query}&expand=a,b"
        await refused({400}, path)
        query = shared.query(name)
    if operation.scopes:
        token = client.sandbox.issue_token(scopes=["none:read"])
        await refused({403}, path, Authorization=f"Bearer {token}")
    if "{" in operation.path:
        body_is_wrong = {400} if operation.body_required else set[int]()
        await refused({404} | body_is_wrong, re.sub(r"/[a-z]{4}[A-Z\d]{26}|/CHARGEPOINT", "/none", path))
    if operation.body_required:
        await refused({400, 422}, path)


async def test_references_lead_to_resources_that_exist(shared: Places, document: Document) -> None:
    client = shared.client
    seen: set[str] = set()
    for name in GETS:
        operation = document.operations[name]
        for path in shared.paths(operation)[:2]:
            answer = await client.get(f"{path}?{shared.query(name)}", headers=_headers(shared, operation))
            for url in islice(_urls(answer.body, client.sandbox.base_url), SAMPLE):
                if url in seen or _NOWHERE.search(url):
                    continue
                seen.add(url)
                found = await client.get(url)
                assert found.status == 200, (name, url, found.body)
    assert len(seen) > 300


_NOWHERE = re.compile(r"/inverters/\w+/status_logs/|/subscriptions/\w+$|/dispatch_events/\w+$|_onboarding")
"""Resources that have a URL and, by the document, no operation to read them with; and what is not a resource."""


def _urls(value: object, base_url: str) -> Iterable[str]:
    if isinstance(value, str):
        if value.startswith(base_url):
            yield value
    elif isinstance(value, dict | list):
        entries = cast("Iterable[object]", value.values() if isinstance(value, dict) else value)
        for entry in entries:
            yield from _urls(entry, base_url)


async def test_every_operation_of_the_document_has_a_route(places: Places, document: Document) -> None:
    client = places.client
    client.token = client.sandbox.issue_token(scopes=["none:read"])
    for operation in document.operations.values():
        await client.call(operation.method, re.sub(r"\{\w+\}", "x", operation.path))
        assert client.sandbox.requests[-1].operation == operation.name
