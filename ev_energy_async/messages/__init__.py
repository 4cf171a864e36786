"""A call as plain values: the operation, its request and response, and the options it is made with.

Everything above `errors` uses these; nothing here builds a request, sends it or decodes a response.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.messages.headers import retry_after_text as retry_after_text
    from ev_energy_async.messages.headers import seconds_stated as seconds_stated
    from ev_energy_async.messages.observing import CallFinished as CallFinished
    from ev_energy_async.messages.observing import Observer as Observer
    from ev_energy_async.messages.operations import IDEMPOTENT_METHODS as IDEMPOTENT_METHODS
    from ev_energy_async.messages.operations import SAFE_METHODS as SAFE_METHODS
    from ev_energy_async.messages.operations import Operation as Operation
    from ev_energy_async.messages.operations import Param as Param
    from ev_energy_async.messages.options import check_keep_body as check_keep_body
    from ev_energy_async.messages.options import check_on_bad_item as check_on_bad_item
    from ev_energy_async.messages.options import check_retry as check_retry
    from ev_energy_async.messages.options import with_changes as with_changes
    from ev_energy_async.messages.options import with_more_headers as with_more_headers
    from ev_energy_async.messages.problem import Problem as Problem
    from ev_energy_async.messages.problem import credentials_in as credentials_in
    from ev_energy_async.messages.problem import known_secrets as known_secrets
    from ev_energy_async.messages.problem import without_input as without_input
    from ev_energy_async.messages.record import Attempt as Attempt
    from ev_energy_async.messages.record import CallRecord as CallRecord
    from ev_energy_async.messages.request import DEFAULT_DEADLINE as DEFAULT_DEADLINE
    from ev_energy_async.messages.request import DEFAULT_OPTIONS as DEFAULT_OPTIONS
    from ev_energy_async.messages.request import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
    from ev_energy_async.messages.request import BadItem as BadItem
    from ev_energy_async.messages.request import CallOptions as CallOptions
    from ev_energy_async.messages.request import Handler as Handler
    from ev_energy_async.messages.request import Middleware as Middleware
    from ev_energy_async.messages.request import OnBadItem as OnBadItem
    from ev_energy_async.messages.request import Pick as Pick
    from ev_energy_async.messages.request import RateLimit as RateLimit
    from ev_energy_async.messages.request import RawResponse as RawResponse
    from ev_energy_async.messages.request import Request as Request
    from ev_energy_async.messages.request import Response as Response
    from ev_energy_async.messages.request import Retry as Retry
    from ev_energy_async.messages.request import RetryEvent as RetryEvent
    from ev_energy_async.messages.request import Sender as Sender
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        headers=("retry_after_text", "seconds_stated"),
        observing=("CallFinished", "Observer"),
        operations=("IDEMPOTENT_METHODS", "Operation", "Param", "SAFE_METHODS"),
        options=(
            "check_keep_body",
            "check_on_bad_item",
            "check_retry",
            "with_changes",
            "with_more_headers",
        ),
        problem=("Problem", "credentials_in", "known_secrets", "without_input"),
        record=("Attempt", "CallRecord"),
        request=(
            "BadItem",
            "CallOptions",
            "DEFAULT_DEADLINE",
            "DEFAULT_OPTIONS",
            "DEFAULT_TIMEOUT",
            "Handler",
            "Middleware",
            "OnBadItem",
            "Pick",
            "RateLimit",
            "RawResponse",
            "Request",
            "Response",
            "Retry",
            "RetryEvent",
            "Sender",
        ),
    )
