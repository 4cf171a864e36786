"""Charge points: their catalogue, an import and a removal, and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.tour_kit import Tour, known

if TYPE_CHECKING:
    from ev_energy_async.models import User


async def catalogue(tour: Tour, user: User) -> None:
    """Read makes, models, firmware, sites and their operators."""
    ev = tour.ev
    make = await tour.list_and_get(ev.evse_makes.list(), ev.evse_makes.get)
    model = await tour.list_and_get(ev.evse_models.list(make_id=make.id), ev.evse_models.get)
    await tour.list_and_get(ev.evse_firmware_versions.list(), ev.evse_firmware_versions.get)
    await tour.list_and_get(ev.evse_sites.list(), ev.evse_sites.get)
    await tour.list_and_get(ev.cpms_providers.list(), ev.cpms_providers.get)
    await ev.evse_compatibility.check(evse_model_id=model.id, country="GB")
    answer = await ev.evse_waitlist.join(email="nerys@example.com", evse_make_name="Foo", evse_model_name="Bar")
    tour.check("has an ID", answer.id)
    where = await ev.evse_onboarding.start(client_id=tour.sandbox.client_id, user_id=user.id, make_id=make.id)
    tour.check("leads to the maker's login", isinstance(where, str) and where.startswith("https://"))


async def imported(tour: Tour) -> None:
    """Import a charge point by its serial number, and remove it."""
    evses = tour.ev.evses
    evse = await tour.ev.evse_onboarding.import_evse(provider="Easee", serial_number="EH100200")
    tour.check("has the serial number given", evse.cpid == "EH100200")
    await evses.update(evse, location={"latitude": 51.48, "longitude": -3.18})
    found = await evses.get(evse)
    tour.check("shows where it was put", known(found.location).latitude == 51.48)
    listed = await evses.list(cpid="EH100200")
    tour.check("is found by its number", [each.id for each in listed] == [evse.id])
    link = await evses.reconnect(evse)
    tour.check("leads to the maker's login", known(link.url).startswith("https://"))
    await evses.delete(evse)
    await tour.gone(lambda: evses.get(evse))


async def logs(tour: Tour) -> None:
    """Read the logs of a charge point with OCPP and a CT clamp."""
    ev, evses = tour.ev, tour.ev.evses
    fleet = await evses.list(page_size=100).all()
    evse = await tour.having(fleet, evses.list_ocpp_logs, evses.list_error_logs)
    await tour.list_and_get_log(
        evses.list_status_logs(evse), lambda log: evses.get_status_log(evse, known(log.sampled_at))
    )
    await tour.list_and_get_log(
        evses.list_command_logs(evse), lambda log: evses.get_command_log(evse, known(log.logged_at))
    )
    await tour.list_and_get_log(
        evses.list_error_logs(evse), lambda log: evses.get_error_log(evse, known(log.sampled_at))
    )
    await tour.list_and_get_log(evses.list_ocpp_logs(evse), lambda log: evses.get_ocpp_log(evse, known(log.sampled_at)))
    reached = await evses.get_connectivity(evse)
    tour.check("a share of 30 days", 0 <= reached.connection_reliability_30d <= 100)
    tour.check("can be told to charge", (await evses.get_vpp_modes(evse)).charge_mode)
    clamp = await tour.list_and_get(ev.ct_clamps.list(), ev.ct_clamps.get)
    clamp_id = known(clamp.id)
    await tour.list_and_get_log(
        ev.ct_clamps.list_logs(clamp_id), lambda log: ev.ct_clamps.get_log(clamp_id, known(log.sampled_at))
    )
