"""A user's consent: the address to send the browser to, and the one it comes back with (RFC 6749, section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import attrs
from oauthlib.common import generate_token
from oauthlib.oauth2 import MismatchingStateError, MissingCodeError, OAuth2Error, WebApplicationClient
from oauthlib.oauth2.rfc6749 import parameters

from ev_energy_async.auth.token import Hidden
from ev_energy_async.errors import AuthError, InvalidArgument
from ev_energy_async.values import is_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ev_energy_async.auth.token import OAuthClient
    from ev_energy_async.masking import Secret

__all__ = ["AuthorizationRequest", "authorization_request", "read_redirect"]

_VERIFIER_LENGTH = 64


@attrs.frozen
class AuthorizationRequest:
    """A pending request for a user's consent. Keep it with the user's session until the browser is back.

    Attributes:
        url: Where to send the user's browser.
        redirect_uri: Where the browser comes back to.
        state: What the browser must bring back, against forged redirects (RFC 6749, section 10.12).
        code_verifier: Proves that the code was requested here (RFC 7636); None if a secret does.
    """

    url: str = attrs.field(repr=False)
    redirect_uri: str
    state: str = attrs.field(repr=False)
    code_verifier: str | None = attrs.field(default=None, repr=False)

    def to_dict(self) -> dict[str, str | None]:
        """Return the request as JSON values, secrets included, to be kept on the server side of the user's session."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Return the request that `to_dict` gave.

        Raises:
            InvalidArgument: A member is missing or is not a string.
        """
        if is_object(stored) and all(isinstance(stored.get(name), str) for name in ("url", "redirect_uri", "state")):
            verifier = stored.get("code_verifier")
            if isinstance(verifier, str | None):
                return cls(stored["url"], stored["redirect_uri"], stored["state"], verifier)
        hidden = Hidden(stored)
        verifier = None
        del stored  # error trackers record the variables of a frame
        raise InvalidArgument("stored", hidden, "a value that `AuthorizationRequest.to_dict` returned")


def authorization_request(
    client: OAuthClient, authorize_url: str, redirect_uri: str, scopes: Sequence[str]
) -> AuthorizationRequest:
    """Return a new request for a user's consent (RFC 6749, section 4.1.1), with PKCE if the client has no secret."""
    messages: Any = WebApplicationClient(client.client_id)
    state: str = generate_token(length=43)
    verifier: str | None = None
    pkce: dict[str, Any] = {}
    if client.client_secret is None:
        verifier = messages.create_code_verifier(_VERIFIER_LENGTH)
        pkce = {"code_challenge": messages.create_code_challenge(verifier, "S256"), "code_challenge_method": "S256"}
    parts = urlsplit(authorize_url)
    # oauthlib insists on https, which a sandbox on loopback has not.
    found: Any = parameters
    url: str = found.prepare_grant_uri(
        parts._replace(scheme="https").geturl(),
        client.client_id,
        "code",
        redirect_uri=redirect_uri,
        scope=list(scopes) or None,
        state=state,
        **pkce,
    )
    return AuthorizationRequest(urlsplit(url)._replace(scheme=parts.scheme).geturl(), redirect_uri, state, verifier)


def read_redirect(pending: AuthorizationRequest, redirected_to: Secret[str]) -> str:
    """Return the code that the browser brought back (RFC 6749, section 4.1.2).

    Raises:
        AuthError: The user or the server refused.
        InvalidArgument: The address does not belong to this request: another `state`, or no code.
    """
    if not pending.state:
        # oauthlib compares nothing with an empty one.
        raise InvalidArgument("pending", pending, "a request that `begin` returned, with its `state`")
    # Causes are left out: the frames of oauthlib hold the address with its code.
    try:
        answer: dict[str, str] = parameters.parse_authorization_code_response(
            f"https://localhost/?{urlsplit(redirected_to.reveal()).query}", pending.state
        )
    except MismatchingStateError:
        expected = "the redirect that belongs to this request; its `state` is another"
        raise InvalidArgument("redirected_to", redirected_to, expected) from None
    except MissingCodeError:
        raise InvalidArgument("redirected_to", redirected_to, "a redirect with a `code`") from None
    except OAuth2Error as error:
        raise AuthError(str(error.error), error.description or None) from None
    except ValueError:
        raise InvalidArgument("redirected_to", redirected_to, "the address of a redirect") from None
    return answer["code"]
