"""Mocks with the specification of the client: they refuse calls that the client would refuse."""

from __future__ import annotations

import asyncio
import inspect
from operator import attrgetter
from typing import Any
from unittest.mock import AsyncMock, create_autospec

import pytest

from ev_energy_async import EvEnergy, api, models
from ev_energy_async.api.vehicles import Vehicles
from ev_energy_async.devices import VehicleHandle
from tests.test_public_names import loaded_by

VEHICLE = "vhcl01HRFF3SEVSCRAV9B3CHVDFN0H"


@pytest.fixture
def ev() -> Any:
    return create_autospec(EvEnergy, instance=True)


async def test_an_operation_of_a_mock_is_awaited_and_returns_the_configured_value(ev: Any) -> None:
    ev.vehicles.get.return_value = vehicle = models.VehicleUpdate()
    assert await ev.vehicles.get(VEHICLE, expand=["trim"]) is vehicle
    ev.vehicles.get.assert_awaited_once_with(VEHICLE, expand=["trim"])


@pytest.mark.parametrize(
    ("name", "arguments", "keywords"),
    [
        ("vehicles.get", [VEHICLE], {"expnad": ["trim"]}),
        ("vehicles.get", [], {}),
        ("vehicles.get", [], {"vehicle_id": VEHICLE}),
        ("vehicles.list", [VEHICLE], {}),
        ("vehicles.get_many", [[VEHICLE], 5], {}),
        ("vehicle", [], {}),
        ("as_user", [], {}),
    ],
)
def test_a_call_that_the_client_would_not_take_is_an_error(
    ev: Any, name: str, arguments: list[Any], keywords: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        attrgetter(name)(ev)(*arguments, **keywords)


@pytest.mark.parametrize("name", ["vehicels", "vehicles.fetch", "vehicles.get.with_answer"])
def test_a_name_that_the_client_does_not_have_is_an_error(ev: Any, name: str) -> None:
    with pytest.raises(AttributeError, match=name.rpartition(".")[2]):
        attrgetter(name)(ev)


def test_a_list_operation_of_a_mock_is_called_and_not_awaited(ev: Any) -> None:
    ev.vehicles.list.return_value = pages = object()
    assert ev.vehicles.list(page_size=100) is pages
    assert not isinstance(ev.vehicles.list, AsyncMock)


@pytest.mark.parametrize("operation", ["get", "list"])
async def test_with_response_is_awaited_for_both_kinds(ev: Any, operation: str) -> None:
    with_response = getattr(ev.vehicles, operation).with_response
    with_response.return_value = answer = object()
    assert await with_response(*[VEHICLE][: operation == "get"]) is answer


async def test_get_many_works_on_a_mock(ev: Any) -> None:
    ev.vehicles.get_many.return_value = []
    assert await ev.vehicles.get_many([VEHICLE], concurrency=5, expand=["trim"]) == []


async def test_handles_and_views_of_a_mock_are_there(ev: Any) -> None:
    handle, view = ev.vehicle(VEHICLE), ev.as_user("user01HN2NJ9NMRZBXT1H6FT9N7735")
    assert (handle, view) == (ev.vehicle.return_value, ev.as_user.return_value)
    await ev.close()
    ev.close.assert_awaited_once_with()


def test_each_operation_on_a_class_is_what_it_is_on_a_client() -> None:
    bound = EvEnergy().vehicles
    for name in [n for n in vars(Vehicles) if not n.startswith("_") and n != "get_many"]:
        on_class, on_client = getattr(Vehicles, name), getattr(bound, name)
        function = getattr(api, on_client.__name__)
        assert inspect.signature(on_class) == inspect.signature(on_client)
        assert inspect.signature(on_class.with_response) == inspect.signature(on_client)
        assert inspect.getdoc(on_class) == inspect.getdoc(function)
        assert inspect.iscoroutinefunction(on_class) == inspect.iscoroutinefunction(function)
        assert inspect.iscoroutinefunction(on_class.with_response)


def test_an_operation_on_a_class_says_that_it_needs_a_client() -> None:
    with pytest.raises(TypeError, match=r"list_vehicles\(\) needs a client"):
        Vehicles.list()
    with pytest.raises(TypeError, match=r"get_vehicle\(\) needs a client"):
        asyncio.run(Vehicles.get(VEHICLE))
    with pytest.raises(TypeError, match=r"get_many\(\) needs a client"):
        asyncio.run(Vehicles.get_many([VEHICLE]))


def test_a_group_on_the_class_of_the_client_loads_no_other() -> None:
    before = loaded_by("from ev_energy_async import EvEnergy")
    after = loaded_by("from ev_energy_async import EvEnergy; EvEnergy.vehicles.get")
    groups = {name for name in {*after} - {*before} if name.startswith("ev_energy_async.api.")}
    assert groups == {"ev_energy_async.api.vehicles"}


@pytest.mark.parametrize("name", ["get", "update", "delete"])
def test_the_signature_on_a_handle_is_that_of_the_operation_without_the_device(name: str) -> None:
    operation = inspect.signature(getattr(Vehicles, name))
    expected = operation.replace(parameters=list(operation.parameters.values())[1:])
    handle = EvEnergy().vehicle(VEHICLE)
    on_class, on_handle = getattr(type(handle), name), getattr(handle, name)
    assert inspect.signature(on_class) == inspect.signature(on_handle) == expected
    assert inspect.getdoc(on_class) == inspect.getdoc(getattr(Vehicles, name))


@pytest.mark.parametrize("method", [Vehicles.delete, Vehicles.list, Vehicles.get_many, VehicleHandle.update])
def test_tools_that_describe_a_class_find_methods(method: Any) -> None:
    # Sphinx drops the first parameter of a function that it finds in a class.
    assert inspect.ismethod(method)
    assert next(iter(inspect.signature(method.__func__).parameters)) == "self"
    assert "no client" in repr(method)
