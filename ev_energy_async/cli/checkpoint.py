"""`ev-energy checkpoint`: look into the checkpoint of a watch, or copy it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import click

from ev_energy_async import InvalidArgument, SqliteCheckpoint
from ev_energy_async.checkpoint import Advance
from ev_energy_async.cli.kit import Group, argument, command
from ev_energy_async.cli.output import show

if TYPE_CHECKING:
    from ev_energy_async.cli.session import Session

__all__ = ["checkpoint"]

_FILE: Final = click.Path(exists=True, dir_okay=False)


@command("show", examples=("ev-energy checkpoint show fleet.db",))
@argument("file", type=_FILE, about="A SQLite file with a checkpoint.")
def show_(session: Session, file: str) -> Any:
    """Show whose checkpoint it is, and what it holds. Sends nothing; the watch may run meanwhile.

    `ev-energy fleet coverage` tells what is complete.
    """
    return _show(session, file)


async def _show(session: Session, file: str) -> None:
    entries: Counter[str] = Counter()
    size: Counter[str] = Counter()
    latest = 0
    async with SqliteCheckpoint(file) as opened:
        owner = await opened.owner()
        async for key, each in opened.entries():
            name = key.partition("/")[0]
            entries[name] += 1
            size[name] += len(each.value)
            latest = max(latest, each.version)
    streams = [{"name": name, "entries": entries[name], "characters": size[name]} for name in sorted(entries)]
    lines = [f"checkpoint of {owner or 'nobody yet'}", f"{latest:,} changes"]
    lines += [f"{each['name']}: {each['entries']:,} entries, {each['characters']:,} characters" for each in streams]
    of = None if owner is None else {"base_url": owner.base_url, "client": owner.client, "user": owner.user}
    show(session, {"owner": of, "latest_version": latest, "streams": streams}, "\n".join(lines))


@command("copy", examples=("ev-energy checkpoint copy fleet.db backup.db",))
@argument("source", type=_FILE, about="A SQLite file with a checkpoint.")
@argument(
    "target", type=click.Path(dir_okay=False), about="A SQLite file: a new one, or a database without a checkpoint."
)
def copy(session: Session, source: str, target: str) -> Any:
    """Copy a checkpoint, all of it or nothing. No watch may run with the source meanwhile, nor with both later on."""
    return _copy(session, source, target)


async def _copy(session: Session, source: str, target: str) -> None:
    async with SqliteCheckpoint(source) as old:
        owner = await old.owner()
        if owner is None:
            raise InvalidArgument("SOURCE", source, "a checkpoint that a watch has opened")
        changes = [Advance(key, 0, each.value) async for key, each in old.entries()]
        async with SqliteCheckpoint(target) as new:
            if await new.owner() is not None:
                raise InvalidArgument("TARGET", target, "a database without a checkpoint")
            async with new.transaction():
                await new.advance_all(changes)
            await new.open(owner)
    session.note(f"{len(changes):,} entries of {owner} copied to {target}")


checkpoint: Final = Group(
    "checkpoint",
    help="Look into the checkpoint of a watch, or copy it.",
    commands=[show_, copy],
    examples=("ev-energy checkpoint show fleet.db",),
)
