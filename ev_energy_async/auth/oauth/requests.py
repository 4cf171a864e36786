"""The requests to the token and revocation endpoints.

Not with oauthlib, which `consent` uses: importing it takes as long as all the rest of a first call.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

from ev_energy_async.auth.oauth.endpoints import REVOKE, TOKEN
from ev_energy_async.masking import Secret
from ev_energy_async.messages import Operation, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ev_energy_async.auth.oauth.consent import AuthorizationRequest
    from ev_energy_async.auth.token import OAuthClient

__all__ = ["code_request", "credentials_request", "refresh_request", "revocation_request"]


def credentials_request(client: OAuthClient, scopes: Sequence[str]) -> Request[Any]:
    """Return the request for a token by client credentials (RFC 6749, section 4.4.2)."""
    scope = {"scope": " ".join(scopes)} if scopes else {}
    return _form(TOKEN, client, {"grant_type": "client_credentials", **scope})


def code_request(client: OAuthClient, pending: AuthorizationRequest, code: str) -> Request[Any]:
    """Return the request that trades a code for a token (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
    values = {"grant_type": "authorization_code", "code": code, "redirect_uri": pending.redirect_uri}
    verifier = {} if pending.code_verifier is None else {"code_verifier": pending.code_verifier}
    return _form(TOKEN, client, {**values, **verifier, **_public_id(client)})


def refresh_request(client: OAuthClient, refresh_token: str) -> Request[Any]:
    """Return the request that trades a refresh token for a new token (RFC 6749, section 6)."""
    return _form(TOKEN, client, {"grant_type": "refresh_token", "refresh_token": refresh_token, **_public_id(client)})


def revocation_request(client: OAuthClient, token: str, kind: str) -> Request[None]:
    """Return the request that revokes a token (RFC 7009, section 2.1); `kind` is `access_token` or `refresh_token`."""
    return _form(REVOKE, client, {"token": token, "token_type_hint": kind, **_public_id(client)})


def _public_id(client: OAuthClient) -> dict[str, str]:
    """Return the parameter by which a client without a secret names itself (RFC 6749, section 3.2.1)."""
    return {} if client.client_secret is not None else {"client_id": client.client_id}


def _form(operation: Operation[Any], client: OAuthClient, values: Mapping[str, str]) -> Request[Any]:
    """Return a form post; a client with a secret identifies itself by HTTP Basic (RFC 6749, section 2.3.1)."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    authorization = None
    if client.client_secret is not None:
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        authorization = Secret("Basic " + base64.b64encode(pair.encode()).decode())
    return Request(operation, operation.path, "", headers, urlencode(values).encode(), authorization=authorization)
