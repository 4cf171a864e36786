"""The root of the commands: their names, the global options, and how each failure ends.

Imports nothing of the package but what help needs.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import click

from ev_energy_async.cli.kit import Group, global_options

__all__ = ["app"]

_HERE: Final = "ev_energy_async.cli"
_PIPE: Final = 141  # 128 + SIGPIPE, as a shell shows it
_INTERRUPTED: Final = 130
_EPILOG: Final = """\b
Exit codes:
  0  done                          5  no request left in the budget (429)
  1  error                         6  outcome unknown: a write got no response
  2  usage: wrong argument         7  incomplete: some of it could not be read
  3  not found (404)             130  interrupted (Ctrl+C)
  4  authentication (401, 403)
"""
_COMMANDS: Final = {
    "login": (f"{_HERE}.login:login", "Log in, in the browser or with client credentials."),
    "logout": (f"{_HERE}.login:logout", "Revoke the token and forget the login."),
    "whoami": (f"{_HERE}.login:whoami", "Show whom the token stands for."),
    "check": (f"{_HERE}.login:check", "Check network, credentials, scopes, clock and budget."),
    "api": (f"{_HERE}.operations:api", "Call any operation of the API."),
    "fleet": (f"{_HERE}.fleet:fleet", "Snapshots, plans, watches, coverage, audits and reports of a fleet."),
    "logs": (f"{_HERE}.logs:logs", "Show or follow the logs of a device."),
    "sessions": (f"{_HERE}.logs:sessions", "Show or follow charging sub-sessions."),
    "export": (f"{_HERE}.export:export", "Write logs and resources into Parquet files."),
    "webhooks": (f"{_HERE}.webhooks:webhooks", "Verify deliveries, or send one to try a receiver."),
    "checkpoint": (f"{_HERE}.checkpoint:checkpoint", "Look into the checkpoint of a watch, or copy it."),
    "sandbox": ("ev_energy_async.sandbox.cli:app", "Run a local server that behaves like the API."),
    "completion": (f"{_HERE}.completion:completion", "Print the completion script of a shell."),
}


class _App(Group):
    """The root: it reports errors and turns them into exit codes."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if os.environ.get("NO_COLOR"):  # no-color.org; help is shown before there is a command to say so
            extra["color"] = False
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise click.exceptions.Exit(_INTERRUPTED) from None
        except click.Abort:  # Ctrl+C at a prompt
            click.echo(err=True)
            raise click.exceptions.Exit(_INTERRUPTED) from None
        except BrokenPipeError:
            _silence()
            raise click.exceptions.Exit(_PIPE) from None
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            code = _report(error)
            if code is None:
                raise
            raise click.exceptions.Exit(code) from None
        return result

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "[OPTIONS] COMMAND [ARGS]...")


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from ev_energy_async._version import __version__  # noqa: PLC0415  # only when it is needed

        click.echo(f"ev-energy {__version__}")
        ctx.exit()


def _report(error: Exception) -> int | None:
    """Say on stderr what failed, and return the exit code; None for what is a fault of this program."""
    # Not on top: help does without.
    from ev_energy_async import EvEnergyError  # noqa: PLC0415  # only when it is needed
    from ev_energy_async._extras import MissingExtra  # noqa: PLC0415  # only when it is needed
    from ev_energy_async.cli import exits  # noqa: PLC0415  # only when it is needed
    from ev_energy_async.masking import printable  # noqa: PLC0415  # only when it is needed

    if isinstance(error, EvEnergyError):
        text, code = exits.sentence_of(error), exits.code_of(error)
    elif isinstance(error, MissingExtra):
        text, code = str(error), exits.FAILURE
    elif isinstance(error, OSError):
        named = f"{error.filename}: " if error.filename else ""
        text, code = f"{named}{error.strerror or error}", exits.FAILURE
    else:
        return None
    # Each line by itself: our own line breaks stay, those of a server are escaped by its error.
    shown = "\n".join(map(printable, text.splitlines()))
    click.echo(f"{click.style('error:', fg='red', bold=True)} {shown}", err=True)
    return code


def _silence() -> None:
    """Send the rest of stdout nowhere: Python would complain when it flushes it at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())


@click.group(
    "ev-energy",
    cls=_App,
    lazy=_COMMANDS,
    params=[
        *global_options(),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Show the version and exit.",
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
    examples=(
        "ev-energy login --client-id my-app",
        "ev-energy api vehicles list --expand latest_status_log --all -o jsonl",
        "ev-energy logs vhcl01HRFF3SEVSCRAV9B3CHVDFN0H --since 7d -o csv > logs.csv",
        "ev-energy fleet watch --checkpoint fleet.db",
    ),
)
def app() -> None:
    """Work with the ev.energy API: vehicles, chargers, charging sessions, tariffs, home energy.

    Data goes to stdout; progress, notes and errors go to stderr. The global options may stand before or after a
    command. Settings come from options, then from EV_ENERGY_* in the environment, then from the profile in config.toml
    (`ev-energy whoami` shows where that is). Secrets come from a login or the environment, never from options.
    """
