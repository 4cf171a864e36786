"""`ev-energy login`, `logout`, `whoami` and `check`."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from typing import TYPE_CHECKING, Any, Final

import click

from ev_energy_async import (
    AuthorizationCode,
    EvEnergy,
    EvEnergyError,
    TokenStoreError,
)
from ev_energy_async.cli.exits import AUTHENTICATION, FAILURE, code_of
from ev_energy_async.cli.kit import command, option
from ev_energy_async.cli.logins import Login
from ev_energy_async.cli.loopback import callback
from ev_energy_async.cli.output import show
from ev_energy_async.cli.settings import config_file
from ev_energy_async.masking import Secret, printable
from ev_energy_async.urls import BASE_URL

if TYPE_CHECKING:
    from ev_energy_async.cli.session import Session
    from ev_energy_async.cli.settings import Settings
    from ev_energy_async.health import Check

__all__ = ["check", "login", "logout", "whoami"]

_REDIRECT_URI: Final = "http://127.0.0.1:8080/callback"
_PATIENCE_SECONDS: Final = 300


@command(
    "login",
    examples=(
        "ev-energy login --client-id my-app --scope vehicle:read --scope charging_session:read",
        "ev-energy login --client-id my-app --client-credentials < secret.txt",
    ),
)
@option("--client-id", metavar="ID", help="ID of the OAuth application. [env: EV_ENERGY_CLIENT_ID]")
@option(
    "--client-credentials",
    is_flag=True,
    help="Log the application in instead of a user. Its secret is asked for, or read from EV_ENERGY_CLIENT_SECRET or"
    " stdin, and kept for the next token.",
)
@option(
    "--scope", "scopes", metavar="SCOPE", multiple=True, help="Scope to ask for; may be repeated. Default: all it has."
)
@option(
    "--redirect-uri",
    metavar="URL",
    help=f"Where the browser comes back to, as registered for the application. Default: {_REDIRECT_URI}",
)
@option(
    "--no-browser",
    is_flag=True,
    help="Only print the address of the consent page, and ask for the one that the browser ends at, as over SSH.",
)
def login(session: Session, *, client_credentials: bool, no_browser: bool, **given: Any) -> Any:
    """Log in, and keep the token for later runs.

    A user logs in in the browser (authorization code with PKCE): the consent page opens, and the browser comes back to
    an address on this machine. With --client-credentials the application logs in with its secret.

    Token and secret are kept in files that only you may read, one login for each --profile. The token is refreshed when
    it expires, and is sent to no other API than the one that it is for.
    """
    settings = session.settings
    client_id = given["client_id"] or settings.get("CLIENT_ID")
    if client_id is None:
        raise click.UsageError("--client-id is missing: the ID of your OAuth application")
    secret = _secret(needed=client_credentials)
    made = Login(
        kind="client_credentials" if client_credentials else "authorization_code",
        client_id=client_id,
        client_secret=secret,
        base_url=settings.get("BASE_URL") or BASE_URL,
        token_url=settings.get("TOKEN_URL"),
        authorize_url=settings.get("AUTHORIZE_URL"),
        redirect_uri=given["redirect_uri"] or settings.get("REDIRECT_URI") or _REDIRECT_URI,
        scopes=given["scopes"] or settings.scopes,
    )
    return _log_in(session, made, no_browser=no_browser)


def _secret(*, needed: bool) -> Secret[str] | None:
    """Return the application's secret: of the environment, of a prompt, or of stdin; None for a public client."""
    found = Secret(os.environ.get("EV_ENERGY_CLIENT_SECRET", ""))
    if not found and needed:
        if sys.stdin.isatty():
            found = Secret(click.prompt("Client secret", hide_input=True, err=True))
        else:
            found = Secret(sys.stdin.readline().strip())
        if not found:
            raise click.UsageError("there is no secret in EV_ENERGY_CLIENT_SECRET, and none on stdin")
    return found or None


async def _log_in(session: Session, made: Login, *, no_browser: bool) -> None:
    settings = session.settings
    grant = made.grant(settings.folder)
    if isinstance(grant, AuthorizationCode):
        ev = await _with_consent(grant, no_browser=no_browser)
    else:
        # What is stored is another login's.
        await Login.store(settings.folder).clear()
        ev = _client(settings, grant, made.base_url)
    async with ev:
        await ev.authenticate()
        made.save(settings.folder)
        found = await ev.check()
    if found.error is not None:
        raise found.error
    _warn(session, found)
    if settings.has_environment_credentials:
        session.warn("EV_ENERGY_TOKEN or EV_ENERGY_CLIENT_SECRET is set, and wins over this login")
    show(session, _identity(session, found, made), f"Logged in. {found}")


