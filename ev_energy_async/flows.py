"""The client's methods that take several steps or build a URL for a browser: onboarding and uploads.

The client inherits them; what they do is in `onboarding` and `uploads`, which are imported at the first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ev_energy_async._lazy import lazy_module
from ev_energy_async.devices import Handles
from ev_energy_async.errors import InvalidArgument

if TYPE_CHECKING:
    from ev_energy_async import onboarding, uploads
    from ev_energy_async.http import Core
    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import CallOptions
    from ev_energy_async.uploads import Progress, Source
else:
    onboarding = lazy_module("ev_energy_async.onboarding")
    uploads = lazy_module("ev_energy_async.uploads")

__all__ = ["Flows"]


class Flows(Handles):
    """Onboarding and uploads through a client."""

    # Set by the client.
    _core: Core
    _options: CallOptions

    def onboarding_url(
        self,
        user: Ref,
        *,
        make: Ref | None = None,
        model: Ref | None = None,
        trim: Ref | None = None,
        redirect_uri: str | None = None,
    ) -> str:
        """Return the URL at which a user's browser starts to connect a vehicle; see `onboarding.onboarding_url`.

        Raises:
            InvalidArgument: One of the arguments is not as described, or the client knows no client ID.
        """
        credentials = self._core.credentials
        client_id = getattr(credentials, "client_id", None)
        if not isinstance(client_id, str):
            raise InvalidArgument("auth", type(credentials), "credentials with a client ID")
        return onboarding.onboarding_url(
            self._core.shared.transport.base_url,
            client_id,
            user,
            make=make,
            model=model,
            trim=trim,
            redirect_uri=redirect_uri,
        )

    async def find_onboarding_url(self, make: Ref, *, model: str | None = None, trim: str | None = None) -> str | None:
        """Walk from a make over its models to its trims; see `onboarding.find_onboarding_url`."""
        sender: Any = self
        return await onboarding.find_onboarding_url(sender, make, model=model, trim=trim)

    async def upload_rebate_evidence(
        self,
        source: Source,
        *,
        evidence_type: str,
        file_name: str | None = None,
        user_rebate: Ref | None = None,
        progress: Progress | None = None,
    ) -> str:
        """Upload a file as evidence for a rebate, without the token; see `uploads.upload_rebate_evidence`."""
        sender: Any = self
        return await uploads.upload_rebate_evidence(
            sender,
            self._core,
            source,
            evidence_type=evidence_type,
            file_name=file_name,
            user_rebate=user_rebate,
            progress=progress,
            options=self._options,
        )
