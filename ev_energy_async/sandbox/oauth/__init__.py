"""The sandbox's OAuth 2.0 server: token, revocation and consent, and everything it has issued.

The server routes `/o/` to it and asks it for tokens. Time comes in as an argument; nothing is written to disk.
"""

from ev_energy_async.sandbox.oauth.consent import AUTHORIZE_PATH, ConsentDesk
from ev_energy_async.sandbox.oauth.endpoints import REVOKE_PATH, TOKEN_PATH, OAuth
from ev_energy_async.sandbox.oauth.tokens import KEPT, Application, Consent, Token, TokenIssuer

__all__ = [
    "AUTHORIZE_PATH",
    "Application",
    "ConsentDesk",
    "Consent",
    "KEPT",
    "OAuth",
    "REVOKE_PATH",
    "TOKEN_PATH",
    "Token",
    "TokenIssuer",
]
