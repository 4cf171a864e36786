"""The service: users call the API with tokens of their own; a watch and webhooks write the whole fleet into tables."""

import asyncio
import datetime as dt
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Cookie, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel

from ev_energy_async import (
    AuthorizationCode,
    AuthorizationRequest,
    CommandNotConfirmed,
    Conflict,
    EvEnergy,
    EvEnergyError,
    FileTokenStore,
    InvalidArgument,
    NotFound,
    NotPluggedIn,
    ReauthenticationRequired,
    expanded,
    or_none,
    reference_id,
    scopes_for,
)
from ev_energy_async.checkpoint import SqliteCheckpoint
from ev_energy_async.fleet import StatusLogged
from ev_energy_async.metrics import EvEnergyCollector
from ev_energy_async.models import ChargingSession, Vehicle, VehicleStatusLog
from ev_energy_async.otel import tracing
from ev_energy_async.webhooks import (
    ChargingSubSessionCreated,
    ChargingSubSessionEnded,
    Deduplicator,
    Event,
    WebhookVerificationError,
    WebhookVerifier,
)

TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS status (key TEXT PRIMARY KEY, vehicle_id TEXT, log TEXT)",
    "CREATE TABLE IF NOT EXISTS charging (id TEXT PRIMARY KEY, vehicle_id TEXT, is_finished INTEGER)",
)
HISTORY: Final = "SELECT log FROM status WHERE vehicle_id = ? ORDER BY json_extract(log, '$.sampled_at') DESC LIMIT 100"
# The first class that fits decides.
STATUSES: Final[dict[type[EvEnergyError], HTTPStatus]] = {
    InvalidArgument: HTTPStatus.BAD_REQUEST,
    WebhookVerificationError: HTTPStatus.BAD_REQUEST,
    ReauthenticationRequired: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    NotPluggedIn: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    CommandNotConfirmed: HTTPStatus.GATEWAY_TIMEOUT,
    EvEnergyError: HTTPStatus.BAD_GATEWAY,
}


class Service:
    """The clients and the database, shared by all requests."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.client_id = environ["EV_ENERGY_CLIENT_ID"]
        self.callback_url = environ.get("PUBLIC_URL", "http://localhost:8080") + "/callback"
        self.folder = Path(environ.get("DATA_FOLDER", "data"))
        self.registry = CollectorRegistry()
        # Reads the whole fleet with the application's credentials; the clients of users are views of it.
        self.ev = EvEnergy.from_env(environ, middleware=[tracing()], label="service")
        self.registry.register(EvEnergyCollector(self.ev))
        self.checkpoint = SqliteCheckpoint(self.folder / "service.db")
        self.verifier = WebhookVerifier(environ["WEBHOOK_SECRET"])
        self.deduplicator = Deduplicator()
        self.logins: dict[str, AuthorizationRequest] = {}
        self.users: dict[str, EvEnergy] = {}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep the watch running."""
        async with self.ev, self.checkpoint, asyncio.TaskGroup() as tasks:
            async with self.checkpoint.transaction() as db:
                for table in TABLES:
                    await db.execute(table)
            watching = tasks.create_task(self.watch())  # its failure ends the lifespan, and is logged
            yield
            watching.cancel()

    async def watch(self) -> None:
        """Record each status log of the fleet exactly once: rows and progress are one transaction."""
        yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
        watch = self.ev.fleet.watch(checkpoint=self.checkpoint, ack="explicit", since=yesterday)
        async for batch in watch.batches(max_age=1):
            rows = [(each.key, each.vehicle_id, each.log.to_json()) for each in batch if isinstance(each, StatusLogged)]
            async with self.checkpoint.transaction() as db:
                await db.executemany("INSERT INTO status VALUES (?, ?, ?)", rows)
                await batch.ack()

    async def on_webhook(self, event: Event) -> None:
        """Record a charging sub-session; event types that are added later are left alone."""
        match event.payload:
            case ChargingSubSessionCreated(data=session) | ChargingSubSessionEnded(data=session):
                row = (session.id, reference_id(session.vehicle), session.end is not None)
                async with self.checkpoint.transaction() as db:
                    await db.execute("REPLACE INTO charging VALUES (?, ?, ?)", row)
            case _:
                pass

    def grant(self, session: str) -> AuthorizationCode:
        """Return the grant of a browser session, whose token has a file of its own."""
        name = hashlib.sha256(session.encode()).hexdigest()  # a cookie may say anything
        return AuthorizationCode(
            self.client_id,
            redirect_uri=self.callback_url,
            scopes=scopes_for("vehicles.list", "charging_sessions.list", "charging_sessions.boost_start"),
            base_url=self.ev.base_url,
            store=FileTokenStore(self.folder / "tokens" / name),
        )


