"""Paths and bodies with which each operation can be called in a sandbox."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ev_energy_async.sandbox.instants import DAY, HOUR, Instant, instant, text
from ev_energy_async.sandbox.protocol.document import load
from ev_energy_async.sandbox.resources import device_logs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ev_energy_async.sandbox.protocol.document import Document, Operation
    from ev_energy_async.sandbox.world.entities import User
    from ev_energy_async.sandbox.world.sessions import Session

    from .conftest import Client

SQUARE = {"type": "Polygon", "coordinates": [[[-0.2, 51.4], [0.0, 51.4], [0.0, 51.6], [-0.2, 51.6], [-0.2, 51.4]]]}
POINT = {"name": "Home", "latitude": 51.5, "longitude": -0.1}
ROUTE = {"name": "To work", "origin": POINT, "destination": POINT, "arrive_with_min_percent": 20}

_BELOW = {
    "tier_id": "tiers",
    "participation_agreement_version_id": "participation_agreement_versions",
    "message_id": "messages",
    "saved_route_id": "saved_routes",
    "dispatch_event_id": "dispatch_events",
}
_QUERIES = {
    "dispatcher_logs.list": "charging_sub_session_id={sub_session}",
    "evse_compatibility.check": "evse_model_id={evse_model}",
    "evse_onboarding.start": "client_id=sandbox-client&user_id={user}&response_type=json&make_id={evse_make}",
    "hem_systems.get_energy_stats": "resolution=PT30M&start=2026-03-14T08:00:00Z&end=2026-03-14T22:00:00Z",
    "inverter_onboarding.start": "client_id=sandbox-client&user_id={user}",
    "vehicle_compatibility.check": "vehicle_model_id={vehicle_model}",
    "vehicle_onboarding.start": "client_id=sandbox-client&user_id={user}&response_type=json&make_id={vehicle_make}",
}
"""The query that these operations require."""
_VARIABLE = re.compile(r"\{(\w+)\}")


class Places:
    """Knows the things of one sandbox."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.sandbox = client.sandbox
        self.world = client.sandbox.world

    @property
    def document(self) -> Document:
        return load()

    @property
    def user(self) -> User:
        return next(iter(self.world.users))

    def url(self, kind: str) -> str:
        """The URL of the first thing of a kind."""
        things: Iterable[Any] = getattr(self.world, kind) if hasattr(self.world, kind) else self.world.records[kind]
        return f"{self.sandbox.base_url}/{kind}/{next(iter(things)).id}"

    @property
    def now(self) -> Instant:
        return instant(self.sandbox.now())

    async def furnish(self) -> None:
        """Makes one of each kind that nothing is of at the start."""
        user = next(iter(self.world.users))
        call = self.client.call
        rebate_type = (await self.client.get("/rebate_types")).body[0]
        for method, path, body in (
            ("POST", f"/users/{user.id}/saved_routes", ROUTE),
            ("POST", "/region_groups", {"name": "South", "regions": [{"name": "London", "geometries": [SQUARE]}]}),
            ("POST", "/user_rebates", {"rebate_type": rebate_type["url"]}),
            (
                "POST",
                "/rebate_evidence_files:start_upload",
                {"file_name": "invoice.pdf", "rebate_evidence_type": rebate_type["required_evidence"][0]},
            ),
            ("POST", f"/dispatch_coordinators/{self.first('dispatch_coordinators')}/dispatch_events", self.event()),
            (
                "POST",
                f"/vehicle_models/{next(iter(self.world.vehicle_models)).id}/connectors",
                {"region": "EUROPE", "connector_type": "CCS"},
            ),
        ):
            answer = await call(method, path, json=body)
            assert answer.status == 201, answer.body
        upload = self.world.upload(self.first("rebate_evidence_files"))
        assert upload is not None
        upload.content = b"%PDF"

    def event(self) -> dict[str, Any]:
        return {"start_time": text(self.now + HOUR), "end_time": text(self.now + 2 * HOUR), "target_power_watts": 5_000}

    def first(self, kind: str) -> str:
        return next(iter(self.world.records[kind])).id

    def sessions(self) -> list[Session]:
        """All sessions so far, those under way first."""
        book = self.world.sessions
        found = [it for plug in self.world.plugs for it in book.of_plug(plug, book.origin, self.now + 1, self.now)]
        return sorted(found, key=lambda session: (session.end <= self.now, session.id))

    def under_way(self, mode: str) -> Session:
        """A session under way whose car charges in that mode."""
        book = self.world.sessions
        return next(
            session
            for session in self.sessions()
            if session.end > self.now + DAY // 24
            and session.plug.vehicle is not None
            and book.sub_sessions(session, self.now)[-1].span.mode == mode
        )

    def query(self, name: str) -> str:
        """The query that an operation requires."""
        if name not in _QUERIES:
            return ""
        world = self.world
        session = self.sessions()[0]
        return _QUERIES[name].format(
            user=next(iter(world.users)).id,
            sub_session=world.sessions.sub_sessions(session, self.now)[0].id,
            evse_model=next(iter(world.evse_models)).id,
            evse_make=next(iter(world.evse_makes)).id,
            vehicle_model=next(iter(world.vehicle_models)).id,
            vehicle_make=next(iter(world.vehicle_makes)).id,
        )

    def paths(self, operation: Operation) -> list[str]:
        """Paths of a few different things that the operation can be called on."""
        return [
            operation.path.format(**values) for values in self._values(_VARIABLE.findall(operation.path), operation)
        ]

    def _values(self, names: list[str], operation: Operation) -> Iterable[dict[str, str]]:
        if not names:
            return [{}]
        owner, *below = names
        if owner == "vehicle_model_id" and below:
            return [{owner: next(iter(self.world.vehicle_models)).id, "region": "EUROPE"}]
        if below and below[0] in _BELOW:
            records = list(self.world.records[_BELOW[below[0]]])[:3]
            return [{owner: record.parent.id, below[0]: record.id} for record in records if record.parent is not None]
        found: list[dict[str, str]] = []
        for thing in self._things(owner):
            if not below:
                found.append({owner: thing})
            elif stamp := self._stamp(operation, thing):
                found.append({owner: thing, below[0]: stamp})
        return found

    def _stamp(self, operation: Operation, id_: str) -> str | None:
        """The time of a log of a thing."""
        collection, _, segment = operation.path.strip("/").split("/")[:3]
        if collection in {"vehicles", "evses"}:
            log = getattr(self.world, collection)[id_].logs[segment].latest(self.now)
            return None if log is None else text(log.at)
        if collection in {"boundary_meters", "home_batteries", "ct_clamps"}:
            device = self.world.ct_clamps[id_] if collection == "ct_clamps" else self.world.records[collection][id_]
            return text(device_logs.series(device, self.world, self.now)[0])
        return text(self.now // HOUR * HOUR)

    def _things(self, name: str) -> list[str]:
        world = self.world
        if name == "vehicle_id":
            kinds = ("ACTIVE", "INACTIVE", "UNINTEGRATED")
            return [next(it.id for it in world.vehicles if it.integrated == kind) for kind in kinds]
        if name == "evse_id":
            clamped = [evse.id for evse in world.evses if evse.clamp][:2]
            return clamped + [evse.id for evse in world.evses][:3]
        if name == "charging_session_id":
            return [session.id for session in (*self.sessions()[:2], self.sessions()[-1])]
        if name == "charging_sub_session_id":
            some = (*self.sessions()[:3], *self.sessions()[-4:])
            return [sub.id for session in some for sub in world.sessions.sub_sessions(session, self.now)]
        kind = {"offering_id": "subscription_offerings", "home_battery_id": "home_batteries"}.get(
            name, f"{name.removesuffix('_id')}s"
        )
        things: Iterable[Any] = getattr(world, kind) if hasattr(world, kind) else world.records[kind]
        return [thing.id for thing in things][:4]
