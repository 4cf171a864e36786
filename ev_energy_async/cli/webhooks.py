"""`ev-energy webhooks`: verify a delivery, or send one, signed as Svix signs them."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from ev_energy_async import EvEnergyError, InvalidArgument, api, codec
from ev_energy_async.cli.kit import Group, argument, command, option
from ev_energy_async.cli.output import show
from ev_energy_async.cli.times import DURATION
from ev_energy_async.masking import Secret, printable
from ev_energy_async.urls import check_http_url

if TYPE_CHECKING:
    from ev_energy_async.cli.session import Session

__all__ = ["webhooks"]

_SECRET: Final = "EV_ENERGY_WEBHOOK_SECRET"  # noqa: S105  # the name of a variable
_BODY: Final[Any] = {"metavar": "BODY", "help": "The body: `@FILE`, `-` for stdin, or the text itself."}
_TIMEOUT_SECONDS: Final = 15
_LONGEST_SHOWN: Final = 300


def _secret() -> list[str]:
    """Return the secrets of the endpoint, of the environment or of a prompt."""
    found = os.environ.get(_SECRET, "").split()
    if not found and sys.stdin.isatty():
        found = click.prompt("Secret of the endpoint (whsec_...)", hide_input=True, err=True).split()
    if not found:
        raise click.UsageError(f"{_SECRET} is not set: the signing secret of the endpoint, several with spaces between")
    return found


def _read(body: str) -> bytes:
    """Return a body byte for byte: the signature covers just these."""
    if body == "-":
        return sys.stdin.buffer.read()
    return Path(body[1:]).expanduser().read_bytes() if body.startswith("@") else body.encode()


@command(
    "verify",
    examples=(
        (
            "ev-energy webhooks verify --body @delivery.json -H 'svix-id: msg_1' -H 'svix-timestamp: 1795876800'"
            " -H 'svix-signature: v1,...'"
        ),
    ),
)
@option("--body", required=True, **_BODY)
@option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    metavar="NAME:VALUE",
    help="A header of the delivery; all three of Svix.",
)
@option(
    "--tolerance",
    type=DURATION,
    metavar="DURATION",
    default="5m",
    help="How old it may be, a day at most. Default: 5m.",
)
def verify(session: Session, body: str, headers: tuple[str, ...], tolerance: dt.timedelta) -> None:
    """Tell whether a delivery is genuine and recent, and show its event.

    The secret is read from EV_ENERGY_WEBHOOK_SECRET; during a rotation several, with spaces between.
    """
    from ev_energy_async.webhooks import WebhookVerifier  # noqa: PLC0415  # an extra

    pairs: dict[str, str] = {}
    for each in headers:
        name, separator, value = each.partition(":")
        if not separator:
            raise InvalidArgument("--header", each, "NAME:VALUE")
        pairs[name.strip()] = value.strip()
    event = WebhookVerifier(_secret(), tolerance=tolerance).verify(_read(body), pairs)
    payload = msgspec.Raw(event.body)
    show(session, {"id": event.id, "sent_at": event.sent_at, "payload": payload})


@command(
    "send",
    examples=(
        "ev-energy webhooks send http://127.0.0.1:8000/ev-energy",
        "ev-energy webhooks send http://127.0.0.1:8000/ev-energy --sub-session csub01HRFF3SEVSCRAV9B3CHVDFN0H",
    ),
)
@argument("url", about="Where to: the address of your receiver.")
@option("--event", type=click.Choice(("created", "ended")), default="ended", help="What it says. Default: ended.")
@option("--sub-session", metavar="ID", help="What it is about. Default: the newest one that has ended, or runs.")
@option("--body", metavar="BODY", help="Send this instead: `@FILE`, `-` for stdin, or the text itself.")
@option("--id", "message_id", metavar="ID", help="The `svix-id`; a repeated one makes it a redelivery.")
def send(session: Session, url: str, **given: Any) -> Any:
    """Send a signed delivery to a receiver of yours, to try it.

    What it tells of is a sub-session of the API, as a real delivery would have it. The secret is read from
    EV_ENERGY_WEBHOOK_SECRET. Any status but 2xx ends with exit code 1.
    """
    check_http_url("URL", url, allow_http=True)
    secrets = [Secret(each) for each in _secret()]
    return _send(session, url, secrets, given)


async def _send(session: Session, url: str, secrets: list[Secret[str]], given: dict[str, Any]) -> None:
    import aiohttp  # noqa: PLC0415  # a tenth of a second

    body = _read(given["body"]) if given["body"] is not None else await _made(session, given)
    headers = _signed(body, secrets, given["message_id"])
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            text = await response.text(errors="replace")
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise EvEnergyError(f"{url} did not respond: {error or type(error).__name__}") from None
    found = {"id": headers["svix-id"], "status": status, "response": printable(text, _LONGEST_SHOWN)}
    show(session, found, f"{headers['svix-id']}: {status} {found['response']}".rstrip())
    if not response.ok:
        raise EvEnergyError(f"the receiver refused it with {status}")


async def _made(session: Session, given: dict[str, Any]) -> bytes:
    """Return the body of an event about a sub-session of the API."""
    async with session.client() as ev:
        if given["sub_session"] is not None:
            found = await ev.charging_sub_sessions.get(given["sub_session"])
        else:
            newest = await api.list_charging_sub_sessions(
                ev, is_finished=given["event"] == "ended", page_size=1
            ).first()
            if newest is None:
                raise EvEnergyError("there is no sub-session to tell of; give a body with --body")
            found = newest
    now = dt.datetime.now(dt.UTC)
    return codec.encode({"type": f"charging_sub_session.{given['event']}", "timestamp": now, "data": found})


def _signed(body: bytes, secrets: list[Secret[str]], message_id: str | None) -> dict[str, str]:
    from ev_energy_async.sandbox.webhooks import sign, signing_key  # noqa: PLC0415  # a tenth of a second

    found = message_id or f"msg_{token_urlsafe(20)}"
    stamp = str(int(dt.datetime.now(dt.UTC).timestamp()))
    try:
        signatures = [sign(signing_key(each.reveal()), found, stamp, body) for each in secrets]
    except ValueError as error:
        raise EvEnergyError(f"{_SECRET}: {error}") from None
    return {
        "Content-Type": "application/json",
        "svix-id": found,
        "svix-timestamp": stamp,
        "svix-signature": " ".join(signatures),
    }


webhooks: Final = Group(
    "webhooks",
    help="Try webhooks: verify a delivery that arrived, or send one to your receiver.",
    commands=[verify, send],
    examples=("ev-energy webhooks send http://127.0.0.1:8000/ev-energy",),
)
