"""What a client is made with: each argument checked, and all of them read from the environment.

`client` asks; nothing here sends anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from ev_energy_async import auth as grants
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.ids import id_text
from ev_energy_async.urls import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ev_energy_async.auth import Auth, Grant
    from ev_energy_async.ids import Ref

__all__ = ["check_auth", "check_base_url", "check_origins", "from_environment", "user_id"]


def check_auth(auth: Auth | Grant | None) -> None:
    """Refuse what cannot authenticate a client.

    Raises:
        InvalidArgument: It is neither credentials nor an object with `access_token`.
    """
    if auth is not None and not isinstance(auth, grants.Auth | grants.Grant):
        raise InvalidArgument("auth", type(auth), "credentials, or an object with `async access_token`")


def check_base_url(url: str) -> str:
    """Return a base URL without a slash at its end.

    Raises:
        InvalidArgument: It is none.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.username:
        raise InvalidArgument("base_url", url, "an http(s) URL without query or credentials")
    return url.rstrip("/")


def check_origins(origins: Iterable[str]) -> frozenset[str]:
    """Return origins that a `Link` may name, each spelled in one way.

    Raises:
        InvalidArgument: One of them is none.
    """
    return frozenset(map(_origin, [origins] if isinstance(origins, str) else origins))


def _origin(url: str) -> str:
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidArgument("link_origins", url, "http(s) origins, as in https://gateway.example")
    return origin_of(url)


def _split(url: object) -> SplitResult | None:
    try:
        return urlsplit(url) if isinstance(url, str) else None
    except ValueError:  # as for a host or a port that is none
        return None


def user_id(user: Ref) -> str:
    """Return the ID of a user in whose context a client may call.

    Raises:
        InvalidArgument: It is no user, or `me`.
    """
    found = id_text("user", user, "user")
    if found == "me":
        raise InvalidArgument("user", user, "the ID of a user; `me` goes without a context")
    return found


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a client that environment variables give; see `EvEnergy.from_env`.

    Raises:
        InvalidArgument: One of ID and secret is set without the other.
    """
    found = {name: environ.get(f"EV_ENERGY_{name}") or None for name in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN")}
    client_id, secret, token = found.values()
    if (client_id is None) != (secret is None):
        missing = "EV_ENERGY_CLIENT_ID" if client_id is None else "EV_ENERGY_CLIENT_SECRET"
        raise InvalidArgument(missing, None, "a value, since its counterpart is set")
    auth: Auth | Grant | None = None
    if token is not None:
        auth = grants.StaticToken(token)
    elif client_id is not None and secret is not None:
        auth = grants.ClientCredentials(client_id, secret, token_url=environ.get("EV_ENERGY_TOKEN_URL") or None)
    given: dict[str, Any] = {"auth": auth}
    for option, name in (("user", "EV_ENERGY_USER"), ("base_url", "EV_ENERGY_BASE_URL")):
        if environ.get(name):
            given[option] = environ[name]
    return given
