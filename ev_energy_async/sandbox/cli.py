"""The command line of the sandbox. Needs the extra `[sandbox]` (typer, rich, PyYAML)."""

import asyncio
import contextlib
import gc
import shlex
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from ev_energy_async.sandbox.clock import Clock, ScaledClock, SteppedClock
from ev_energy_async.sandbox.faults import FaultPlan, read_plan
from ev_energy_async.sandbox.oauth import KEPT
from ev_energy_async.sandbox.server import REDIRECT_URIS, Sandbox
from ev_energy_async.sandbox.webhooks import WEBHOOK_SECRET, is_loopback

app = typer.Typer(add_completion=False, rich_markup_mode="rich")

_LOOPBACK: Final = "127.0.0.1"
_FIRST: Final = "first"

_FLEET: Final = "The fleet"
_NETWORK: Final = "Network"
_OAUTH: Final = "OAuth and limits"
_TIME: Final = "Time"
_WEBHOOKS: Final = "Webhooks"
_TESTS: Final = "For tests"


@app.command()
def run(
    *,
    vehicles: Annotated[
        int, typer.Option(min=0, help="How many vehicles the fleet has.", rich_help_panel=_FLEET)
    ] = 1_000,
    evses: Annotated[
        int | None,
        typer.Option(
            min=0,
            show_default="three for every five vehicles",
            help="How many charge points there are.",
            rich_help_panel=_FLEET,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(help="What the fleet is drawn from; the same seed gives the same fleet.", rich_help_panel=_FLEET),
    ] = 7,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast", help="Answer GET /vehicles from items encoded ahead, for load tests.", rich_help_panel=_FLEET
        ),
    ] = False,
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen on. Others than loopback open it to the network.", rich_help_panel=_NETWORK
        ),
    ] = _LOOPBACK,
    port: Annotated[
        int,
        typer.Option(min=0, max=65_535, help="The port to listen on; 0 takes a free one.", rich_help_panel=_NETWORK),
    ] = 0,
    upload_port: Annotated[
        int,
        typer.Option(min=0, max=65_535, help="The port that presigned uploads go to.", rich_help_panel=_NETWORK),
    ] = 0,
    rate_limit: Annotated[
        int,
        typer.Option(min=0, help="Requests in a rolling hour for each application and user.", rich_help_panel=_OAUTH),
    ] = 1_000,
    anonymous_rate_limit: Annotated[
        int,
        typer.Option(
            min=0, help="Requests in a rolling hour for each address without a token.", rich_help_panel=_OAUTH
        ),
    ] = 50,
    token_lifetime: Annotated[
        int, typer.Option(min=1, help="Seconds for which an access token is valid.", rich_help_panel=_OAUTH)
    ] = 36_000,
    refresh_token_lifetime: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="for ever",
            help="Seconds for which a refresh token is valid.",
            rich_help_panel=_OAUTH,
        ),
    ] = None,
    kept_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of each kind that are kept; older ones end.", rich_help_panel=_OAUTH)
    ] = KEPT,
    client_id: Annotated[str, typer.Option(help="The application's id.", rich_help_panel=_OAUTH)] = "sandbox-client",
    client_secret: Annotated[
        str, typer.Option(help="The application's secret.", rich_help_panel=_OAUTH)
    ] = "sandbox-secret",  # noqa: S107 - it opens nothing
    redirect_uri: Annotated[
        list[str] | None,
        typer.Option(
            show_default=" ".join(REDIRECT_URIS),
            help="Where the consent page may send users back to, compared as a whole. May be repeated.",
            rich_help_panel=_OAUTH,
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A further name in the Host header to accept, such as that of a container. May be repeated.",
            rich_help_panel=_NETWORK,
        ),
    ] = None,
    auto_consent: Annotated[
        str | None,
        typer.Option(
            metavar="USER",
            help=f"Answer the consent page at once in the name of this user: an ID, or `{_FIRST}`.",
            rich_help_panel=_OAUTH,
        ),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(
            min=0.001,
            help="How many times as fast as real time passes: for the fleet, the request limit and the tokens. "
            "At 600 a day takes two and a half minutes. Clients are told real seconds in Retry-After and expires_in.",
            rich_help_panel=_TIME,
        ),
    ] = 1.0,
    stepped: Annotated[
        bool,
        typer.Option(
            "--stepped", help="Time stands still but for /_sandbox/advance. Needs --control.", rich_help_panel=_TIME
        ),
    ] = False,
    webhook_url: Annotated[
        str | None,
        typer.Option(
            help="Where sub-sessions that begin and end are delivered to, signed as Svix does.",
            rich_help_panel=_WEBHOOKS,
        ),
    ] = None,
    webhook_secret: Annotated[
        list[str] | None,
        typer.Option(
            show_default=WEBHOOK_SECRET,
            help="What deliveries are signed with, `whsec_` and base64. May be repeated: all sign.",
            rich_help_panel=_WEBHOOKS,
        ),
    ] = None,
    webhook_anywhere: Annotated[
        bool,
        typer.Option(
            "--webhook-anywhere", help="Let webhooks go to other machines than this one.", rich_help_panel=_WEBHOOKS
        ),
    ] = False,
    faults: Annotated[
        Path | None,
        typer.Option(metavar="PLAN.YAML", help="What goes wrong, and when; see above.", rich_help_panel=_TESTS),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all that was served and delivered to this file, as JSON lines.",
            rich_help_panel=_TESTS,
        ),
    ] = None,
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Answer at /_sandbox/: POST advance, tokens, redeliver, add, remove, integrate, touch; PUT faults; "
            "GET logs, requests, deliveries.",
            rich_help_panel=_TESTS,
        ),
    ] = False,
) -> None:
    """Run a local server that behaves like the ev.energy API, with a simulated fleet of electric vehicles behind it.

    The fleet drives, plugs in and charges as time goes by, and leaves logs of it, some of them late. Everything is in
    memory and gone at the end. Stop with Ctrl+C.

    A fault plan lists rules. Each has an `effect`, by its name or with options, and says what it is about:
    `operation` (a glob such as vehicles.list_*_logs), `path`, `method`, `probability`, `count`, `skip`, `from_seconds`,
    `until_seconds`. The same `seed` and the same requests give the same faults. For example:

    seed: 7

    rules:

    - {operation: "vehicles.*", probability: 0.05, effect: reset_after}

    - {path: /o/token/, count: 2, effect: {kind: unavailable, retry_after_seconds: 3}}

    Effects: latency, stall, held, redirected, reset_before, reset_after, truncated_json, malformed_json,
    wrong_content_type, html_error, unavailable, rate_limited, expired_token, new_enum_value, unknown_field, null_field,
    missing_field, duplicated_logs, late_logs, late_uploads, offline_devices, repeated_logs, coarse_times, slow_drip,
    huge_body, webhook_duplicated, webhook_delayed, webhook_lost.
    """
    if stepped and not control:
        raise typer.BadParameter("time can only be stepped with --control", param_hint="--stepped")
    if stepped and speed != 1:
        raise typer.BadParameter("time that stands still has no speed", param_hint="--speed")
    console = Console(soft_wrap=True)
    clock: Clock = SteppedClock(datetime.now(UTC)) if stepped else ScaledClock(speed)
    try:
        sandbox = Sandbox(
            vehicles=vehicles,
            evses=evses,
            seed=seed,
            rate_limit=rate_limit,
            anonymous_rate_limit=anonymous_rate_limit,
            token_lifetime=token_lifetime,
            refresh_token_lifetime=refresh_token_lifetime,
            clock=clock if stepped or control or speed != 1 else None,
            host=host,
            port=port,
            upload_port=upload_port,
            client_id=client_id,
            client_secret=client_secret,
            redirect_uris=redirect_uri or REDIRECT_URIS,
            kept_tokens=kept_tokens,
            allowed_hosts=allowed_host or (),
            auto_consent=True if auto_consent == _FIRST else auto_consent or False,
            webhook_url=webhook_url,
            webhook_secret=webhook_secret or WEBHOOK_SECRET,
            webhook_anywhere=webhook_anywhere,
            faults=FaultPlan() if faults is None else read_plan(faults),
            record=record,
            control=control,
            fast=fast,
        )
    except (ValueError, OSError, ModuleNotFoundError) as error:  # an invalid plan, URL, secret or user
        raise typer.BadParameter(str(error)) from error
    try:
        asyncio.run(_serve(sandbox, console, host))
    except KeyboardInterrupt:  # where the loop can't take signals itself
        pass
    except OSError as error:
        where = f"write {error.filename}" if error.filename else f"listen on {host}:{port}"
        console.print(f"Can't {where}: {error.strerror}", style="red")
        raise typer.Exit(1) from error
    console.print("Stopped.")


