"""`ev-energy completion`: what a shell needs to complete commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from ev_energy_async.cli.kit import argument, command

if TYPE_CHECKING:
    from ev_energy_async.cli.session import Session

__all__ = ["completion"]


@command(
    "completion",
    examples=(
        "ev-energy completion bash >> ~/.bashrc",
        "ev-energy completion fish > ~/.config/fish/completions/ev-energy.fish",
    ),
)
@argument("shell", type=click.Choice(("bash", "fish", "zsh")), about="The shell.")
def completion(_: Session, shell: str) -> None:
    """Print the completion script of a shell, for the file that the shell reads when it starts.

    Commands, groups and operations of the API, options and their values are completed.
    """
    found = get_completion_class(shell)
    root = click.get_current_context().find_root().command
    assert found is not None, "one of click's own"  # noqa: S101  # tells type checkers
    click.echo(found(root, {}, "ev-energy", "_EV_ENERGY_COMPLETE").source())
