"""Building blocks of all commands: help with examples, options in any position, and commands that load lazily.

Nothing here imports more of the package than its version: `ev-energy --help` pays for what it shows.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ev_energy_async.cli.formats import FORMATS
from ev_energy_async.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Argument", "Command", "Group", "argument", "command", "option"]

F = TypeVar("F", bound="Callable[..., Any]")

_PANEL: Final = "Global options"


def _set(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return a callback that takes a global option, wherever in the line it stands."""

    def take(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        session = ctx.ensure_object(Session)
        if name in {"quiet", "verbose"}:
            session.verbosity += -value if name == "quiet" else value
        elif value:
            setattr(session, name, value)

    return take


def global_options() -> list[click.Option]:
    """Return the options that every command takes, before and after its name."""
    given: Any = {"expose_value": False}
    return [
        click.Option(
            ["--profile"],
            metavar="NAME",
            help="Settings and login to use. [env: EV_ENERGY_PROFILE; default: default]",
            callback=_set("profile"),
            **given,
        ),
        click.Option(
            ["--user"],
            metavar="ID",
            help="Call in the context of this user. [env: EV_ENERGY_USER]",
            callback=_set("user"),
            **given,
        ),
        click.Option(
            ["--read-only"],
            is_flag=True,
            help="Refuse to send anything that writes. [env: EV_ENERGY_READ_ONLY]",
            callback=_set("read_only"),
            **given,
        ),
        click.Option(
            ["-o", "--output"],
            type=click.Choice(FORMATS),
            help="Format of stdout. [env: EV_ENERGY_OUTPUT; default: table on a terminal, otherwise json]",
            callback=_set("format"),
            **given,
        ),
        click.Option(
            ["-q", "--quiet"],
            count=True,
            help="Show errors only: no progress, no notes.",
            callback=_set("quiet"),
            **given,
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            help="Log what happens to stderr; -vv logs each request.",
            callback=_set("verbose"),
            **given,
        ),
    ]


class Argument(click.Argument):
    """An argument with a help text."""

    def __init__(self, declarations: Sequence[str], *, about: str = "", **given: Any) -> None:
        super().__init__(declarations, **given)
        self.about = about


class _Page:
    """The help of a command: usage, text, arguments, options, examples."""

    params: list[click.Parameter]
    examples: tuple[str, ...] = ()

    def _write(self, ctx: click.Context, formatter: click.HelpFormatter, commands: Callable[[], None] | None) -> None:
        arguments: list[tuple[str, str]] = []
        options: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for param in self.params:
            if isinstance(param, click.Argument):
                arguments.append((param.make_metavar(ctx), getattr(param, "about", "")))
            elif (record := param.get_help_record(ctx)) is not None:
                (options if param.expose_value else shared).append(record)
        for title, records in (("Arguments", arguments), ("Options", options)):
            if records:
                with formatter.section(_heading(title)):
                    formatter.write_dl(records)
        if commands is not None:
            commands()
        if shared and ctx.parent is None:
            with formatter.section(_heading(_PANEL)):
                formatter.write_dl(shared)
        if self.examples:
            with formatter.section(_heading("Examples" if len(self.examples) > 1 else "Example")):
                for each in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{each}\n")
        if ctx.parent is not None:
            formatter.write_paragraph()
            formatter.write_text("See `ev-energy --help` for the options of all commands and the exit codes.")


def _heading(text: str) -> str:
    # click drops the styling where there is no terminal.
    return click.style(text, bold=True)


class Command(_Page, click.Command):
    """A command whose help has examples, and which takes the global options too."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **given: Any) -> None:
        super().__init__(*args, **given)
        self.examples = tuple(examples)
        taken = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
        self.params += [each for each in global_options() if not taken & set(each.opts)]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write usage, text, arguments, options and examples."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self._write(ctx, formatter, None)
        self.format_epilog(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and show what is logged meanwhile; a coroutine runs in an event loop of its own."""
        ctx.ensure_object(Session).show_log()
        found = super().invoke(ctx)
        if inspect.iscoroutine(found):
            import asyncio  # noqa: PLC0415  # help does without

            return asyncio.run(found)
        return found


class Group(_Page, click.Group):
    """A group of commands, each imported when it is asked for.

    Args:
        lazy: For each command, where it is (`module:name`) and what it does, for the list of commands.
        examples: Lines that can be run as they stand.
    """

    command_class = Command

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]] = {}, examples: Sequence[str] = (), **given: Any
    ) -> None:
        super().__init__(*args, **given)
        self.lazy = dict(lazy)
        self.examples = tuple(examples)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of their declaration."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.lazy[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(module), name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named; a misspelled one is answered with those it may be."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib  # noqa: PLC0415  # help does without

            close = difflib.get_close_matches(args[0].replace("_", "-"), self.list_commands(ctx))
            if close and "Did you mean" not in error.message:
                text = f"{error.message} Did you mean {' or '.join(close)}?"
                raise click.UsageError(text, ctx) from None
            raise

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return each command with what it does."""
        found: list[tuple[str, str]] = []
        for name in self.list_commands(ctx):
            if name in self.lazy:
                found.append((name, self.lazy[name][1]))
            elif (each := self.get_command(ctx, name)) is not None and not each.hidden:
                found.append((name, each.get_short_help_str(100)))
        return found

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write usage, text, options, commands and examples."""

        def commands() -> None:
            with formatter.section(_heading("Commands")):
                formatter.write_dl(self.summaries(ctx))

        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self._write(ctx, formatter, commands)
        self.format_epilog(ctx, formatter)


def command(name: str, *, examples: Sequence[str]) -> Callable[[Callable[..., Any]], Command]:
    """Return a decorator that makes a command of a function, whose docstring is its help."""

    def make(function: Callable[..., Any]) -> Command:
        params: list[click.Parameter] = getattr(function, "__click_params__", [])
        text = inspect.getdoc(function)
        passed = click.pass_obj(function)
        return Command(name, params=params[::-1], callback=passed, help=text, examples=examples)

    return make


def _declare(param: click.Parameter) -> Callable[[F], F]:
    def add(function: F) -> F:
        vars(function).setdefault("__click_params__", []).append(param)
        return function

    return add


def option(*declarations: str, **given: Any) -> Callable[[F], F]:
    """Return a decorator that adds an option to a command, as `click.option` does."""
    return _declare(click.Option(declarations, **given))


def argument(*declarations: str, about: str, **given: Any) -> Callable[[F], F]:
    """Return a decorator that adds an argument with a help text to a command."""
    return _declare(Argument(declarations, about=about, **given))
