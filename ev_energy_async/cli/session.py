"""The global options of one run, and what commands do with them: settings, a client, output, notes on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ev_energy_async.masking import printable

if TYPE_CHECKING:
    from ev_energy_async import EvEnergy
    from ev_energy_async.cli.progress import Progress
    from ev_energy_async.cli.settings import Settings

__all__ = ["Session"]


class Session:
    """One run of the command line.

    Attributes:
        profile: The profile that was asked for; None for that of the settings.
        user: The user whose context was asked for.
        read_only: Whether writes are refused.
        format: The format that was asked for; None for that of the settings.
        verbosity: Below zero for errors only, 1 for a log of what happens, 2 for one of each request.
    """

    def __init__(self) -> None:
        self.profile: str | None = None
        self.user: str | None = None
        self.read_only = False
        self.format: str | None = None
        self.verbosity = 0
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings of the profile, read when they are first needed.

        Raises:
            InvalidArgument: A setting is not what it should be.
        """
        if self._settings is None:
            from ev_energy_async.cli.settings import Settings  # noqa: PLC0415  # help does without

            self._settings = Settings.load(
                profile=self.profile, user=self.user, read_only=self.read_only, output=self.format
            )
        return self._settings

    def client(self) -> EvEnergy:
        """Return a client with the settings and the login of the profile.

        Raises:
            InvalidArgument: A setting is not what it should be.
        """
        return self.settings.client()

    def show_log(self) -> None:
        """Show what the package logs on stderr, from now on."""
        from ev_energy_async.cli.log import show_log  # noqa: PLC0415  # help does without

        show_log(self.verbosity)

    def chosen_format(self, *, is_stream: bool = False) -> str:
        """Return the format of stdout: a table on a terminal, otherwise JSON, for endless output by the line."""
        if self.settings.output is not None:
            return self.settings.output
        return "table" if sys.stdout.isatty() else "jsonl" if is_stream else "json"

    def note(self, text: str) -> None:
        """Say something on stderr that is no warning, unless it is to be quiet."""
        if self.verbosity >= 0:
            click.echo(click.style(printable(text), dim=True), err=True)

    def warn(self, text: str) -> None:
        """Say on stderr what the user should know, unless only errors are to be shown."""
        if self.verbosity >= 0:
            click.echo(f"{click.style('warning:', fg='yellow')} {printable(text)}", err=True)

    def progress(self, doing: str, total: float | None = None) -> Progress:
        """Return a progress bar on stderr; one that shows nothing unless stderr is a terminal and stdout is none."""
        from ev_energy_async.cli.progress import Progress  # noqa: PLC0415  # help does without

        # On one terminal the rows themselves are the progress.
        shown = self.verbosity >= 0 and sys.stderr.isatty() and not sys.stdout.isatty()
        return Progress(doing, total, shown=shown)
