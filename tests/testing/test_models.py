"""Models that `build` and `batch` make are complete, valid and reproducible."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ev_energy_async import (
    UNSET,
    InvalidArgument,
    ResourceId,
    codec,
    models,
)
from ev_energy_async.models import (
    ChargingSession,
    User,
    Vehicle,
    VehicleConnectors,
    VehicleStatusLog,
    VehicleTrim,
    VehicleTrimCreate,
)
from ev_energy_async.testing import (
    START,
    ModelFactory,
    batch,
    build,
    reseed,
)
from ev_energy_async.values import Model

pytest_plugins = ["ev_energy_async.testing"]

MODELS = [
    each
    for each in (getattr(models, name) for name in models.__all__)
    if isinstance(each, type) and issubclass(each, Model)
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_model_has_every_field_set_and_matches_its_schema(model: type[Any]) -> None:
    made = build(model)

    unset = [each.name for each in attrs.fields(model) if getattr(made, each.name) in (UNSET, None)]
    assert unset == []
    # Strict: without any tolerance.
    assert codec.decode_strict(codec.encode(made), model) == made


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_references_are_urls_so_that_nothing_recurses(model: type[Any]) -> None:
    made = build(model)

    for each in attrs.fields(model):
        if "str |" in str(each.type) and isinstance(getattr(made, each.name), Model):
            pytest.fail(f"{each.name} is expanded")


def test_ids_have_the_prefix_of_their_resource_and_a_ulid() -> None:
    made: list[Any] = [build(Vehicle), build(User), build(VehicleTrim), build(ChargingSession)]

    assert [ResourceId.parse(each.id).prefix for each in made] == ["vhcl", "user", "trim", "cses"]
    assert all(ResourceId.parse(each.id).created_at < START for each in made)


def test_models_of_a_batch_have_distinct_ids_in_order_of_creation() -> None:
    ids = [vehicle.id for vehicle in batch(Vehicle, 50)]

    assert ids == sorted(set(ids))


def test_a_url_names_its_object_and_a_reference_the_right_kind() -> None:
    vehicle = build(Vehicle)

    assert vehicle.url == f"https://api.ev.energy/v2/vehicles/{vehicle.id}"
    assert str(vehicle.user).startswith("https://api.ev.energy/v2/users/user01")
    assert str(vehicle.trim).startswith("https://api.ev.energy/v2/vehicle_trims/trim01")
    assert str(vehicle.latest_status_log).startswith(f"{vehicle.url}/status_logs/2026-")
    assert build(VehicleTrimCreate).model.startswith("https://api.ev.energy/v2/vehicle_models/vmod01")


def test_the_url_of_a_log_has_its_vehicle_and_its_time() -> None:
    noon = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    vehicle = build(Vehicle)

    log = build(VehicleStatusLog, sampled_at=noon, vehicle=vehicle)

    assert log.url == f"{vehicle.url}/status_logs/2026-03-01T12:00:00Z"
    assert isinstance(log.logged_at, dt.datetime)
    assert dt.timedelta() < log.logged_at - noon < dt.timedelta(minutes=1)


def test_ends_are_later_than_starts_and_times_are_aware() -> None:
    for session in batch(ChargingSession, 20):
        assert isinstance(session.end, dt.datetime)
        assert session.start.tzinfo is not None
        assert session.start < session.end


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_percentages_are_between_0_and_100_and_charging_limits_are_in_order(seed: int) -> None:
    reseed(seed)
    for model in MODELS:
        made = build(model)
        for each in attrs.fields(model):
            if each.metadata.get("unit") == "%":
                assert 0 <= getattr(made, each.name) <= 100
        low, high = (getattr(made, f"{end}_charge_limit_percent", None) for end in ("min", "max"))
        if isinstance(low, int) and isinstance(high, int):
            assert low <= high


def test_arguments_are_kept_including_unset_and_null() -> None:
    trim = build(VehicleTrim)

    vehicle = build(Vehicle, description="Kim's car", trim=trim, user=UNSET, vehicle_class=None)

    assert (vehicle.description, vehicle.trim, vehicle.vehicle_class) == ("Kim's car", trim, None)
    assert vehicle.user is UNSET
    assert not re.search("user", codec.encode(vehicle).decode())


@pytest.mark.parametrize("model", [Vehicle, VehicleConnectors, ChargingSession])
def test_the_same_seed_gives_the_same_models(model: type[Any]) -> None:
    reseed(3)
    first = batch(model, 3)
    reseed(3)
    again = batch(model, 3)
    reseed(4)
    other = batch(model, 3)

    assert first == again != other


SEEN: list[Vehicle] = []


@pytest.mark.parametrize("number", [1, 2])
def test_the_seed_is_reset_for_each_test(number: int) -> None:
    SEEN.append(build(Vehicle))

    assert all(vehicle == SEEN[0] for vehicle in SEEN), f"the one of test {number} is another"


@pytest.mark.parametrize("given", [{"colour": "red"}, {"id_": "x"}])
def test_an_unknown_field_is_named(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(given))):
        build(Vehicle, **given)


def test_a_type_that_is_not_a_model_is_refused() -> None:
    wrong: Any = dict
    with pytest.raises(InvalidArgument, match="class of"):
        build(wrong)


def test_a_factory_can_be_subclassed() -> None:
    class Disabled(ModelFactory[Vehicle]):
        disabled = True

    assert [vehicle.disabled for vehicle in Disabled.batch(5)] == [True] * 5


def test_other_attrs_classes_are_left_to_polyfactory() -> None:
    from polyfactory.factories.attrs_factory import AttrsFactory  # noqa: PLC0415  # only when it is needed

    @attrs.define
    class Own:
        name: str

    class OwnFactory(AttrsFactory[Own]): ...

    assert not ModelFactory.is_supported_type(Own)
    assert isinstance(OwnFactory.build().name, str)
