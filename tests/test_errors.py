"""Errors: which response raises which, what they say, and what they hide."""

from __future__ import annotations

import copy
import json
import pickle
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
from multidict import CIMultiDict

from ev_energy_async import (
    UNSET,
    ApiError,
    AuthError,
    BadRequest,
    ClientCredentials,
    Conflict,
    ConnectionFailed,
    DecodeError,
    EvEnergy,
    EvEnergyError,
    Forbidden,
    InvalidArgument,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    Problem,
    RateLimit,
    RateLimited,
    Request,
    RequestTimeout,
    Response,
    ServerError,
    ServiceUnavailable,
    StaticToken,
    TransportError,
    Unauthorized,
    UnprocessableEntity,
    errors,
    models,
)
from ev_energy_async.api import vehicles as operations
from ev_energy_async.auth import Token
from ev_energy_async.errors import error_for

if TYPE_CHECKING:
    from tests.conftest import Network

BY_STATUS: Final[dict[int, type[ApiError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    406: NotAcceptable,
    409: Conflict,
    413: PayloadTooLarge,
    422: UnprocessableEntity,
    429: RateLimited,
    500: ServerError,
    502: ServerError,
    503: ServiceUnavailable,
    520: ServerError,
    599: ServerError,
    302: ApiError,
    418: ApiError,
    451: ApiError,
}
VEHICLE: Final = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"
SECRET: Final = "s3cr3t-t0k3n"
PERSONAL: Final = "kim@example.com"


def request(**headers: str) -> Request[Any]:
    operation = operations._LIST_VEHICLES  # pyright: ignore[reportPrivateUsage]  # no public way to it
    return Request(operation, "/vehicles", f"user={PERSONAL}", headers, f'{{"email":"{PERSONAL}"}}'.encode())


def response(status: int = 400, body: object = b"", **headers: str) -> Response[bytes]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = request(Authorization=f"Bearer {SECRET}")
    return Response(
        asked, f"https://api.ev.energy/v2/vehicles?user={PERSONAL}", status, CIMultiDict(headers), data, data
    )


# --- From responses


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items())
async def test_each_status_has_its_error(ev: EvEnergy, network: Network, status: int, kind: type[ApiError]) -> None:
    problem = {"title": "No", "detail": "Not today.", "status": status}
    network.answer(
        "GET", f"/vehicles/{VEHICLE}", problem, status=status, content_type="application/problem+json", repeat=True
    )

    with pytest.raises(ApiError) as raised:
        await ev.vehicles.get(VEHICLE)

    error = raised.value
    assert type(error) is kind
    assert (error.status, error.problem.title, error.problem.detail) == (status, "No", "Not today.")
    assert error.request.path == f"/vehicles/{VEHICLE}"
    assert json.loads(error.response.body) == problem
    assert str(error).startswith(f"{status} for GET /vehicles/{VEHICLE}: No: Not today.")


@pytest.mark.parametrize("status", [404, 500, 520])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html><h1>Bad gateway</h1></html>", b"null", b"[]", b'"no"', b"\xff", b"[" * 100_000, b'{"title": 5}'],
    ids=lambda body: body[:8],
)
def test_without_a_problem_document_the_status_describes_the_error(status: int, body: bytes) -> None:
    error = error_for(response(status, body))

    assert error.status == status
    assert error.problem.title == {404: "Not Found", 500: "Internal Server Error", 520: "Status 520"}[status]
    assert error.problem.detail is None
    assert "html" not in str(error)


def test_a_problem_document_is_read_with_its_extensions() -> None:
    problem = Problem.parse(
        409,
        json.dumps(
            {
                "type": "https://api.ev.energy/v2/problems/conflict/",
                "title": "Conflict",
                "detail": "It exists.",
                "status": 409.0,
                "instance": "/v2/region_groups",
                "field_errors": {"name": ["is taken", "is long"], "regions": "are none", "n": [1]},
                "existing_region_group": "https://api.ev.energy/v2/region_groups/x",
                "conflicts": [{"name": "A"}],
            }
        ).encode(),
    )

    assert (problem.type, problem.status, problem.instance) == (
        "https://api.ev.energy/v2/problems/conflict/",
        409,
        "/v2/region_groups",
    )
    assert problem.field_errors == {"name": ("is taken", "is long"), "regions": ("are none",), "n": ("1",)}
    assert problem.extensions == {
        "existing_region_group": "https://api.ev.energy/v2/region_groups/x",
        "conflicts": [{"name": "A"}],
    }


def test_field_errors_are_part_of_the_text() -> None:
    error = error_for(
        response(400, {"title": "Invalid", "detail": "See below.", "field_errors": {"model": ["is odd"]}})
    )

    assert str(error) == "400 for GET /vehicles: Invalid: See below.; model: is odd"


def test_a_forbidden_call_names_the_scopes_that_it_needs() -> None:
    assert "vehicle:read" in str(error_for(response(403)))
    assert "vehicle:read" not in str(error_for(response(404)))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"retry-after": "120"}, 120.0),
        ({"RetryAfter": "7200"}, 7200.0),
        ({"Retry-After": "0"}, 0.0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": ""}, None),
    ],
)
def test_a_rate_limited_call_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    error = error_for(response(429, b"", **headers))

    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("limit", "remaining", "found"),
    [("1000", "998", RateLimit(1000, 998)), ("1000", "", None), ("", "1", None), ("many", "few", None)],
)
def test_a_response_reports_what_is_left_of_the_rate_limit(limit: str, remaining: str, found: RateLimit | None) -> None:
    headers = {"X-RateLimit-Limit": limit, "x-ratelimit-remaining": remaining}

    assert response(200, b"", **headers).rate_limit == found


# --- The tree


