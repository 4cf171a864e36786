"""Operators: regions, virtual power plants and support tickets."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tests.tour_kit import Tour, known

if TYPE_CHECKING:
    from ev_energy_async.models import RegionGroupCreateFields


def _square(west: float) -> list[list[list[float]]]:
    return [[[west, 51.4], [west + 0.2, 51.4], [west + 0.2, 51.6], [west, 51.6], [west, 51.4]]]


async def regions(tour: Tour) -> None:
    """Validate and create a group of regions, and add a region to it."""
    ev = tour.ev
    wanted: RegionGroupCreateFields = {
        "name": "Gwent",
        "regions": [{"name": "Newport", "geometries": [{"type": "Polygon", "coordinates": _square(-3.0)}]}],
    }
    tried = await ev.region_groups.validate(wanted)
    tour.check("is valid", tried.valid)
    group = await ev.region_groups.create(wanted)
    found = await ev.region_groups.get(known(group.id))
    tour.check("shows what was created", (found.name, len(known(found.regions))) == ("Gwent", 1))
    listed = await ev.region_groups.list(name="Gwent")
    tour.check("is found by its name", [each.id for each in listed] == [group.id])
    region = await ev.regions.create(
        name="Monmouth",
        geometries=[{"type": "Polygon", "coordinates": _square(-2.7)}],
        region_groups=[known(group.url)],
    )
    again = await ev.regions.get(known(region.id))
    tour.check("shows what was created", (again.name, again.region_groups) == ("Monmouth", [group.url]))
    both = await ev.regions.list(region_group_id=known(group.id))
    tour.check("holds both of the group", sorted(known(each.name) for each in both) == ["Monmouth", "Newport"])


async def dispatch(tour: Tour) -> None:
    """Limit a virtual power plant, and cancel the limit."""
    coordinators = tour.ev.dispatch_coordinators
    coordinator = await tour.list_and_get(coordinators.list(), coordinators.get)
    coordinator_id = known(coordinator.id)
    start = tour.sandbox.now() + dt.timedelta(hours=1)
    event = await coordinators.create_dispatch_event(
        coordinator_id, start_time=start, end_time=start + dt.timedelta(hours=1), import_limit_watts=5_000
    )
    tour.check("has the limit given", event.import_limit_watts == 5_000)
    cancelled = await coordinators.cancel_dispatch_event(coordinator_id, known(event.id))
    tour.check("says so", cancelled.status == "CANCELLED")
    await tour.list_and_get_log(
        coordinators.list_dispatch_logs(coordinator_id),
        lambda log: coordinators.get_dispatch_log(coordinator_id, known(log.logged_at)),
    )


async def support(tour: Tour) -> None:
    """Read tickets with their messages, and statistics on them."""
    ev, tickets, stats = tour.ev, tour.ev.support_tickets, tour.ev.support_ticket_stats
    ticket = await tour.list_and_get(tickets.list(), tickets.get)
    await tickets.update(ticket, human_verified_category="SOLAR")
    found = await tickets.get(ticket)
    tour.check("shows what was changed", found.human_verified_category == "SOLAR")
    await tour.list_and_get(
        tickets.list_messages(ticket), lambda message: ev.support_tickets.get_message(ticket, message)
    )
    categories = await tickets.get_categories()
    tour.check("some categories", categories.categories)
    total = len(await tickets.list(page_size=100).all())
    status = await stats.get_status()
    tour.check("adds up to all tickets", sum(known(each.count) for each in known(status.breakdown)) == total)
    priority = await stats.get_priority()
    tour.check("adds up to all tickets", sum(known(each.count) for each in known(priority.breakdown)) == total)
    source = await stats.get_source()
    tour.check("adds up to all tickets", sum(known(each.count) for each in known(source.breakdown)) == total)
    resolution = await stats.get_resolution()
    tour.check("adds up to all tickets", resolution.total_resolved + resolution.total_unresolved == total)
    volume = await stats.get_volume(group_by="month")
    tour.check("some months", volume.time_series)
    sankey = await stats.get_sankey()
    tour.check("some links", sankey.links)
    top = await stats.get_top_categories(limit=1)
    tour.check("one, as asked", len(known(top.categories)) == 1)