async def _serve(sandbox: Sandbox, console: Console, host: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stopped.set)
    async with sandbox:
        if not is_loopback(host):
            console.print(f"Warning: on {host} everybody in the network can reach the sandbox.", style="yellow")
        if sandbox.unsimulated:
            names = ", ".join(sandbox.unsimulated)
            console.print(f"Warning: not simulated, responds with examples of the schema: {names}", style="yellow")
        _introduce(sandbox, console)
        # A fleet stays as long as the process: nothing is gained by searching it for garbage again and again.
        gc.collect()
        gc.freeze()
        await stopped.wait()


def _introduce(sandbox: Sandbox, console: Console) -> None:
    console.print(f"The sandbox listens on [bold]{sandbox.base_url}[/bold]")
    for name, value in (
        ("BASE_URL", sandbox.base_url),
        ("TOKEN_URL", sandbox.token_url),
        ("CLIENT_ID", sandbox.client_id),
        ("CLIENT_SECRET", sandbox.client_secret),
    ):
        # Lines to paste into another shell.
        console.print(f"export EV_ENERGY_{name}={shlex.quote(value)}", highlight=False, markup=False)
    table = Table(show_header=False, box=None)
    for name, shown in (
        ("consent page", sandbox.authorize_url),
        ("presigned uploads", sandbox.upload_origin),
        ("webhooks go to", sandbox.webhook_url),
        ("webhooks signed with", None if sandbox.webhook_url is None else " ".join(sandbox.webhook_secrets)),
        ("control", sandbox.control_url),
    ):
        if shown is not None:
            table.add_row(name, shown)
    console.print(table)
    world = sandbox.world
    console.print(
        f"{len(world.vehicles)} vehicles, {len(world.evses)} charge points, {len(world.users)} users. Stop with Ctrl+C."
    )
