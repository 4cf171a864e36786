"""OAuth 2.0 messages, without I/O.

RFC 6749 (the framework), RFC 7636 (PKCE), RFC 7009 (revocation). The grants and the token source use them. Consent is
by oauthlib, which takes 40 ms to import and is loaded for it alone. No `repr`, error or log line shows a secret.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.auth.oauth.consent import AuthorizationRequest as AuthorizationRequest
    from ev_energy_async.auth.oauth.consent import authorization_request as authorization_request
    from ev_energy_async.auth.oauth.consent import read_redirect as read_redirect
    from ev_energy_async.auth.oauth.endpoints import AUTHORIZE_PATH as AUTHORIZE_PATH
    from ev_energy_async.auth.oauth.endpoints import AUTHORIZE_URL as AUTHORIZE_URL
    from ev_energy_async.auth.oauth.endpoints import REVOKE as REVOKE
    from ev_energy_async.auth.oauth.endpoints import REVOKE_PATH as REVOKE_PATH
    from ev_energy_async.auth.oauth.endpoints import REVOKE_URL as REVOKE_URL
    from ev_energy_async.auth.oauth.endpoints import TOKEN as TOKEN
    from ev_energy_async.auth.oauth.endpoints import TOKEN_PATH as TOKEN_PATH
    from ev_energy_async.auth.oauth.endpoints import TOKEN_URL as TOKEN_URL
    from ev_energy_async.auth.oauth.requests import code_request as code_request
    from ev_energy_async.auth.oauth.requests import credentials_request as credentials_request
    from ev_energy_async.auth.oauth.requests import refresh_request as refresh_request
    from ev_energy_async.auth.oauth.requests import revocation_request as revocation_request
    from ev_energy_async.auth.oauth.responses import read_token as read_token
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        consent=("AuthorizationRequest", "authorization_request", "read_redirect"),
        endpoints=(
            *("AUTHORIZE_PATH", "AUTHORIZE_URL", "REVOKE", "REVOKE_PATH"),
            *("REVOKE_URL", "TOKEN", "TOKEN_PATH", "TOKEN_URL"),
        ),
        requests=("code_request", "credentials_request", "refresh_request", "revocation_request"),
        responses=("read_token",),
    )
