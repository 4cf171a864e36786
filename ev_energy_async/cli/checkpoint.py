"""`ev-energy checkpoint`: look into the checkpoint of a watch, or copy it to another place."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async import InvalidArgument
from ev_energy_async.checkpoint import Advance, Owner
from ev_energy_async.cli.kit import Group, argument, command
from ev_energy_async.cli.output import show
from ev_energy_async.cli.places import PLACE, UNFINISHED, opened, owner_of, owner_of_watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.checkpoint import Checkpoint
    from ev_energy_async.cli.session import Session

__all__ = ["checkpoint"]

_ABOUT: Final = f"A checkpoint: {PLACE}."
# Redis serves nobody else while it makes a change, takes a second for some 20,000 entries, and has no more than 262,143
# in one before version 7.
_AT_ONCE: Final = 10_000


@command("show", examples=("ev-energy checkpoint show fleet.db",))
@argument("place", metavar="CHECKPOINT", about=_ABOUT)
def show_(session: Session, place: str) -> Any:
    """Show whose checkpoint it is, and what it holds. Sends nothing; the watch may run meanwhile.

    `ev-energy fleet coverage` tells what is complete.
    """
    return _show(session, place)


async def _show(session: Session, place: str) -> None:
    entries: Counter[str] = Counter()
    size: Counter[str] = Counter()
    latest = 0
    async with opened(session, "CHECKPOINT", place, exists=True) as checkpoint:
        owner = await owner_of(checkpoint)
        async for key, each in checkpoint.entries():
            name = key.partition("/")[0]
            entries[name] += 1
            size[name] += len(each.value)
            latest = max(latest, each.version)
    streams = [{"name": name, "entries": entries[name], "characters": size[name]} for name in sorted(entries)]
    lines = [f"checkpoint of {owner or 'nobody yet'}", f"{latest:,} changes"]
    lines += [f"{each['name']}: {each['entries']:,} entries, {each['characters']:,} characters" for each in streams]
    of = None if owner is None else {"base_url": owner.base_url, "client": owner.client, "user": owner.user}
    show(session, {"owner": of, "latest_version": latest, "streams": streams}, "\n".join(lines))


@command(
    "copy",
    examples=(
        "ev-energy checkpoint copy fleet.db backup.db",
        "ev-energy checkpoint copy fleet.db postgres:fleet",
    ),
)
@argument("source", about=_ABOUT)
@argument("target", about="One that holds nothing yet, in the same or in another kind of database.")
def copy(session: Session, source: str, target: str) -> Any:
    """Copy a checkpoint. No watch may run with the source meanwhile, nor with both later on.

    A copy that was interrupted is refused by watches; to finish it, repeat the command.

    The addresses of databases are settings, since passwords may be in them: EV_ENERGY_POSTGRES_DSN and
    EV_ENERGY_REDIS_URL.
    """
    return _copy(session, source, target)


async def _copy(session: Session, source: str, target: str) -> None:
    async with opened(session, "SOURCE", source, exists=True) as old:
        owner = await owner_of_watch("SOURCE", source, old)
        unfinished = Owner(owner.base_url, UNFINISHED)
        async with opened(session, "TARGET", target, exists=False, adopt=True) as new:
            if await new.owner() not in {None, unfinished}:
                raise InvalidArgument("TARGET", target, "a database without a checkpoint")
            # A watch takes no checkpoint of another owner, so none begins with a part of it.
            await new.open(unfinished)
            copied = await _fill(session, old, new)
            await new.open(owner)
    session.note(f"{copied:,} entries of {owner} copied to {target}")


async def _fill(session: Session, old: Checkpoint, new: Checkpoint) -> int:
    """Make a checkpoint hold what another one holds, and return how many entries that are."""
    copied = 0
    some: list[Advance] = []
    with session.progress("entries") as bar:
        async for change in _changes(old, new):
            some.append(change)
            copied += change.value is not None
            if len(some) == _AT_ONCE:
                await new.advance_all(some)
                some.clear()
                bar.at(copied)
        await new.advance_all(some)
    return copied


async def _changes(old: Checkpoint, new: Checkpoint) -> AsyncIterator[Advance]:
    """Yield the changes that make a checkpoint hold what another one holds."""
    left = {key: each.version async for key, each in new.entries()}
    async for key, each in old.entries():
        yield Advance(key, left.pop(key, 0), each.value)
    for key, version in left.items():
        yield Advance(key, version, None)


checkpoint: Final = Group(
    "checkpoint",
    help="Look into the checkpoint of a watch, or copy it to another place.",
    commands=[show_, copy],
    examples=("ev-energy checkpoint show fleet.db",),
)
