"""`ev-energy checkpoint`: look into the checkpoint of a watch, or copy it to another place."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async import InvalidArgument
from ev_energy_async.checkpoint import Advance, CheckpointError, CheckpointMismatch, Owner
from ev_energy_async.checkpoint.protocol import UNFINISHED
from ev_energy_async.cli.kit import Group, argument, command
from ev_energy_async.cli.output import show
from ev_energy_async.cli.places import PLACE, opened, owner_of, owner_of_watch
from ev_energy_async.fleet.watch import is_epoch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ev_energy_async.checkpoint import Checkpoint, Entry
    from ev_energy_async.cli.session import Session

__all__ = ["checkpoint"]

_ABOUT: Final = f"A checkpoint: {PLACE}."
# Redis serves nobody else while it makes a change, and takes a second for some 20,000 entries. Before version 7 a
# command takes at most 1,048,576 arguments, four for each entry.
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

    A copy that was interrupted, or whose source changed meanwhile, is refused by watches; to finish it, repeat the
    command. The terms of leases are not copied, so that the copy can be watched under a lease in any store.

    The addresses of databases are settings, since passwords may be in them: EV_ENERGY_POSTGRES_DSN and
    EV_ENERGY_REDIS_URL.
    """
    return _copy(session, source, target)


async def _copy(session: Session, source: str, target: str) -> None:
    async with opened(session, "SOURCE", source, exists=True) as old:
        owner = await owner_of_watch("SOURCE", source, old)
        unfinished = Owner(owner.base_url, UNFINISHED)
        async with opened(session, "TARGET", target, exists=False, adopt=unfinished) as new:
            try:
                # From now on no watch can open it, and begin with a part of it.
                await new.open(unfinished)
            except CheckpointMismatch as mismatch:
                raise InvalidArgument("TARGET", target, "a database without a checkpoint") from mismatch
            copied = await _fill(session, old, new)
            await new.open(owner)
    session.note(f"{copied:,} entries of {owner} copied to {target}")


async def _fill(session: Session, old: Checkpoint, new: Checkpoint) -> int:
    """Make a checkpoint hold what another one holds, and return how many entries that are.

    Raises:
        CheckpointError: The other one has changed meanwhile.
    """
    copied: dict[str, int] = {}
    some: list[Advance] = []
    with session.progress("entries") as bar:
        async for change in _changes(old, new, copied):
            some.append(change)
            if len(some) == _AT_ONCE:
                await new.advance_all(some)
                some.clear()
                bar.at(len(copied))
        await new.advance_all(some)
    # It was read in portions. No key is given a version twice: what is unchanged now was so all the time.
    if {key: each.version async for key, each in _entries(old)} != copied:
        raise CheckpointError("the source has changed while it was copied: stop its watch, and repeat the command")
    return len(copied)


async def _changes(old: Checkpoint, new: Checkpoint, copied: dict[str, int]) -> AsyncIterator[Advance]:
    """Yield the changes that make a checkpoint hold what another one holds, and note the versions that were read."""
    left = {key: each.version async for key, each in new.entries()}
    async for key, each in _entries(old):
        copied[key] = each.version
        yield Advance(key, left.pop(key, 0), each.value)
    for key, version in left.items():
        yield Advance(key, version, None)


async def _entries(checkpoint: Checkpoint) -> AsyncIterator[tuple[str, Entry]]:
    """Yield the entries that are copied: all but epochs, which another lease store counts otherwise."""
    async for key, each in checkpoint.entries():
        if not is_epoch(key):
            yield key, each


checkpoint: Final = Group(
    "checkpoint",
    help="Look into the checkpoint of a watch, or copy it to another place.",
    commands=[show_, copy],
    examples=("ev-energy checkpoint show fleet.db",),
)
