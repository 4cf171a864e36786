"""The OAuth endpoints of the API, as the API's guide gives them: beside the base URL, on the same origin."""

from __future__ import annotations

from typing import Any, Final

from ev_energy_async.messages import Operation
from ev_energy_async.urls import BASE_URL, beside

__all__ = [
    "AUTHORIZE_PATH",
    "AUTHORIZE_URL",
    "REVOKE",
    "REVOKE_PATH",
    "REVOKE_URL",
    "TOKEN",
    "TOKEN_PATH",
    "TOKEN_URL",
]

# All with a slash at the end: without it the response is 405.
AUTHORIZE_PATH: Final = "/o/authorize/"
TOKEN_PATH: Final = "/o/token/"  # noqa: S105  # a path
REVOKE_PATH: Final = "/o/revoke_token/"

AUTHORIZE_URL: Final = beside(BASE_URL, AUTHORIZE_PATH)
"""The consent page of the API; see `AuthorizationCode.begin`."""
TOKEN_URL: Final = beside(BASE_URL, TOKEN_PATH)
"""The token endpoint of the API."""
REVOKE_URL: Final = beside(BASE_URL, REVOKE_PATH)
"""The revocation endpoint of the API; see `EvEnergy.revoke`."""

TOKEN: Final[Operation[Any]] = Operation(name="oauth.token", method="POST", path=TOKEN_PATH)
REVOKE: Final[Operation[None]] = Operation(name="oauth.revoke", method="POST", path=REVOKE_PATH)
