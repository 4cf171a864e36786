"""Which checkpoint a user means: a SQLite file, or a name in a database whose address is a setting.

The commands that take a checkpoint use it. An address is never an argument: a password in it would stand in the list of
processes and in the shell's history.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from ev_energy_async import InvalidArgument, SqliteCheckpoint
from ev_energy_async.checkpoint.protocol import UNFINISHED
from ev_energy_async.files import user_path

if TYPE_CHECKING:
    from ev_energy_async.backends.postgres import PostgresCheckpoint
    from ev_energy_async.backends.redis import RedisCheckpoint
    from ev_energy_async.checkpoint import Owner
    from ev_energy_async.cli.session import Session

    Opened: TypeAlias = SqliteCheckpoint | PostgresCheckpoint | RedisCheckpoint

__all__ = ["PLACE", "opened", "owner_of", "owner_of_watch"]

PLACE: Final = "a SQLite file, `postgres:NAME` or `redis:NAME`"
# A word as of a database, such as `postgresql`, `sqlite3` or `postgresql+psycopg`. A drive of Windows is one letter.
_KIND: Final = re.compile(r"[a-z][a-z0-9+]+:", re.IGNORECASE)


def opened(session: Session, argument: str, place: str, *, exists: bool, adopt: bool | Owner = False) -> Opened:
    """Return a checkpoint by what the user calls it; `async with` opens and closes it.

    Args:
        session: The run, whose settings have the addresses of databases.
        argument: What the user gave it as, for errors.
        place: What the user calls it.
        exists: Whether a file must be there.
        adopt: Whether, or from whom alone, it may be taken over.

    Raises:
        InvalidArgument: It is no place, there is no such file, or the address of its database is not known.
        MissingExtra: The extra of its database is not installed.
    """
    if "://" in place:
        raise InvalidArgument(argument, None, f"{PLACE}; the address of a database is a setting")
    kind, colon, name = place.partition(":")
    if colon and kind == "postgres":
        from ev_energy_async.backends.postgres import PostgresCheckpoint  # noqa: PLC0415  # an extra

        address = _address(session, argument, "POSTGRES_DSN")
        return PostgresCheckpoint(address, name=name or "default", adopt=adopt)
    if colon and kind == "redis":
        from ev_energy_async.backends.redis import RedisCheckpoint  # noqa: PLC0415  # an extra

        return RedisCheckpoint(_address(session, argument, "REDIS_URL"), name=name or "default", adopt=adopt)
    path = user_path(argument, place)
    if _KIND.match(place) and not path.exists():
        # What follows may be an address with a password: only the kind is shown.
        raise InvalidArgument(argument, f"{kind}:", f"{PLACE} (a new file with a colon in its name: `./{kind}:...`)")
    if path.is_dir() or (exists and not path.exists()):
        raise InvalidArgument(argument, place, PLACE.replace("a ", "an existing ", 1) if exists else PLACE)
    return SqliteCheckpoint(path, adopt=adopt)


async def owner_of(checkpoint: Opened) -> Owner | None:
    """Return whose checkpoint it is, which can be read from now on; None for one that nobody has opened."""
    found = await checkpoint.owner()
    if found is not None and not isinstance(checkpoint, SqliteCheckpoint):  # a file is read without that
        await checkpoint.open(found)
    return found


async def owner_of_watch(argument: str, place: str, checkpoint: Opened) -> Owner:
    """Return the same of one that a watch has used.

    Raises:
        InvalidArgument: Nobody has opened it, or it is an unfinished copy.
    """
    found = await owner_of(checkpoint)
    if found is None or found.client == UNFINISHED:
        is_new = found is None
        expected = "a checkpoint that a watch has opened" if is_new else "a finished copy: repeat `checkpoint copy`"
        raise InvalidArgument(argument, place, expected)
    return found


def _address(session: Session, argument: str, setting: str) -> str:
    address = session.settings.get(setting)
    if address is None:
        where = f"EV_ENERGY_{setting} in the environment, or {setting.lower()} in the profile"
        raise InvalidArgument(argument, None, f"a database whose address is known: set {where}")
    return address
