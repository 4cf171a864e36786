"""The sandbox's OAuth 2.0 server: token, revocation and consent, and everything it has issued.

The server routes `/o/` to it and asks it for tokens. Time comes in as an argument; nothing is written to disk.
"""

from ev_energy_async.sandbox.oauth.consent import AUTHORIZE_PATH, ConsentDesk
from ev_energy_async.sandbox.oauth.endpoints import REVOKE_PATH, TOKEN_PATH, OAuth
from ev_energy_async.sandbox.oauth.tokens import (
    KEPT,
    REDIRECT_URIS,
    Application,
    Consent,
    Token,
    TokenIssuer,
    lifetime_seconds,
)

__all__ = [
    "AUTHORIZE_PATH",
    "Application",
    "ConsentDesk",
    "Consent",
    "KEPT",
    "OAuth",
    "REDIRECT_URIS",
    "REVOKE_PATH",
    "TOKEN_PATH",
    "Token",
    "TokenIssuer",
    "lifetime_seconds",
]
