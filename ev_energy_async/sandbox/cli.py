"""The command line of the sandbox. Needs the extra `[sandbox]` (click, rich, PyYAML)."""

import asyncio
import contextlib
import gc
import shlex
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from ev_energy_async.sandbox.clock import Clock, ScaledClock, SteppedClock
from ev_energy_async.sandbox.faults import FaultPlan, read_plan
from ev_energy_async.sandbox.oauth import KEPT
from ev_energy_async.sandbox.server import REDIRECT_URIS, Sandbox
from ev_energy_async.sandbox.webhooks import WEBHOOK_SECRET, is_loopback

_LOOPBACK: Final = "127.0.0.1"
_FIRST: Final = "first"

_FLEET: Final = "The fleet"
_NETWORK: Final = "Network"
_OAUTH: Final = "OAuth and limits"
_TIME: Final = "Time"
_WEBHOOKS: Final = "Webhooks"
_TESTS: Final = "For tests"


class _Option(click.Option):
    """An option that stands in a section of the help."""

    def __init__(self, *args: Any, panel: str, **given: Any) -> None:
        super().__init__(*args, **given)
        self.panel = panel


class _Command(click.Command):
    """A command whose help has a section for each kind of option."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                panels.setdefault(getattr(param, "panel", "Options"), []).append(record)
        for panel, records in panels.items():
            with formatter.section(click.style(panel, bold=True)):
                formatter.write_dl(records)


def _option(*names: str, panel: str, **given: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(*names, cls=_Option, panel=panel, **given)


@_option(
    "--vehicles",
    type=click.IntRange(min=0),
    metavar="N",
    default=1000,
    show_default=True,
    panel=_FLEET,
    help="How many vehicles the fleet has.",
)
@_option(
    "--evses",
    type=click.IntRange(min=0),
    metavar="N",
    show_default="three for every five vehicles",
    panel=_FLEET,
    help="How many charge points there are.",
)
@_option(
    "--seed",
    type=int,
    metavar="N",
    default=7,
    show_default=True,
    panel=_FLEET,
    help="What the fleet is drawn from; the same seed gives the same fleet.",
)
@_option("--fast", is_flag=True, panel=_FLEET, help="Answer GET /vehicles from items encoded ahead, for load tests.")
@_option(
    "--host",
    default=_LOOPBACK,
    show_default=True,
    panel=_NETWORK,
    help="The address to listen on. Others than loopback open it to the network.",
)
@_option(
    "--port",
    type=click.IntRange(min=0, max=65535),
    metavar="N",
    default=0,
    show_default=True,
    panel=_NETWORK,
    help="The port to listen on; 0 takes a free one.",
)
@_option(
    "--upload-port",
    type=click.IntRange(min=0, max=65535),
    metavar="N",
    default=0,
    show_default=True,
    panel=_NETWORK,
    help="The port that presigned uploads go to.",
)
@_option(
    "--rate-limit",
    type=click.IntRange(min=0),
    metavar="N",
    default=1000,
    show_default=True,
    panel=_OAUTH,
    help="Requests in a rolling hour for each application and user.",
)
@_option(
    "--anonymous-rate-limit",
    type=click.IntRange(min=0),
    metavar="N",
    default=50,
    show_default=True,
    panel=_OAUTH,
    help="Requests in a rolling hour for each address without a token.",
)
@_option(
    "--token-lifetime",
    type=click.IntRange(min=1),
    metavar="N",
    default=36000,
    show_default=True,
    panel=_OAUTH,
    help="Seconds for which an access token is valid.",
)
@_option(
    "--refresh-token-lifetime",
    type=click.IntRange(min=1),
    metavar="N",
    show_default="for ever",
    panel=_OAUTH,
    help="Seconds for which a refresh token is valid.",
)
@_option(
    "--kept-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    default=KEPT,
    show_default=True,
    panel=_OAUTH,
    help="Tokens of each kind that are kept; older ones end.",
)
@_option("--client-id", default="sandbox-client", show_default=True, panel=_OAUTH, help="The application's id.")
@_option("--client-secret", default="sandbox-secret", show_default=True, panel=_OAUTH, help="The application's secret.")
@_option(
    "--redirect-uri",
    multiple=True,
    show_default=" ".join(REDIRECT_URIS),
    panel=_OAUTH,
    help="Where the consent page may send users back to, compared as a whole. May be repeated.",
)
@_option(
    "--allowed-host",
    multiple=True,
    metavar="NAME",
    panel=_NETWORK,
    help="A further name in the Host header to accept, such as that of a container. May be repeated.",
)
@_option(
    "--auto-consent",
    metavar="USER",
    panel=_OAUTH,
    help=f"Answer the consent page at once in the name of this user: an ID, or `{_FIRST}`.",
)
@_option(
    "--speed",
    type=click.FloatRange(min=0.001),
    metavar="N",
    default=1.0,
    show_default=True,
    panel=_TIME,
    help="How many times as fast as real time passes: for the fleet, the request limit and the tokens. "
    "At 600 a day takes two and a half minutes. Clients are told real seconds in Retry-After and expires_in.",
)
@_option(
    "--stepped",
    is_flag=True,
    panel=_TIME,
    help="Time stands still but for /_sandbox/advance and the console. Needs --control or --console.",
)
@_option(
    "--webhook-url",
    panel=_WEBHOOKS,
    help="Where sub-sessions that begin and end are delivered to, signed as Svix does.",
)
@_option(
    "--webhook-secret",
    multiple=True,
    show_default=WEBHOOK_SECRET,
    panel=_WEBHOOKS,
    help="What deliveries are signed with, `whsec_` and base64. May be repeated: all sign.",
)
@_option("--webhook-anywhere", is_flag=True, panel=_WEBHOOKS, help="Let webhooks go to other machines than this one.")
@_option(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="PLAN.YAML",
    panel=_TESTS,
    help="What goes wrong, and when; see above.",
)
@_option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    panel=_TESTS,
    help="Write all that was served and delivered to this file, as JSON lines.",
)
@_option(
    "--control",
    is_flag=True,
    panel=_TESTS,
    help="Answer at /_sandbox/: POST advance, tokens, redeliver, add, remove, integrate, touch; PUT faults; "
    "GET logs, requests, deliveries.",
)
@_option(
    "--console",
    is_flag=True,
    panel=_TESTS,
    help="Show a web page at /_sandbox/ui/: the clock, what is left of the limits, requests as they come, and faults.",
)
def run(
    *,
    vehicles: int,
    evses: int | None,
    seed: int,
    fast: bool,
    host: str,
    port: int,
    upload_port: int,
    rate_limit: int,
    anonymous_rate_limit: int,
    token_lifetime: int,
    refresh_token_lifetime: int | None,
    kept_tokens: int,
    client_id: str,
    client_secret: str,
    redirect_uri: tuple[str, ...],
    allowed_host: tuple[str, ...],
    auto_consent: str | None,
    speed: float,
    stepped: bool,
    webhook_url: str | None,
    webhook_secret: tuple[str, ...],
    webhook_anywhere: bool,
    faults: Path | None,
    record: Path | None,
    control: bool,
    console: bool,
) -> None:
    r"""Run a local server that behaves like the ev.energy API, with a simulated fleet of electric vehicles behind it.

    The fleet drives, plugs in and charges as time goes by, and leaves logs of it, some of them late. Everything is in
    memory and gone at the end. Stop with Ctrl+C.

    A fault plan lists rules. Each has an `effect`, by its name or with options, and says what it is about:
    `operation` (a glob such as vehicles.list_*_logs), `path`, `method`, `probability`, `count`, `skip`, `from_seconds`,
    `until_seconds`. The same `seed` and the same requests give the same faults. For example:

    \b
    seed: 7
    rules:
    - {operation: "vehicles.*", probability: 0.05, effect: reset_after}
    - {path: /o/token/, count: 2, effect: {kind: unavailable, retry_after_seconds: 3}}

    Effects: latency, stall, held, redirected, reset_before, reset_after, truncated_json, malformed_json,
    wrong_content_type, html_error, unavailable, rate_limited, expired_token, new_enum_value, unknown_field, null_field,
    missing_field, duplicated_logs, late_logs, late_uploads, offline_devices, repeated_logs, coarse_times, slow_drip,
    huge_body, webhook_duplicated, webhook_delayed, webhook_lost.
    """
    if stepped and not (control or console):
        raise click.BadParameter("time can only be stepped with --control or --console", param_hint="--stepped")
    if stepped and speed != 1:
        raise click.BadParameter("time that stands still has no speed", param_hint="--speed")
    terminal = Console(soft_wrap=True)
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
            clock=clock if stepped or control or console or speed != 1 else None,
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
            console=console,
            fast=fast,
        )
    except (ValueError, OSError, ModuleNotFoundError) as error:  # an invalid plan, URL, secret or user
        raise click.BadParameter(str(error)) from error
    try:
        asyncio.run(_serve(sandbox, terminal, host))
    except KeyboardInterrupt:  # where the loop can't take signals itself
        pass
    except OSError as error:
        where = f"write {error.filename}" if error.filename else f"listen on {host}:{port}"
        terminal.print(f"Can't {where}: {error.strerror}", style="red")
        raise click.exceptions.Exit(1) from error
    terminal.print("Stopped.")


app: Final = click.command(
    cls=_Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)(run)


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
        ("console", sandbox.console_url),
    ):
        if shown is not None:
            table.add_row(name, shown)
    console.print(table)
    world = sandbox.world
    console.print(
        f"{len(world.vehicles)} vehicles, {len(world.evses)} charge points, {len(world.users)} users. Stop with Ctrl+C."
    )
