"""`ev-energy api GROUP OPERATION`: a command for each operation, made from its row in the table of operations.

A group of operations is imported when it is named; nothing here knows one of them by name.
"""

from __future__ import annotations

import pkgutil
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import click

from ev_energy_async import api as operations
from ev_energy_async.cli import describe as described
from ev_energy_async.cli import kit
from ev_energy_async.cli.calling import Call
from ev_energy_async.cli.output import show
from ev_energy_async.cli.rows import group_of, operations_of
from ev_energy_async.cli.times import DATE, FIRST_TIME, LAST_TIME
from ev_energy_async.messages import SAFE_METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ev_energy_async.calls import Group as ClientGroup
    from ev_energy_async.cli.session import Session
    from ev_energy_async.messages import Operation, Param

__all__ = ["api"]

_ULID: Final = "01HRFF3SEVSCRAV9B3CHVDFN0H"
# Where a day means its last moment, not its first.
_LAST: Final = ("_lte",)


_METAVARS: Final = {
    "integer": "N",
    "number": "N",
    "date-time": "TIME",
    "date": "DAY",
    "string": "TEXT",
    "id": "ID",
    "boolean": "true|false",
}


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _underscored(name: str) -> str:
    return name.replace("-", "_")


class _Api(kit.Group):
    """All groups of operations."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # as click calls it
        found = (each.name for each in pkgutil.iter_modules(operations.__path__))
        return [_dashed(name) for name in found if not name.startswith("_") and name != "groups"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _underscored(cmd_name)
        if _dashed(name) not in self.list_commands(ctx):
            return None
        return _Operations(name, group_of(name))


class _Operations(kit.Group):
    """The operations of one group."""

    def __init__(self, name: str, group: type[ClientGroup]) -> None:
        super().__init__(_dashed(name), help=described.for_people(group.__doc__ or ""))
        self._rows = {_dashed(each): found for each, found in operations_of(name).items()}
        first = next(iter(self._rows))
        self.examples = (f"ev-energy api {_dashed(name)} {first} --describe",)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # as click calls it
        return list(self._rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # the signature is click's
        found = self._rows.get(_dashed(cmd_name))
        return None if found is None else _Operation(*found)

    def summaries(self, ctx: click.Context) -> list[tuple[str, str]]:  # noqa: ARG002  # the signature is click's
        """Return each operation with what it does, without making commands of them."""
        return [(name, described.prose_of(function).summary) for name, (_, function) in self._rows.items()]


class _Operation(kit.Command):
    """One operation."""

    def __init__(self, row: Operation[Any], function: Callable[..., Any]) -> None:
        self._row = row
        self._function = function
        name = _dashed(row.name.partition(".")[2])
        params = [*self._arguments(), *self._options(), *self._ways()]
        super().__init__(name, params=params, callback=click.pass_obj(self._call), examples=[self._example()])

    @cached_property
    def _prose(self) -> described.Prose:
        return described.prose_of(self._function, [each.name for each in (*self._row.query, *self._row.headers)])

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002  # as click calls it
        return self._prose.summary

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the operation does, what it sends, and what it needs."""
        row = self._row
        needs = "no token" if row.public else f"the scopes {', '.join(row.scopes)}" if row.scopes else "a token"
        user = {"required": "; it needs --user", "optional": "; it takes --user", "none": ""}[row.user]
        self.help = f"{self._prose.summary}\n\n{self._prose.text}\n\n{row.method} {row.path}; it needs {needs}{user}."
        super().format_help_text(ctx, formatter)

    def _about(self, name: str) -> str:
        return self._prose.arguments.get(name, "")

    def _arguments(self) -> list[click.Parameter]:
        return [
            kit.Argument([each.name], about=self._about(each.name), metavar=each.name.upper())
            for each in self._row.path_params
        ]

    def _options(self) -> list[click.Parameter]:
        return [self._option(each) for each in (*self._row.query, *self._row.headers)]

    def _option(self, param: Param) -> click.Option:
        name = f"--{_dashed(param.name)}"
        kind = param.items if param.kind == "array" else param.kind
        about = self._about(param.name)
        if kind == "boolean" and param.kind != "array":
            return click.Option([f"{name}/--no-{name[2:]}", param.name], default=None, help=about)
        if param.values:
            about += f" One of: {', '.join(map(str, param.values))}."
        if param.kind == "array":
            about += " May be repeated."
        return click.Option(
            [name, param.name],
            type=_type(param, kind),
            metavar=_METAVARS.get("" if param.values else kind, "VALUE"),
            multiple=param.kind == "array",
            required=param.required,
            help=about.strip(),
        )

    def _ways(self) -> list[click.Parameter]:
        """Return the options that say how to call, not what; what the operation itself has wins."""
        row = self._row
        found: list[click.Option] = []
        if row.body is not None and row.body() is not None:
            about = f"{self._about('body')} JSON: `@FILE`, `-` for stdin, or the text itself; see --describe."
            found.append(click.Option(["--body"], metavar="JSON", help=about.strip()))
        if row.is_list:
            found += [
                click.Option(["--all", "every"], is_flag=True, help="Read all pages, not just the first."),
                click.Option(
                    ["--limit", "most"],
                    type=click.IntRange(min=1),
                    metavar="N",
                    help="Read so many items, of as many pages.",
                ),
            ]
        found.append(click.Option(["--dry-run"], is_flag=True, help="Print the request instead of sending it."))
        about = "Print parameters, body and response, and send nothing."
        found.append(click.Option(["--describe"], is_flag=True, help=about))
        if row.method not in SAFE_METHODS:
            found.append(click.Option(["--yes", "-y"], is_flag=True, help="Send it without asking."))
        taken = {f"--{_dashed(each.name)}" for each in (*row.query, *row.headers)}
        return [each for each in found if not taken & set(each.opts)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; to be described, an operation needs none."""
        if "--describe" in args:
            for param in self.params:
                param.required = False
        return super().parse_args(ctx, args)

    def _call(self, session: Session, *, describe: bool, **given: Any) -> Any:
        if describe:
            found = described.description_of(self._row, self._function)
            show(session, found, described.text_of(found))
            return None
        call = Call(session, self._row, given)
        call.confirm()
        return call.run()

    def _example(self) -> str:
        row = self._row
        words = ["ev-energy api", _dashed(row.name.partition(".")[0]), _dashed(row.name.partition(".")[2])]
        words += [_example_of(each) for each in row.path_params]
        for each in (*row.query, *row.headers):
            if each.required:
                words += [f"--{_dashed(each.name)}", _example_of(each)]
        if row.user == "required":
            words += ["--user", f"user{_ULID}"]
        if row.body is not None and row.body() is not None:
            words += ["--body", "@body.json"]
        if row.method not in SAFE_METHODS:
            words.append("--yes")
        return " ".join(words)


def _type(param: Param, kind: str) -> click.ParamType[Any]:
    if param.values:
        return click.Choice([str(each) for each in param.values], case_sensitive=False)
    if kind == "integer":
        return click.IntRange(_whole(param.minimum), _whole(param.maximum))
    if kind == "number":
        return click.FloatRange(param.minimum, param.maximum)
    if kind == "date-time":
        return LAST_TIME if param.name.endswith(_LAST) else FIRST_TIME
    return DATE if kind == "date" else click.BOOL if kind == "boolean" else click.STRING


def _whole(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


def _example_of(param: Param) -> str:
    if param.values:
        return str(param.values[0])
    if param.kind == "id":
        return f"{param.prefix or 'vhcl'}{_ULID}"
    examples = {"log-time": "2026-11-01T07:00:00Z", "date-time": "yesterday", "date": "yesterday"}
    return examples.get(param.kind, "1" if param.kind in {"integer", "number"} else "GB")


api: Final = _Api(
    "api",
    help="""Call any operation of the API: `ev-energy api GROUP OPERATION`.

    Names are those of the Python client, with dashes: `ev.vehicles.list_status_logs` is `vehicles list-status-logs`.
    Lists give their first page, up to 100 items, unless there is --all or --limit. Writes ask before they are sent;
    where nobody can be asked they need --yes.
    """,
    examples=(
        "ev-energy api vehicles list --expand latest_status_log --limit 10",
        "ev-energy api vehicles list-status-logs vhcl01HRFF3SEVSCRAV9B3CHVDFN0H --sampled-at-gte 7d --all -o jsonl",
        "ev-energy api vehicles update vhcl01HRFF3SEVSCRAV9B3CHVDFN0H --body @settings.json --dry-run",
        "ev-energy api vehicles update --describe",
    ),
)