def service_of(request: Request) -> Service:
    """Return the service that the application was made with."""
    service: Service = request.app.state.service
    return service


Services = Annotated[Service, Depends(service_of)]
Session = Annotated[str, Cookie()]


def user_of(service: Services, session: Session = "") -> EvEnergy:
    """Return the client of the user who asks; without a stored token its calls raise `AuthError`."""
    return service.users.get(session) or service.ev.with_auth(service.grant(session))


User = Annotated[EvEnergy, Depends(user_of)]
router = APIRouter()


class VehicleSummary(BaseModel):
    """A vehicle in the list."""

    id: str
    description: str
    make: str | None
    model: str | None
    state_of_charge: int | None

    @classmethod
    def of(cls, vehicle: Vehicle) -> "VehicleSummary":
        """Summarize a vehicle whose make and newest log are expanded."""
        model = expanded(vehicle.trim, lambda trim: trim.model)
        make = expanded(model, lambda model: model.make)
        log = expanded(vehicle.latest_status_log)
        return cls(
            id=vehicle.id,
            description=vehicle.description,
            make=make.name if make else None,
            model=model.name if model else None,
            state_of_charge=or_none(log.state_of_charge_percentage) if log else None,
        )


@router.get("/login")
async def login(service: Services) -> RedirectResponse:
    """Send the browser to the consent page."""
    session = secrets.token_urlsafe()
    service.logins[session] = pending = service.grant(session).begin()
    response = RedirectResponse(pending.url)
    response.set_cookie("session", session, httponly=True, samesite="lax")
    return response


@router.get("/callback")
async def callback(request: Request, service: Services, session: Session) -> RedirectResponse:
    """Trade the code that the browser brought back for the user's token."""
    pending = service.logins.pop(session, None)
    if pending is None:
        return RedirectResponse("/login")
    service.users[session] = await service.grant(session).login(pending, str(request.url), client=service.ev)
    return RedirectResponse("/vehicles")


@router.get("/vehicles")
async def list_vehicles(ev: User) -> list[VehicleSummary]:
    """List the user's vehicles."""
    vehicles = ev.vehicles.list(expand=["latest_status_log", "trim.model.make"])
    return [VehicleSummary.of(vehicle) async for vehicle in vehicles]


@router.get("/vehicles/{vehicle_id}")
async def get_vehicle(ev: User, vehicle_id: str) -> Vehicle:
    """Return a vehicle as the API has it, with make, model and newest log."""
    return await ev.vehicle(vehicle_id).get(expand=["latest_status_log", "trim.model.make"])


@router.get("/vehicles/{vehicle_id}/history")
async def get_history(ev: User, service: Services, vehicle_id: str) -> list[VehicleStatusLog]:
    """Return the newest status logs that the watch has recorded of one of the user's vehicles."""
    vehicle = await ev.vehicle(vehicle_id).get()
    return [VehicleStatusLog.from_json(log) for (log,) in await service.checkpoint.query(HISTORY, [vehicle.id])]


@router.post("/vehicles/{vehicle_id}/boost")
async def boost(ev: User, vehicle_id: str) -> ChargingSession:
    """Charge a vehicle now, and return its session when it shows that it does."""
    return await ev.vehicle(vehicle_id).boost(wait=10)


@router.post("/webhooks", status_code=HTTPStatus.NO_CONTENT)
async def receive(request: Request, service: Services) -> None:
    """Handle a webhook once, however often it is delivered."""
    event = service.verifier.verify(await request.body(), request.headers)
    await service.deduplicator.once(event.id, lambda: service.on_webhook(event))


@router.get("/metrics")
async def get_metrics(service: Services) -> Response:
    """Return the metrics for Prometheus."""
    return Response(generate_latest(service.registry), media_type=CONTENT_TYPE_LATEST)


def make_app(environ: Mapping[str, str] = os.environ) -> FastAPI:
    """Make the application from environment variables."""
    service = Service(environ)

    async def refuse(_: Request, error: Exception) -> JSONResponse:
        status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
        return JSONResponse({"error": type(error).__name__, "detail": str(error)}, status)

    app = FastAPI(title="Vehicles", lifespan=lambda _: service.running())
    app.state.service = service
    app.include_router(router)
    app.add_exception_handler(EvEnergyError, refuse)
    return app
