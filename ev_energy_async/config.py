"""The arguments of a client: checked one by one, or read from the environment.

The client calls these; nothing here sends anything.
"""

from __future__ import annotations

import ssl as tls
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypedDict

from ev_energy_async import auth as grants
from ev_energy_async.errors import InvalidArgument
from ev_energy_async.ids import id_text
from ev_energy_async.urls import check_http_url, origin_of, split_http_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import aiohttp
    from cattrs import Converter

    from ev_energy_async.auth import Auth, Grant
    from ev_energy_async.budget import RequestBudget
    from ev_energy_async.clock import Clock, Duration, RandomSource
    from ev_energy_async.codec import Drift
    from ev_energy_async.ids import Ref
    from ev_energy_async.messages import Middleware, OnBadItem, Retry

__all__ = [
    "ClientOptions",
    "check_auth",
    "check_base_url",
    "check_middleware",
    "check_origins",
    "check_ssl",
    "check_text",
    "check_user",
    "from_environment",
]

VARIABLES: Final = ("CLIENT_ID", "CLIENT_SECRET", "TOKEN", "USER", "BASE_URL", "TOKEN_URL", "ALLOW_HTTP")
_FLAGS: Final[Mapping[str, bool]] = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class ClientOptions(TypedDict, total=False):
    """The keyword arguments of `EvEnergy`, for functions that pass them on; see there."""

    auth: Auth | Grant | None
    user: Ref | None
    base_url: str
    version: str | int
    session: aiohttp.ClientSession | None
    timeout: Duration
    deadline: Duration
    retry: Retry | None
    budget: RequestBudget | None
    middleware: Sequence[Middleware]
    converter: Converter | None
    on_drift: Callable[[Drift], object] | None
    report_unknown: bool
    on_bad_item: OnBadItem
    keep_body: bool
    read_only: bool
    label: str | None
    link_origins: Iterable[str]
    ssl: tls.SSLContext | None
    user_agent: str | None
    allow_http: bool
    clock: Clock | None
    random: RandomSource | None


def check_auth(auth: Auth | Grant | None, *, allow_http: bool = False) -> None:
    """Refuse what cannot authenticate a client.

    Raises:
        InvalidArgument: It is neither credentials nor an object with `access_token`, or its token endpoint is no URL.
    """
    if auth is None:
        return
    if not (grants.is_auth(auth) or grants.is_grant(auth)):
        raise InvalidArgument("auth", type(auth), "credentials, or an object with `async access_token`")
    token_url = getattr(auth, "token_url", None)
    if token_url is not None:
        check_http_url("token_url", token_url, allow_http=allow_http)


def check_base_url(url: str, *, allow_http: bool = False) -> str:
    """Return a base URL without a slash at its end.

    Raises:
        InvalidArgument: It is no http(s) URL, has a query or credentials, or is unencrypted without `allow_http`.
    """
    parts = check_http_url("base_url", url, allow_http=allow_http)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise InvalidArgument("base_url", url, "an http(s) URL without query and fragment")
    return url.rstrip("/")


def check_origins(origins: Iterable[str]) -> frozenset[str]:
    """Return origins that a `Link` may name, each in its normal spelling.

    Raises:
        InvalidArgument: One of them is no http(s) origin.
    """
    given: list[object] = [origins] if isinstance(origins, str) or not isinstance(origins, Iterable) else list(origins)
    return frozenset(map(_origin, given))


def _origin(url: object) -> str:
    if not isinstance(url, str) or split_http_url(url) is None:
        raise InvalidArgument("link_origins", url, "http(s) origins, as in https://gateway.example")
    return origin_of(url)


def check_middleware(middleware: Sequence[Middleware]) -> tuple[Middleware, ...]:
    """Return the functions that a call passes through.

    Raises:
        InvalidArgument: They are no functions, or one that stands by itself.
    """
    given: object = middleware
    functions: tuple[object, ...] = tuple(given) if isinstance(given, Iterable) else ()
    if not isinstance(given, Iterable) or not all(map(callable, functions)):
        raise InvalidArgument("middleware", middleware, "functions `(request, next)` in a list")
    return tuple(middleware)


def check_text(argument: str, value: object) -> str:
    """Return a text that can be sent in a header (RFC 9110, section 5.5).

    Raises:
        InvalidArgument: It is empty, or has characters other than visible ASCII and single spaces.
    """
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text.strip() or not text.isascii() or not text.isprintable():
        raise InvalidArgument(argument, value, "a text of visible ASCII characters")
    return text


def check_ssl(context: tls.SSLContext | None, session: object) -> tls.SSLContext | None:
    """Return a TLS context for the client's own session; None for aiohttp's own.

    Raises:
        InvalidArgument: It is no `ssl.SSLContext`, or there is a session of the caller's, whose TLS settings apply.
    """
    if context is not None and not isinstance(context, tls.SSLContext):
        raise InvalidArgument("ssl", context, "an ssl.SSLContext, as from ssl.create_default_context(cafile=...)")
    if context is not None and session is not None:
        raise InvalidArgument("ssl", context, "None beside a session, whose own TLS settings apply")
    return context


def check_user(user: Ref) -> str:
    """Return the ID of a user in whose context a client may call.

    Raises:
        InvalidArgument: It is no user, or `me`.
    """
    found = id_text("user", user, "user")
    if found == "me":
        raise InvalidArgument("user", user, "the ID of a user; leave the context out to call as `me`")
    return found


def from_environment(environ: Mapping[str, str], options: ClientOptions) -> ClientOptions:
    """Return the arguments of a client that environment variables give; see `EvEnergy.from_env`.

    Args:
        environ: The environment.
        options: Arguments that the caller gives; they win.

    Raises:
        InvalidArgument: There is no variable and no `auth`, one of ID and secret is set without the other, or the value
            of `EV_ENERGY_ALLOW_HTTP` is no flag.
    """
    found = {name: environ.get(f"EV_ENERGY_{name}") or None for name in VARIABLES}
    if not any(found.values()) and "auth" not in options:
        names = ", ".join(f"EV_ENERGY_{name}" for name in VARIABLES)
        raise InvalidArgument("environ", None, f"one of {names}; EvEnergy() makes a client without credentials")
    client_id, secret = found["CLIENT_ID"], found["CLIENT_SECRET"]
    if (client_id is None) != (secret is None):
        missing = "EV_ENERGY_CLIENT_ID" if client_id is None else "EV_ENERGY_CLIENT_SECRET"
        raise InvalidArgument(missing, None, "a value, since its counterpart is set")
    given = ClientOptions()
    if found["TOKEN"] is not None:
        given["auth"] = grants.StaticToken(found["TOKEN"])
    elif client_id is not None and secret is not None:
        given["auth"] = grants.ClientCredentials(client_id, secret, token_url=found["TOKEN_URL"])
    if found["USER"] is not None:
        given["user"] = found["USER"]
    if found["BASE_URL"] is not None:
        given["base_url"] = found["BASE_URL"]
    if found["ALLOW_HTTP"] is not None:
        given["allow_http"] = _flag("EV_ENERGY_ALLOW_HTTP", found["ALLOW_HTTP"])
    given.update(options)
    return given


def _flag(name: str, text: str) -> bool:
    if (value := _FLAGS.get(text.strip().lower())) is None:
        raise InvalidArgument(name, text, f"one of {', '.join(_FLAGS)}")
    return value
