"""A record: one resource that is its data and references, and the table of the kinds there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import attrs

from ev_energy_async.sandbox.world.entities import Collection, new_id

if TYPE_CHECKING:
    from random import Random

    from ev_energy_async.sandbox.instants import Instant
    from ev_energy_async.sandbox.world.entities import User


class Kind(NamedTuple):
    """A kind of record."""

    name: str
    prefix: str
    """The four letters that its IDs begin with."""
    segment: str
    """The path of the collection, below the base URL or below the parent."""


_KINDS: Final = (
    ("boundary_meter_makes", "bmma"),
    ("boundary_meter_models", "bmmo"),
    ("boundary_meters", "bmet"),
    ("carbon_feeds", "cabf"),
    ("cpms_providers", ""),
    ("dispatch_coordinators", "dcor"),
    ("dispatch_events", "devt"),
    ("evse_firmware_versions", "evsf"),
    ("evse_waitlist", "ewlt"),
    ("grid_feeds", "grfd"),
    ("hem_systems", "hems"),
    ("home_batteries", "hoba"),
    ("home_battery_makes", "bmak"),
    ("home_battery_models", "bmod"),
    ("incentive_schemes", "incs"),
    ("inverter_makes", "imak"),
    ("inverter_models", "imod"),
    ("inverters", "invt"),
    ("messages", "tmsg"),
    ("notifications", "notf"),
    ("participation_agreement_versions", "pagv"),
    ("programs", "prog"),
    ("rebate_evidence_files", "rbef"),
    ("rebate_evidence_types", "rbet"),
    ("rebate_types", "rbtt"),
    ("region_groups", "rgrp"),
    ("regions", "regn"),
    ("saved_routes", "savr"),
    ("solar_arrays", "solr"),
    ("solar_forecasts", "solf"),
    ("subscription_offerings", "subo"),
    ("subscriptions", "subs"),
    ("support_tickets", "tick"),
    ("tiers", "tier"),
    ("timezones", "tzon"),
    ("user_rebates", "rbtu"),
    ("vehicle_waitlist", "vwlt"),
)

KINDS: Final = {name: Kind(name, prefix, name) for name, prefix in _KINDS}
"""All kinds by name, which is the name of the collection as well."""


@attrs.define(eq=False)
class Record:
    """One resource."""

    id: str
    kind: Kind
    data: dict[str, Any]
    """The members of its JSON object by name, ID and URL aside. What is a thing of the world is a reference to it."""
    user: User | None = None
    """Its user, if it has one."""
    parent: Record | User | None = None
    """Below what it stands, where it has no collection of its own."""
    hidden: dict[str, Any] = attrs.field(factory=dict[str, Any])
    """Facts that responses do not show."""

    @property
    def name(self) -> str:
        """Its name."""
        name: str = self.data["name"]
        return name


class Shelf(Collection[Record]):
    """All records of a kind."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind

    def new(
        self,
        at: Instant,
        chance: Random,
        data: dict[str, Any],
        *,
        user: User | None = None,
        parent: Record | User | None = None,
        hidden: dict[str, Any] | None = None,
    ) -> Record:
        """Create a record as of a moment and insert it."""
        id_ = new_id(self.kind.prefix, at, chance)
        return self.add(Record(id_, self.kind, data, user, parent, hidden or {}))

    def below(self, parent: Record | User) -> list[Record]:
        """Return the records that stand below another thing, in the order of their IDs."""
        return [record for record in self if record.parent is parent]

    def of(self, user: User) -> list[Record]:
        """Return the records of a user, in the order of their IDs."""
        return [record for record in self if record.user is user]
