"""The handler that writes the records of the package's loggers to stderr."""

from __future__ import annotations

import logging

import click

from ev_energy_async.masking import printable

__all__ = ["show_log"]


class _Handler(logging.Handler):
    """Shows log messages on stderr, one line each."""

    def emit(self, record: logging.LogRecord) -> None:
        colour = "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else "cyan"
        label = click.style(f"{record.levelname.lower()}:", fg=colour)
        click.echo(f"{label} {printable(record.getMessage())}", err=True)


def show_log(verbosity: int) -> None:
    """Show what the package logs: errors alone below zero, warnings at 0, what happens at 1, each request at 2."""
    log = logging.getLogger("ev_energy_async")
    verbose = logging.INFO if verbosity == 1 else logging.DEBUG
    log.setLevel(verbose if verbosity > 0 else logging.WARNING if verbosity == 0 else logging.ERROR)
    if not any(isinstance(each, _Handler) for each in log.handlers):
        log.addHandler(_Handler())