def test_every_error_is_an_ev_energy_error() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name not in {"Problem", "error_for"}]

    assert all(issubclass(kind, EvEnergyError) for kind in kinds)
    assert issubclass(InvalidArgument, ValueError)
    assert issubclass(ServiceUnavailable, ServerError)
    for kind in (ConnectionFailed, RequestTimeout, OutcomeUnknown):
        assert issubclass(kind, TransportError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None

    drawn = {line.split("── ")[1].split()[0] for line in errors.__doc__.splitlines() if "── " in line}

    assert drawn == {name for name in errors.__all__ if name not in {"Problem", "error_for", "EvEnergyError"}}


# --- Texts


def test_an_invalid_argument_names_argument_value_and_expectation() -> None:
    error = InvalidArgument("page_size", 101, "an integer from 1 to 100")

    assert (error.argument, error.given, error.expected) == ("page_size", 101, "an integer from 1 to 100")
    assert str(error) == "page_size: expected an integer from 1 to 100, got 101"


def test_a_long_value_is_truncated_in_the_text_and_complete_on_the_error() -> None:
    error = InvalidArgument("vehicle_id", "x" * 1000, "an ID")

    assert len(str(error)) < 130
    assert error.given == "x" * 1000


# --- Copies


def every_error() -> list[EvEnergyError]:
    answer = response(404, {"title": "No", "conflicts": [1]}, Link="<a>; rel=next")
    return [
        InvalidArgument("page_size", 101, "an integer"),
        InvalidArgument("body", models.VehicleUpdate(), "a mapping"),
        *(error_for(response(status, {"title": "No"}, **{"Retry-After": "5"})) for status in BY_STATUS),
        ConnectionFailed(request(), "refused"),
        RequestTimeout(request(), "not within 30 s"),
        OutcomeUnknown(request(), "reset"),
        DecodeError("no number", "$[3].x", answer),
        DecodeError("no number"),
        AuthError("invalid_client", "who are you?"),
        AuthError("invalid_grant"),
        EvEnergyError("other loop"),
    ]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_an_error_survives_pickle_and_copy(error: EvEnergyError) -> None:
    for twin in (
        pickle.loads(pickle.dumps(error)),  # noqa: S301  # our own bytes
        copy.copy(error),
        copy.deepcopy(error),
    ):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        for name in ("status", "problem", "argument", "expected", "path", "reason", "error", "description"):
            assert getattr(twin, name, None) == getattr(error, name, None)


async def test_an_error_from_the_wire_crosses_to_another_process(ev: EvEnergy, network: Network) -> None:
    network.answer(
        "GET", f"/vehicles/{VEHICLE}", {"title": "No"}, status=429, headers={"Retry-After": "9"}, repeat=True
    )

    with pytest.raises(RateLimited) as raised:
        await ev.vehicles.get(VEHICLE)
    twin = pickle.loads(pickle.dumps(raised.value))  # noqa: S301  # our own bytes

    assert twin.retry_after == 9
    assert twin.request.operation.name == "vehicles.get"
    assert twin.request.operation.scopes == raised.value.request.operation.scopes
    assert twin.response.headers["retry-after"] == "9"


# --- Secrets


def test_no_text_shows_a_token_a_query_or_a_body() -> None:
    body = json.dumps({"email": PERSONAL, "token": SECRET}).encode()
    shown: list[object] = [
        request(Authorization=f"Bearer {SECRET}"),
        response(200, body),
        StaticToken(SECRET),
        ClientCredentials("id", SECRET),
        Token(SECRET, None),
        EvEnergy(ClientCredentials("id", SECRET)),
        ConnectionFailed(request(Authorization=SECRET), "refused"),
        OutcomeUnknown(request(Authorization=SECRET), "reset"),
        DecodeError("no number", "$", response(200, body)),
        *(error_for(response(status, b"<html>" + body)) for status in BY_STATUS),
        InvalidArgument("body", {"email": PERSONAL}, "another mapping"),
        InvalidArgument("body", models.UserUpdate(email=PERSONAL), "another model"),
    ]

    for each in shown:
        for text in (str(each), repr(each)):
            assert SECRET not in text
            assert PERSONAL not in text


def test_the_request_of_an_error_has_no_authorization() -> None:
    shown = request(authorization=SECRET, **{"EvEnergy-User": "user"}).without_secrets()

    assert dict(shown.headers) == {"EvEnergy-User": "user"}
    assert (shown.path, shown.query, shown.body) == (request().path, request().query, request().body)


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nb", "caf\u00e9", "a\x00", None, 5, b"token"])
@pytest.mark.parametrize("make", [StaticToken, partial(ClientCredentials, "id")])
def test_a_secret_with_invalid_characters_is_refused_and_not_shown(make: Any, token: Any) -> None:
    with pytest.raises(InvalidArgument, match="visible ASCII") as raised:
        make(token)

    assert raised.value.argument in {"token", "client_secret"}
    assert "not shown" in str(raised.value)
    if token and token != " ":
        assert str(token) not in f"{raised.value} {raised.value!r} {raised.value.given!r}"


def test_a_client_id_is_checked_as_well() -> None:
    with pytest.raises(InvalidArgument, match="client_id"):
        ClientCredentials("", "secret")


def test_unset_is_shown_as_unset() -> None:
    assert "UNSET" in str(InvalidArgument("time", UNSET, "a value"))


def test_of_a_problem_with_endless_field_errors_a_part_is_kept() -> None:
    body = json.dumps({"field_errors": {f"field_{n}": ["wrong"] * 1_000 for n in range(1_000)}}).encode()
    found = Problem.parse(400, body).field_errors
    assert len(found) == 100
    assert {len(messages) for messages in found.values()} == {20}
