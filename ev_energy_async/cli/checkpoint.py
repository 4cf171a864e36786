"""`ev-energy checkpoint`: look into the checkpoint of a watch, or copy it to another place."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from ev_energy_async import InvalidArgument, SqliteCheckpoint
from ev_energy_async.checkpoint import Advance
from ev_energy_async.cli.kit import Group, argument, command
from ev_energy_async.cli.output import show
from ev_energy_async.files import user_path

if TYPE_CHECKING:
    from ev_energy_async.checkpoint import Owner
    from ev_energy_async.cli.session import Session

__all__ = ["checkpoint"]

_PLACE: Final = "a SQLite file, `postgres:NAME` or `redis:NAME`"
_ABOUT: Final = f"A checkpoint: {_PLACE}."


def _opened(session: Session, argument: str, place: str, *, exists: bool) -> Any:
    """Return a checkpoint by what the user calls it. The address of a database is a setting, not an argument."""
    if "://" in place:
        raise InvalidArgument(argument, None, f"{_PLACE}; the address of a database is a setting")
    kind, _, name = place.partition(":")
    if kind == "postgres":
        from ev_energy_async.backends.postgres import PostgresCheckpoint  # noqa: PLC0415  # an extra

        return PostgresCheckpoint(_address(session, argument, "POSTGRES_DSN"), name=name or "default")
    if kind == "redis":
        from ev_energy_async.backends.redis import RedisCheckpoint  # noqa: PLC0415  # an extra

        return RedisCheckpoint(_address(session, argument, "REDIS_URL"), name=name or "default")
    path = user_path(argument, place)
    if path.is_dir() or (exists and not path.exists()):
        expected = "an existing SQLite file, `postgres:NAME` or `redis:NAME`" if exists else _PLACE
        raise InvalidArgument(argument, place, expected)
    return SqliteCheckpoint(path)


async def _owner(opened: Any) -> Owner | None:
    """Return whose checkpoint it is, which can be read from now on; None for one that nobody has opened."""
    found: Owner | None = await opened.owner()
    if found is not None and not isinstance(opened, SqliteCheckpoint):  # a file is read without that
        await opened.open(found)
    return found


def _address(session: Session, argument: str, setting: str) -> str:
    address = session.settings.get(setting)
    if address is None:
        where = f"EV_ENERGY_{setting} in the environment, or {setting.lower()} in the profile"
        raise InvalidArgument(argument, None, f"a database whose address is known: set {where}")
    return address


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
    async with _opened(session, "CHECKPOINT", place, exists=True) as opened:
        owner = await _owner(opened)
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
    """Copy a checkpoint, all of it or nothing. No watch may run with the source meanwhile, nor with both later on.

    The addresses of databases are settings, since passwords may be in them: EV_ENERGY_POSTGRES_DSN and
    EV_ENERGY_REDIS_URL.
    """
    return _copy(session, source, target)


async def _copy(session: Session, source: str, target: str) -> None:
    async with _opened(session, "SOURCE", source, exists=True) as old:
        owner = await _owner(old)
        if owner is None:
            raise InvalidArgument("SOURCE", source, "a checkpoint that a watch has opened")
        changes = [Advance(key, 0, each.value) async for key, each in old.entries()]
        async with _opened(session, "TARGET", target, exists=False) as new:
            # One that is the source's and holds nothing is what an interrupted copy has left.
            is_free = await new.owner() in {None, owner}
            if is_free:
                await new.open(owner)
            if not is_free or [key async for key, _ in new.entries()]:
                raise InvalidArgument("TARGET", target, "a database without a checkpoint")
            await new.advance_all(changes)
    session.note(f"{len(changes):,} entries of {owner} copied to {target}")


checkpoint: Final = Group(
    "checkpoint",
    help="Look into the checkpoint of a watch, or copy it to another place.",
    commands=[show_, copy],
    examples=("ev-energy checkpoint show fleet.db",),
)
