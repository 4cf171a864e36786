"""Check responses against the document: those of the tour, and those of every sandbox that runs in a test.

The latter need no request: `conftest.py` applies `responses_conform` to each test. Sandboxes in other processes are out
of its reach.
"""

from __future__ import annotations

import json
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import attrs
import jsonschema_rs
import pytest

from ev_energy_async.sandbox.server.service import Outcome, Service

from .openapi import FORMATS, URI, Operation, absolute, document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ev_energy_async.sandbox.instants import Instant
    from ev_energy_async.sandbox.protocol.messages import Request
    from ev_energy_async.sandbox.protocol.problems import Problem

PROBLEM: Final = "application/problem+json"
_ANY_ERROR: Final = {PROBLEM: {"schema": {"$ref": "#/components/schemas/RFC9457ProblemDetail"}}}
_FIRST_ERROR: Final = 400
# A misspelling in some responses of the document, which have the correct header too.
_NOT_SENT: Final = "RetryAfter"


@attrs.frozen
class Answer:
    """A response as a client receives it."""

    operation: Operation
    status: int
    headers: Mapping[str, str]
    content_type: str
    body: bytes

    def __str__(self) -> str:
        return f"{self.operation} -> {self.status}"


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """All operations by method and path."""
    return {(each.method, each.path): each for each in document().operations}


def problems(answer: Answer) -> list[str]:
    """Return where a response departs from the document; empty if nowhere.

    Errors come in more statuses than an operation declares, as 429 and 503 do: all are held to be problem documents.
    """
    declared: dict[str, Any] | None = answer.operation.node["responses"].get(str(answer.status))
    if declared is None and answer.status < _FIRST_ERROR:
        return [f"{answer}: the document has no such status here"]
    response = document().resolve(declared or {})
    given = {name.lower() for name in answer.headers}
    found = [
        f"{answer}: the header {name} is missing"
        for name in response.get("headers", {})
        if name.lower() not in given and name != _NOT_SENT
    ]
    content: dict[str, Any] = response.get("content", {})
    if not content and answer.status < _FIRST_ERROR:
        return found + ([f"{answer}: a body where there should be none"] if answer.body else [])
    # Every error is a problem document, even where the document mentions no body.
    media = content or _ANY_ERROR
    if answer.content_type.partition(";")[0] not in media:
        return [*found, f"{answer}: {answer.content_type} instead of {', '.join(media)}"]
    schema = media[answer.content_type.partition(";")[0]]["schema"]
    try:
        value = json.loads(answer.body)
    except ValueError as error:
        return [*found, f"{answer}: not JSON: {error}"]
    return found + [f"{answer} {problem}" for problem in document().problems(schema, value)]


@cache
def _validator(method: str, path: str, status: int) -> jsonschema_rs.Draft202012Validator | None:
    """Return a validator of JSON bodies that takes microseconds; None if there is no schema."""
    declared = document().resolve(operations()[method, path].node["responses"].get(str(status), {}))
    content: dict[str, Any] = declared.get("content", {}) or (_ANY_ERROR if status >= _FIRST_ERROR else {})
    if not content:
        return None
    return _compiled(json.dumps(next(iter(content.values()))["schema"]))


@cache
def _compiled(schema: str) -> jsonschema_rs.Draft202012Validator:
    """Return one validator for all responses of a schema: most of them are errors, which have the same."""
    return jsonschema_rs.Draft202012Validator(
        absolute(json.loads(schema)),
        registry=_registry(),
        validate_formats=True,
        formats={"decimal": _is_decimal},
    )


@cache
def _registry() -> jsonschema_rs.Registry:
    # A copy of all schemas in each validator would add up to gigabytes.
    return jsonschema_rs.Registry([(URI, {"components": {"schemas": document().schemas}})])


def _is_decimal(text: str) -> bool:
    return FORMATS.conforms(text, "decimal")


class Watch:
    """Checks the responses of the sandboxes in a test module, except those that a fault spoils on purpose.

    The first response of each operation, status and `expand` in a module is checked thoroughly. Of the others only the
    body is, by a fast validator, and thoroughly if that one rejects it. Equal responses are checked once.
    """

    def __init__(self) -> None:
        self._seen: set[object] = set()
        self._waiting: deque[Answer] = deque()

    def note(self, request: Request, operation: Operation, outcome: Outcome) -> None:
        """Check a response, or keep it for later."""
        reply = outcome.reply
        if reply is None or outcome.faults or request.method != operation.method:
            return
        answer = Answer(operation, reply.status, reply.headers, reply.content_type, outcome.body)
        expand = tuple(sorted(value for name, value in parse_qsl(request.query) if name == "expand"))
        kind = (str(answer), expand)
        if kind not in self._seen:
            self._seen.add(kind)
            self._waiting.append(answer)
            return
        equal = (str(answer), hash(outcome.body))
        if equal not in self._seen:
            self._seen.add(equal)
            if not _is_fine(answer):
                self._waiting.append(answer)

    def validate(self) -> list[str]:
        """Return the problems found since the last call."""
        found: list[str] = []
        while self._waiting:
            found += problems(self._waiting.popleft())
        return found


def _is_fine(answer: Answer) -> bool:
    """Return whether the fast validator accepts a response."""
    validator = _validator(answer.operation.method, answer.operation.path, answer.status)
    declared = document().resolve(answer.operation.node["responses"].get(str(answer.status), {}))
    given = {name.lower() for name in answer.headers}
    if any(name.lower() not in given for name in declared.get("headers", {}) if name != _NOT_SENT):
        return False
    if validator is None:
        return not answer.body
    content = declared.get("content", {}) or _ANY_ERROR
    if answer.content_type.partition(";")[0] not in content:
        return False
    try:
        return validator.is_valid(json.loads(answer.body))
    except ValueError:
        return False


@pytest.fixture(scope="module")
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Watch all sandboxes while the tests of a module run."""
    _ = request
    watching = Watch()
    serve = Service.serve

    def look(service: Service, asked: Request, now: Instant, refusal: Problem | None = None) -> Outcome:
        outcome = serve(service, asked, now, refusal)
        if outcome.operation is not None:
            called = service.api.document.operations[outcome.operation]
            watching.note(asked, operations()[called.method, called.path], outcome)
        return outcome

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Service, "serve", look)
        yield watching


@pytest.fixture(autouse=True)
def responses_conform(watch: Watch) -> Iterator[None]:
    """Fail a test in which a sandbox departed from the document."""
    yield
    found = watch.validate()
    assert not found, "\n".join(found)
