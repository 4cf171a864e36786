"""Async Python SDK for the ev.energy v2 API.

    from ev_energy_async import EvEnergy, ClientCredentials

    async with EvEnergy(ClientCredentials(client_id, client_secret)) as ev:
        async for vehicle in ev.vehicles.list(expand=["latest_status_log"], page_size=100):
            ...

Names are imported when they are first used (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ev_energy_async._version import __version__ as __version__

if TYPE_CHECKING:
    from ev_energy_async._core import Stats as Stats
    from ev_energy_async._preload import preload as preload
    from ev_energy_async.auth import Auth as Auth
    from ev_energy_async.auth import AuthorizationCode as AuthorizationCode
    from ev_energy_async.auth import ClientCredentials as ClientCredentials
    from ev_energy_async.auth import RefreshToken as RefreshToken
    from ev_energy_async.auth import StaticToken as StaticToken
    from ev_energy_async.budget import Budget as Budget
    from ev_energy_async.checkpoint import Checkpoint as Checkpoint
    from ev_energy_async.checkpoint import CheckpointConflict as CheckpointConflict
    from ev_energy_async.checkpoint import CheckpointError as CheckpointError
    from ev_energy_async.checkpoint import CheckpointMismatch as CheckpointMismatch
    from ev_energy_async.checkpoint import MemoryCheckpoint as MemoryCheckpoint
    from ev_energy_async.checkpoint import Owner as Owner
    from ev_energy_async.checkpoint import SqliteCheckpoint as SqliteCheckpoint
    from ev_energy_async.client import EvEnergy as EvEnergy
    from ev_energy_async.clock import Clock as Clock
    from ev_energy_async.codec import Drift as Drift
    from ev_energy_async.errors import ApiError as ApiError
    from ev_energy_async.errors import AuthError as AuthError
    from ev_energy_async.errors import BadRequest as BadRequest
    from ev_energy_async.errors import BudgetExhausted as BudgetExhausted
    from ev_energy_async.errors import Conflict as Conflict
    from ev_energy_async.errors import ConnectionFailed as ConnectionFailed
    from ev_energy_async.errors import DecodeError as DecodeError
    from ev_energy_async.errors import EvEnergyError as EvEnergyError
    from ev_energy_async.errors import Forbidden as Forbidden
    from ev_energy_async.errors import InvalidArgument as InvalidArgument
    from ev_energy_async.errors import MethodNotAllowed as MethodNotAllowed
    from ev_energy_async.errors import NotAcceptable as NotAcceptable
    from ev_energy_async.errors import NotFound as NotFound
    from ev_energy_async.errors import OutcomeUnknown as OutcomeUnknown
    from ev_energy_async.errors import PayloadTooLarge as PayloadTooLarge
    from ev_energy_async.errors import Problem as Problem
    from ev_energy_async.errors import RateLimited as RateLimited
    from ev_energy_async.errors import RequestTimeout as RequestTimeout
    from ev_energy_async.errors import ServerError as ServerError
    from ev_energy_async.errors import ServiceUnavailable as ServiceUnavailable
    from ev_energy_async.errors import TransportError as TransportError
    from ev_energy_async.errors import Unauthorized as Unauthorized
    from ev_energy_async.errors import UnprocessableEntity as UnprocessableEntity
    from ev_energy_async.errors import WebhookVerificationError as WebhookVerificationError
    from ev_energy_async.events import CycleFinished as CycleFinished
    from ev_energy_async.events import ErrorLogged as ErrorLogged
    from ev_energy_async.events import FleetEvent as FleetEvent
    from ev_energy_async.events import FleetShrank as FleetShrank
    from ev_energy_async.events import IntegrationChanged as IntegrationChanged
    from ev_energy_async.events import PollFailed as PollFailed
    from ev_energy_async.events import StatusLogged as StatusLogged
    from ev_energy_async.events import VehicleAdded as VehicleAdded
    from ev_energy_async.events import VehicleRemoved as VehicleRemoved
    from ev_energy_async.events import WatchEvent as WatchEvent
    from ev_energy_async.fleet import Audit as Audit
    from ev_energy_async.fleet import AuditReport as AuditReport
    from ev_energy_async.fleet import Backfill as Backfill
    from ev_energy_async.fleet import Batch as Batch
    from ev_energy_async.fleet import Coverage as Coverage
    from ev_energy_async.fleet import Fleet as Fleet
    from ev_energy_async.fleet import Gap as Gap
    from ev_energy_async.fleet import LogRead as LogRead
    from ev_energy_async.fleet import Plan as Plan
    from ev_energy_async.fleet import Reason as Reason
    from ev_energy_async.fleet import Watch as Watch
    from ev_energy_async.ids import ResourceId as ResourceId
    from ev_energy_async.messages import Middleware as Middleware
    from ev_energy_async.messages import RateLimit as RateLimit
    from ev_energy_async.messages import Request as Request
    from ev_energy_async.messages import Response as Response
    from ev_energy_async.oauth import Token as Token
    from ev_energy_async.onboarding import OnboardingResult as OnboardingResult
    from ev_energy_async.onboarding import parse_onboarding_redirect as parse_onboarding_redirect
    from ev_energy_async.options import BadItem as BadItem
    from ev_energy_async.options import Retry as Retry
    from ev_energy_async.options import RetryEvent as RetryEvent
    from ev_energy_async.paging import Link as Link
    from ev_energy_async.paging import Page as Page
    from ev_energy_async.paging import Paginator as Paginator
    from ev_energy_async.sessions import NotPluggedIn as NotPluggedIn
    from ev_energy_async.token_store import FileTokenStore as FileTokenStore
    from ev_energy_async.token_store import MemoryTokenStore as MemoryTokenStore
    from ev_energy_async.token_store import TokenStore as TokenStore
    from ev_energy_async.token_store import TokenStoreError as TokenStoreError
    from ev_energy_async.values import UNSET as UNSET
    from ev_energy_async.values import UnsetType as UnsetType

_HOMES = {
    name: module
    for module, names in {
        "_preload": ("preload",),
        "_core": ("Stats",),
        "auth": ("Auth", "AuthorizationCode", "ClientCredentials", "RefreshToken", "StaticToken"),
        "budget": ("Budget",),
        "client": ("EvEnergy",),
        "clock": ("Clock",),
        "checkpoint": (
            "Checkpoint",
            "CheckpointConflict",
            "CheckpointError",
            "CheckpointMismatch",
            "MemoryCheckpoint",
            "Owner",
            "SqliteCheckpoint",
        ),
        "codec": ("Drift",),
        "errors": (
            "ApiError",
            "AuthError",
            "BadRequest",
            "BudgetExhausted",
            "Conflict",
            "ConnectionFailed",
            "DecodeError",
            "EvEnergyError",
            "Forbidden",
            "InvalidArgument",
            "MethodNotAllowed",
            "NotAcceptable",
            "NotFound",
            "OutcomeUnknown",
            "PayloadTooLarge",
            "Problem",
            "RateLimited",
            "RequestTimeout",
            "ServerError",
            "ServiceUnavailable",
            "TransportError",
            "Unauthorized",
            "UnprocessableEntity",
            "WebhookVerificationError",
        ),
        "events": (
            "CycleFinished",
            "ErrorLogged",
            "FleetEvent",
            "FleetShrank",
            "IntegrationChanged",
            "PollFailed",
            "StatusLogged",
            "VehicleAdded",
            "VehicleRemoved",
            "WatchEvent",
        ),
        "fleet": (
            "Audit",
            "AuditReport",
            "Backfill",
            "Batch",
            "Coverage",
            "Fleet",
            "Gap",
            "LogRead",
            "Plan",
            "Reason",
            "Watch",
        ),
        "ids": ("ResourceId",),
        "messages": ("Middleware", "RateLimit", "Request", "Response"),
        "oauth": ("Token",),
        "options": ("BadItem", "Retry", "RetryEvent"),
        "onboarding": ("OnboardingResult", "parse_onboarding_redirect"),
        "paging": ("Link", "Page", "Paginator"),
        "sessions": ("NotPluggedIn",),
        "token_store": ("FileTokenStore", "MemoryTokenStore", "TokenStore", "TokenStoreError"),
        "values": ("UNSET", "UnsetType"),
    }.items()
    for name in names
}

__all__ = [
    "ApiError",
    "Audit",
    "AuditReport",
    "Auth",
    "AuthError",
    "AuthorizationCode",
    "Backfill",
    "BadItem",
    "BadRequest",
    "Batch",
    "Budget",
    "BudgetExhausted",
    "Checkpoint",
    "CheckpointConflict",
    "CheckpointError",
    "CheckpointMismatch",
    "ClientCredentials",
    "Clock",
    "Conflict",
    "ConnectionFailed",
    "Coverage",
    "CycleFinished",
    "DecodeError",
    "Drift",
    "ErrorLogged",
    "EvEnergy",
    "EvEnergyError",
    "FileTokenStore",
    "Fleet",
    "FleetEvent",
    "FleetShrank",
    "Forbidden",
    "Gap",
    "IntegrationChanged",
    "InvalidArgument",
    "Link",
    "LogRead",
    "MemoryCheckpoint",
    "MemoryTokenStore",
    "MethodNotAllowed",
    "Middleware",
    "NotAcceptable",
    "NotFound",
    "NotPluggedIn",
    "OnboardingResult",
    "OutcomeUnknown",
    "Owner",
    "Page",
    "Paginator",
    "PayloadTooLarge",
    "Plan",
    "PollFailed",
    "Problem",
    "RateLimit",
    "RateLimited",
    "Reason",
    "RefreshToken",
    "Request",
    "RequestTimeout",
    "ResourceId",
    "Response",
    "Retry",
    "RetryEvent",
    "ServerError",
    "ServiceUnavailable",
    "SqliteCheckpoint",
    "StaticToken",
    "Stats",
    "StatusLogged",
    "Token",
    "TokenStore",
    "TokenStoreError",
    "TransportError",
    "UNSET",
    "Unauthorized",
    "UnprocessableEntity",
    "UnsetType",
    "VehicleAdded",
    "VehicleRemoved",
    "Watch",
    "WatchEvent",
    "WebhookVerificationError",
    "__version__",
    "parse_onboarding_redirect",
    "preload",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
