"""OAuth 2.0: grants, tokens and where tokens are kept.

The client takes a grant and asks it for tokens; nothing here sends a request.
"""

from typing import TYPE_CHECKING

from ev_energy_async._lazy import face

if TYPE_CHECKING:
    from ev_energy_async.auth.grants import Auth as Auth
    from ev_energy_async.auth.grants import AuthorizationCode as AuthorizationCode
    from ev_energy_async.auth.grants import ClientCredentials as ClientCredentials
    from ev_energy_async.auth.grants import Credentials as Credentials
    from ev_energy_async.auth.grants import RefreshToken as RefreshToken
    from ev_energy_async.auth.grants import StaticToken as StaticToken
    from ev_energy_async.auth.oauth import TOKEN_PATH as TOKEN_PATH
    from ev_energy_async.auth.oauth import Token as Token
    from ev_energy_async.auth.oauth import check_token as check_token
    from ev_energy_async.auth.source import TokenSource as TokenSource
    from ev_energy_async.auth.stores import FileTokenStore as FileTokenStore
    from ev_energy_async.auth.stores import MemoryTokenStore as MemoryTokenStore
    from ev_energy_async.auth.stores import TokenStore as TokenStore
    from ev_energy_async.auth.stores import TokenStoreError as TokenStoreError
else:
    __getattr__, __dir__, __all__ = face(
        __name__,
        grants=("Auth", "AuthorizationCode", "ClientCredentials", "Credentials", "RefreshToken", "StaticToken"),
        oauth=("TOKEN_PATH", "Token", "check_token"),
        source=("TokenSource",),
        stores=("FileTokenStore", "MemoryTokenStore", "TokenStore", "TokenStoreError"),
    )
