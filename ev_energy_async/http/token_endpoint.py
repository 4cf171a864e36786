"""The way of token and revocation requests, which is not that of calls: no middleware, no retry, no budget.

The pipeline makes one for each token source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ev_energy_async import errors
from ev_energy_async.messages import CallOptions, Request
from ev_energy_async.urls import beside

if TYPE_CHECKING:
    from ev_energy_async.http.shared import Shared
    from ev_energy_async.messages import RawResponse

__all__ = ["TokenEndpoint"]


class TokenEndpoint:
    """Sends requests to the token or revocation endpoint; called with a request.

    Args:
        shared: The part of the client that its views share.
        stated: URL of the token endpoint; None for the one beside the base URL.
        label: The client's name in logs.
    """

    __slots__ = ("_label", "_shared", "_stated")

    def __init__(self, shared: Shared, stated: str | None, label: str | None) -> None:
        self._shared = shared
        self._stated = stated
        self._label = label

    async def __call__(self, request: Request[Any]) -> RawResponse:
        """Send a request.

        Raises:
            RequestTimeout: The response was not complete in time.
            ConnectionFailed: There was no connection, or it broke.
        """
        stated, shared = self._stated, self._shared
        is_revocation = request.operation.name == "oauth.revoke"
        origin = stated or shared.transport.base_url
        url = stated if stated and not is_revocation else beside(origin, request.path)
        request = request.changed(options=CallOptions(shared.timeout, label=self._label))
        # The form holds codes and tokens: errors carry the request without it.
        shown = Request(
            request.operation, request.path, headers=request.without_secrets().headers, options=request.options
        )
        try:
            async with shared.token_requests:
                return await shared.transport.exchange(request, url, shown, request.authorization)
        except errors.OutcomeUnknown as error:
            # Nothing that the caller asked for is in doubt, and a token can be requested again.
            kind = errors.RequestTimeout if isinstance(error.__cause__, TimeoutError) else errors.ConnectionFailed
            raise kind(shown, error.reason) from error
