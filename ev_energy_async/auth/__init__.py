"""OAuth 2.0: grants, tokens and token stores.

Users hand a grant to the client, which asks `TokenSource` for tokens; nothing here sends a request.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.auth.authorization_code import AuthorizationCode as AuthorizationCode
    from ev_energy_async.auth.callable_auth import CallableAuth as CallableAuth
    from ev_energy_async.auth.client_credentials import ClientCredentials as ClientCredentials
    from ev_energy_async.auth.file_store import FileTokenStore as FileTokenStore
    from ev_energy_async.auth.grant import Auth as Auth
    from ev_energy_async.auth.grant import Grant as Grant
    from ev_energy_async.auth.grant import is_auth as is_auth
    from ev_energy_async.auth.grant import is_grant as is_grant
    from ev_energy_async.auth.oauth.consent import AuthorizationRequest as AuthorizationRequest
    from ev_energy_async.auth.oauth.endpoints import AUTHORIZE_PATH as AUTHORIZE_PATH
    from ev_energy_async.auth.oauth.endpoints import AUTHORIZE_URL as AUTHORIZE_URL
    from ev_energy_async.auth.oauth.endpoints import REVOKE_PATH as REVOKE_PATH
    from ev_energy_async.auth.oauth.endpoints import REVOKE_URL as REVOKE_URL
    from ev_energy_async.auth.oauth.endpoints import TOKEN_PATH as TOKEN_PATH
    from ev_energy_async.auth.oauth.endpoints import TOKEN_URL as TOKEN_URL
    from ev_energy_async.auth.refresh_token import RefreshToken as RefreshToken
    from ev_energy_async.auth.source import TokenSource as TokenSource
    from ev_energy_async.auth.static_token import StaticToken as StaticToken
    from ev_energy_async.auth.stores import MemoryTokenStore as MemoryTokenStore
    from ev_energy_async.auth.stores import TokenStore as TokenStore
    from ev_energy_async.auth.stores import TokenStoreError as TokenStoreError
    from ev_energy_async.auth.token import Token as Token
    from ev_energy_async.auth.token import check_token as check_token
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        authorization_code=("AuthorizationCode",),
        callable_auth=("CallableAuth",),
        client_credentials=("ClientCredentials",),
        file_store=("FileTokenStore",),
        grant=("Auth", "Grant", "is_auth", "is_grant"),
        oauth=(
            "AUTHORIZE_PATH",
            "AUTHORIZE_URL",
            "AuthorizationRequest",
            "REVOKE_PATH",
            "REVOKE_URL",
            "TOKEN_PATH",
            "TOKEN_URL",
        ),
        refresh_token=("RefreshToken",),
        source=("TokenSource",),
        static_token=("StaticToken",),
        stores=("MemoryTokenStore", "TokenStore", "TokenStoreError"),
        token=("Token", "check_token"),
    )
