"""The OAuth endpoints of the API, as the API's guide gives them."""

from __future__ import annotations

from typing import Any, Final

from ev_energy_async.messages import Operation

__all__ = ["AUTHORIZE_PATH", "REVOKE", "REVOKE_PATH", "TOKEN", "TOKEN_PATH"]

# All with a slash at the end: without it the response is 405.
AUTHORIZE_PATH: Final = "/o/authorize/"
TOKEN_PATH: Final = "/o/token/"  # noqa: S105  # a path
REVOKE_PATH: Final = "/o/revoke_token/"

TOKEN: Final[Operation[Any]] = Operation(name="oauth.token", method="POST", path=TOKEN_PATH)
REVOKE: Final[Operation[None]] = Operation(name="oauth.revoke", method="POST", path=REVOKE_PATH)
