"""Async Python SDK for the ev.energy v2 API.

    from ev_energy_async import EvEnergy, ClientCredentials

    async with EvEnergy(ClientCredentials(client_id, client_secret)) as ev:
        async for vehicle in ev.vehicles.list(expand=["latest_status_log"], page_size=100):
            ...

Names are imported when they are first used (PEP 562).
"""

import logging
from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

# Without it warnings would reach stderr in programs that have not configured logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from ev_energy_async._version import __version__ as __version__
    from ev_energy_async.auth import Auth as Auth
    from ev_energy_async.auth import AuthorizationCode as AuthorizationCode
    from ev_energy_async.auth import AuthorizationRequest as AuthorizationRequest
    from ev_energy_async.auth import CallableAuth as CallableAuth
    from ev_energy_async.auth import ClientCredentials as ClientCredentials
    from ev_energy_async.auth import FileTokenStore as FileTokenStore
    from ev_energy_async.auth import MemoryTokenStore as MemoryTokenStore
    from ev_energy_async.auth import RefreshToken as RefreshToken
    from ev_energy_async.auth import StaticToken as StaticToken
    from ev_energy_async.auth import Token as Token
    from ev_energy_async.auth import TokenStore as TokenStore
    from ev_energy_async.auth import TokenStoreError as TokenStoreError
    from ev_energy_async.budget import Budget as Budget
    from ev_energy_async.calls import Link as Link
    from ev_energy_async.calls import Page as Page
    from ev_energy_async.calls import Paginator as Paginator
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
    from ev_energy_async.codec import personal_fields as personal_fields
    from ev_energy_async.codec import redacted as redacted
    from ev_energy_async.config import ClientOptions as ClientOptions
    from ev_energy_async.devices import CommandNotConfirmed as CommandNotConfirmed
    from ev_energy_async.devices import NotPluggedIn as NotPluggedIn
    from ev_energy_async.errors import ApiError as ApiError
    from ev_energy_async.errors import AuthError as AuthError
    from ev_energy_async.errors import AuthUnavailable as AuthUnavailable
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
    from ev_energy_async.errors import NotExactlyOne as NotExactlyOne
    from ev_energy_async.errors import NotFound as NotFound
    from ev_energy_async.errors import OutcomeUnknown as OutcomeUnknown
    from ev_energy_async.errors import PayloadTooLarge as PayloadTooLarge
    from ev_energy_async.errors import Problem as Problem
    from ev_energy_async.errors import RateLimited as RateLimited
    from ev_energy_async.errors import ReauthenticationRequired as ReauthenticationRequired
    from ev_energy_async.errors import RequestTimeout as RequestTimeout
    from ev_energy_async.errors import ServerError as ServerError
    from ev_energy_async.errors import ServiceUnavailable as ServiceUnavailable
    from ev_energy_async.errors import TransportError as TransportError
    from ev_energy_async.errors import Unauthorized as Unauthorized
    from ev_energy_async.errors import UnprocessableEntity as UnprocessableEntity
    from ev_energy_async.errors import WebhookVerificationError as WebhookVerificationError
    from ev_energy_async.fleet import Audit as Audit
    from ev_energy_async.fleet import AuditReport as AuditReport
    from ev_energy_async.fleet import Backfill as Backfill
    from ev_energy_async.fleet import Batch as Batch
    from ev_energy_async.fleet import Coverage as Coverage
    from ev_energy_async.fleet import CycleFinished as CycleFinished
    from ev_energy_async.fleet import ErrorLogged as ErrorLogged
    from ev_energy_async.fleet import Fleet as Fleet
    from ev_energy_async.fleet import FleetEvent as FleetEvent
    from ev_energy_async.fleet import FleetShrank as FleetShrank
    from ev_energy_async.fleet import Gap as Gap
    from ev_energy_async.fleet import IntegrationChanged as IntegrationChanged
    from ev_energy_async.fleet import LogRead as LogRead
    from ev_energy_async.fleet import Plan as Plan
    from ev_energy_async.fleet import PollFailed as PollFailed
    from ev_energy_async.fleet import Reason as Reason
    from ev_energy_async.fleet import StatusLogged as StatusLogged
    from ev_energy_async.fleet import VehicleAdded as VehicleAdded
    from ev_energy_async.fleet import VehicleRemoved as VehicleRemoved
    from ev_energy_async.fleet import Watch as Watch
    from ev_energy_async.fleet import WatchEvent as WatchEvent
    from ev_energy_async.http import Stats as Stats
    from ev_energy_async.ids import ResourceId as ResourceId
    from ev_energy_async.ids import expanded as expanded
    from ev_energy_async.ids import reference_id as reference_id
    from ev_energy_async.messages import BadItem as BadItem
    from ev_energy_async.messages import Middleware as Middleware
    from ev_energy_async.messages import RateLimit as RateLimit
    from ev_energy_async.messages import Request as Request
    from ev_energy_async.messages import Response as Response
    from ev_energy_async.messages import Retry as Retry
    from ev_energy_async.messages import RetryEvent as RetryEvent
    from ev_energy_async.onboarding import OnboardingResult as OnboardingResult
    from ev_energy_async.onboarding import parse_onboarding_redirect as parse_onboarding_redirect
    from ev_energy_async.scopes import Scope as Scope
    from ev_energy_async.scopes import scopes_for as scopes_for
    from ev_energy_async.values import UNSET as UNSET
    from ev_energy_async.values import UnsetType as UnsetType
    from ev_energy_async.values import or_none as or_none
    from ev_energy_async.warmup import preload as preload
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        _version=("__version__",),
        auth=(
            "Auth",
            "AuthorizationCode",
            "AuthorizationRequest",
            "CallableAuth",
            "ClientCredentials",
            "FileTokenStore",
            "MemoryTokenStore",
            "RefreshToken",
            "StaticToken",
            "Token",
            "TokenStore",
            "TokenStoreError",
        ),
        budget=("Budget",),
        calls=(
            "Link",
            "Page",
            "Paginator",
        ),
        checkpoint=(
            "Checkpoint",
            "CheckpointConflict",
            "CheckpointError",
            "CheckpointMismatch",
            "MemoryCheckpoint",
            "Owner",
            "SqliteCheckpoint",
        ),
        client=("EvEnergy",),
        clock=("Clock",),
        codec=("Drift", "personal_fields", "redacted"),
        config=("ClientOptions",),
        devices=("CommandNotConfirmed", "NotPluggedIn"),
        errors=(
            "ApiError",
            "AuthError",
            "AuthUnavailable",
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
            "NotExactlyOne",
            "NotFound",
            "OutcomeUnknown",
            "PayloadTooLarge",
            "Problem",
            "RateLimited",
            "ReauthenticationRequired",
            "RequestTimeout",
            "ServerError",
            "ServiceUnavailable",
            "TransportError",
            "Unauthorized",
            "UnprocessableEntity",
            "WebhookVerificationError",
        ),
        fleet=(
            "Audit",
            "AuditReport",
            "Backfill",
            "Batch",
            "Coverage",
            "CycleFinished",
            "ErrorLogged",
            "Fleet",
            "FleetEvent",
            "FleetShrank",
            "Gap",
            "IntegrationChanged",
            "LogRead",
            "Plan",
            "PollFailed",
            "Reason",
            "StatusLogged",
            "VehicleAdded",
            "VehicleRemoved",
            "Watch",
            "WatchEvent",
        ),
        http=("Stats",),
        ids=("ResourceId", "expanded", "reference_id"),
        messages=(
            "BadItem",
            "Middleware",
            "RateLimit",
            "Request",
            "Response",
            "Retry",
            "RetryEvent",
        ),
        onboarding=(
            "OnboardingResult",
            "parse_onboarding_redirect",
        ),
        scopes=("Scope", "scopes_for"),
        values=("UNSET", "UnsetType", "or_none"),
        warmup=("preload",),
    )
