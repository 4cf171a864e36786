"""The catalogue of vehicles, and a user's vehicle: connected, described, disconnected, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tour_kit import Tour, known, url

if TYPE_CHECKING:
    from ev_energy_async.models import User, Vehicle, VehicleMake, VehicleModel


async def catalogue(tour: Tour) -> tuple[VehicleMake, VehicleModel]:
    """Read makes, models, trims and connectors, and create a missing model."""
    ev = tour.ev
    make = await tour.list_and_get(ev.vehicle_makes.list(), ev.vehicle_makes.get)
    listed = await tour.list_and_get(ev.vehicle_models.list(make_id=make.id), ev.vehicle_models.get)
    await tour.list_and_get(ev.vehicle_trims.list(model_id=listed.id), ev.vehicle_trims.get)

    model = await ev.vehicle_models.create(make=make.url, name="Dragon")
    tour.check("has the name given", model.name == "Dragon")
    await ev.vehicle_models.update(model, default_connector_type="NACS")
    found = await ev.vehicle_models.get(model)
    tour.check("shows what was changed", found.default_connector_type == "NACS")
    trim = await ev.vehicle_trims.create(model=model.url, name="Long Range", battery_size_watt_hours=70_000)
    again = await ev.vehicle_trims.get(trim)
    tour.check("shows what was created", (again.name, again.battery_size_watt_hours) == ("Long Range", 70_000))

    await ev.vehicle_models.create_connector(model, region="EUROPE", connector_type="CCS")
    await ev.vehicle_models.update_connector(model, "EUROPE", confidence="HIGH")
    plug = await ev.vehicle_models.get_connector(model, "EUROPE")
    tour.check("shows what was created and changed", (plug.connector_type, plug.confidence) == ("CCS", "HIGH"))
    plugs = await ev.vehicle_models.list_connectors(model)
    tour.check("holds the new plug alone", [each.url for each in plugs] == [plug.url])

    await ev.vehicle_compatibility.check(vehicle_model_id=listed.id, country="GB")
    answer = await ev.vehicle_waitlist.join(email="nerys@example.com", vehicle_model_id=model.id)
    tour.check("has an ID", answer.id)
    return make, listed


async def onboarding(tour: Tour, user: User, make: VehicleMake) -> Vehicle:
    """Connect a vehicle as a user's browser does."""
    ev = tour.ev
    where = await ev.vehicle_onboarding.start(
        client_id=tour.sandbox.client_id, user_id=user.id, make_id=make.id, response_type="json"
    )
    assert not isinstance(where, str), "a location although JSON was asked for"
    tour.check("leads to the maker's login", known(where.url).startswith("https://"))
    await ev.vehicle_onboarding.send_link(email="nerys@example.com", make=make.url)
    done = await ev.vehicle_onboarding.complete(
        authorization_request_uid=known(where.authorization_request_id), auth_code="from-the-login"
    )
    vehicle = await ev.vehicles.get(known(done.vehicles[0].id))
    tour.check("the new vehicle is the user's", url(vehicle.user).endswith(user.id))
    tour.check("the vehicle is there afterwards", vehicle.id, visit=tour.visits["vehicle_onboarding.complete"])
    return vehicle


async def connected(tour: Tour, user: User, vehicle: Vehicle) -> None:
    """Change and read a connected vehicle."""
    vehicles = tour.ev.vehicles
    await vehicles.update(vehicle, smart_charging_enabled=False, vehicle_class="COMMERCIAL")
    found = await vehicles.get(vehicle)
    tour.check("shows what was changed", (found.smart_charging_enabled, found.vehicle_class) == (False, "COMMERCIAL"))
    await vehicles.update_connectors(vehicle, native_connector="CCS", adaptors=["NACS"])
    plugs = await vehicles.get_connectors(vehicle)
    tour.check("shows what was set", (plugs.native_connector, plugs.adaptors) == ("CCS", ["NACS"]))
    await vehicles.update_state_of_charge(vehicle, state_of_charge_percentage=42)
    charge = await vehicles.get_state_of_charge(vehicle)
    tour.check("shows what was set", (charge.state_of_charge_percentage, charge.source) == (42, "MANUAL"))
    modes = await vehicles.get_vpp_modes(vehicle)
    tour.check("can be told to charge", modes.charge_mode)

    cut = await vehicles.disconnect(vehicle)
    tour.check("is without a link", cut.integrated == "INACTIVE")
    link = await vehicles.reconnect(vehicle)
    tour.check("leads to the maker's login", known(link.url).startswith("https://"))
    tour.sandbox.advance(600)
    back = await vehicles.get(vehicle)
    reconnected = tour.visits["vehicles.reconnect"]
    tour.check("works once the owner has followed it", back.integrated == "ACTIVE", visit=reconnected)
    mine = await tour.ev.as_user(user).vehicles.list().all()
    tour.check("is narrowed to the user's", [each.id for each in mine] == [vehicle.id])


async def unconnected(tour: Tour, user: User, model: VehicleModel) -> None:
    """Create a vehicle that cannot be connected, and delete it."""
    ev = tour.ev
    driver = ev.as_user(user)
    vehicle = await driver.vehicles.create(model=model.url, description="The old one")
    tour.check("has the description given", vehicle.description == "The old one")
    listed = await driver.vehicles.list(expand=["trim.model"]).all()
    tour.check("holds the new vehicle", vehicle.id in {each.id for each in listed})
    await ev.vehicles.delete(vehicle)
    await tour.gone(lambda: ev.vehicles.get(vehicle))


async def logs(tour: Tour) -> None:
    """Read the logs of a vehicle with a long history."""
    vehicles = tour.ev.vehicles
    fleet = await vehicles.list(expand=["latest_status_log"], page_size=100).all()
    vehicle = await tour.having(fleet, vehicles.list_status_logs, vehicles.list_error_logs)
    await tour.list_and_get_log(
        vehicles.list_status_logs(vehicle), lambda log: vehicles.get_status_log(vehicle, known(log.sampled_at))
    )
    await tour.list_and_get_log(
        vehicles.list_location_logs(vehicle), lambda log: vehicles.get_location_log(vehicle, known(log.sampled_at))
    )
    await tour.list_and_get_log(
        vehicles.list_command_logs(vehicle), lambda log: vehicles.get_command_log(vehicle, known(log.logged_at))
    )
    await tour.list_and_get_log(
        vehicles.list_error_logs(vehicle), lambda log: vehicles.get_error_log(vehicle, known(log.logged_at))
    )
