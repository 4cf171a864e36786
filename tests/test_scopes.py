"""The scopes that an application must request."""

from __future__ import annotations

from typing import Any

import pytest

from ev_energy_async import AuthorizationCode, EvEnergy, InvalidArgument, Scope, scopes_for
from ev_energy_async.calls import Group
from ev_energy_async.calls.endpoints import BoundEndpoint


def test_the_scopes_of_several_operations_are_joined() -> None:
    assert scopes_for("vehicles.list", "vehicles.get", "charging_sessions.boost_start") == [
        Scope.CHARGING_SESSION_WRITE,
        Scope.VEHICLE_READ,
    ]
    assert scopes_for() == []


def test_scopes_are_strings_that_a_consent_takes() -> None:
    assert str(Scope.VEHICLE_READ) == "vehicle:read"
    app = AuthorizationCode("my-id", redirect_uri="https://app.example.com/", scopes=[Scope.VEHICLE_READ, "user:read"])
    assert "scope=vehicle%3Aread+user%3Aread" in app.begin().url


@pytest.mark.parametrize(
    "wrong", ["vehicles", "vehicles.lst", "nothing.list", "_document.x", "groups.Groups", "", "a b.c", 7]
)
def test_what_is_no_operation_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="operations"):
        scopes_for("vehicles.list", wrong)


async def test_every_operation_of_the_client_has_its_scopes() -> None:
    ev = EvEnergy()
    groups = {name: group for name in dir(ev) if isinstance(group := getattr(ev, name), Group)}
    assert groups
    for name, group in groups.items():
        for verb in dir(group):
            if not verb.startswith("_") and isinstance(getattr(group, verb), BoundEndpoint):
                assert all(isinstance(scope, Scope) for scope in scopes_for(f"{name}.{verb}"))