def _client(settings: Settings, grant: Any, base_url: str) -> EvEnergy:
    allow_http = settings.get("ALLOW_HTTP") or ""
    return EvEnergy.from_env({"EV_ENERGY_ALLOW_HTTP": allow_http}, auth=grant, base_url=base_url)


async def _with_consent(grant: AuthorizationCode, *, no_browser: bool) -> EvEnergy:
    """Send the browser to the consent page, and return a client once it is back."""
    pending = grant.begin()
    if no_browser:
        click.echo(f"Open this address in a browser:\n{printable(pending.url, len(pending.url))}", err=True)
        address = Secret(click.prompt("Address that the browser ended at", hide_input=True, err=True))
        return await grant.login(pending, address.reveal())
    async with callback(grant.redirect_uri) as arrived:
        click.echo(f"Log in in the browser; if none opens:\n{printable(pending.url, len(pending.url))}", err=True)
        # Some browsers hold on to whoever starts them.
        opening = asyncio.get_running_loop().run_in_executor(None, webbrowser.open, pending.url)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                address = await arrived
        except TimeoutError:
            raise TokenStoreError(f"the browser did not come back within {_PATIENCE_SECONDS} s") from None
        finally:
            opening.cancel()
        return await grant.login(pending, address.reveal())


def _warn(session: Session, found: Check) -> None:
    for each in found.findings:
        session.warn(each)


def _identity(session: Session, found: Check, made: Login | None) -> dict[str, Any]:
    """Return whom a token stands for, as JSON values."""
    settings = session.settings
    by = "environment" if settings.has_environment_credentials else None if made is None else made.kind
    return {
        "profile": settings.profile,
        "base_url": settings.base_url,
        "login": by,
        "client_id": found.client_id,
        "user": None if found.user is None else found.user.id,
        "scopes": None if found.scopes is None else list(found.scopes),
        "requests_left": None if found.rate_limit is None else found.rate_limit.remaining,
        "config": str(config_file()),
    }


@command("logout", examples=("ev-energy logout", "ev-energy logout --profile staging"))
def logout(session: Session) -> Any:
    """Revoke the token of the profile, and remove its login from this machine.

    The login is removed even if the API cannot be reached; that is reported, since the token may live on.
    """
    return _log_out(session)


async def _log_out(session: Session) -> None:
    settings = session.settings
    made = settings.login()
    if made is None:
        session.note(f"profile {settings.profile!r} is not logged in")
        return
    try:
        async with _client(settings, made.grant(settings.folder), made.base_url) as ev:
            await ev.revoke()
    except EvEnergyError as error:
        session.warn(f"the token could not be revoked: {error}")
    Login.remove(settings.folder)
    session.note(f"profile {settings.profile!r} is logged out")


@command("whoami", examples=("ev-energy whoami", "ev-energy whoami -o json"))
def whoami(session: Session) -> Any:
    """Show the profile, whom its token stands for, what it may do, and how many requests are left.

    It takes up to three requests. Without credentials, and if they are refused, it ends with exit code 4.
    """
    return _who_am_i(session)


async def _who_am_i(session: Session) -> None:
    async with session.client() as ev:
        found = await ev.check()
        if found.error is not None:
            raise found.error
        _warn(session, found)
        show(session, _identity(session, found, session.settings.login()))
        if not ev.has_credentials:
            session.warn("there is no login and there are no credentials in the environment: ev-energy login")
            click.get_current_context().exit(AUTHENTICATION)


@command("check", examples=("ev-energy check",))
def check(session: Session) -> Any:
    """Check network, base URL, credentials, scopes, clock and budget, one sentence each.

    It takes up to three requests. The exit code is 0 if nothing was found; otherwise that of the error.
    """
    return _check(session)


async def _check(session: Session) -> None:
    async with session.client() as ev:
        found = await ev.check()
    details = {"ok": found.ok, "findings": list(found.findings), **_identity(session, found, session.settings.login())}
    show(session, details, str(found))
    if not found.ok:
        click.get_current_context().exit(FAILURE if found.error is None else code_of(found.error))
