"""Files and folders that only their owner may use. Token stores and checkpoints keep theirs this way."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import filelock

from ev_energy_async._base import InvalidArgument

if TYPE_CHECKING:
    import os

__all__ = ["BY_OTHERS", "PRIVATE_FILE", "locked", "make_private_folder", "mode_of", "user_path"]

PRIVATE_FILE: Final = 0o600
BY_OTHERS: Final = 0o077
"""The permissions of all but the owner."""
_PRIVATE_FOLDER: Final = 0o700


def user_path(argument: str, path: str | os.PathLike[str]) -> Path:
    """Return a path as a user may write it, with `~` for the home folder.

    Raises:
        InvalidArgument: It is no path, or there is no such home folder.
    """
    try:
        found = Path(path).expanduser()
    except (RuntimeError, TypeError) as error:
        raise InvalidArgument(argument, path, "the path of a file") from error
    if "\0" in str(found) or not found.name:
        raise InvalidArgument(argument, path, "the path of a file")
    return found


def make_private_folder(folder: Path) -> None:
    """Make a folder with those above it, each for its owner alone (mode 0700); nothing if it exists.

    Raises:
        OSError: It cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)


def locked(path: Path) -> filelock.BaseFileLock | None:
    """Return a lock on a file, which is made with its folder for its owner alone; None if another has it.

    Raises:
        OSError: It cannot be made or locked.
    """
    make_private_folder(path.parent)
    # Every time a new one: it opens the file that bears the name now.
    lock = filelock.FileLock(path, timeout=0, mode=PRIVATE_FILE, thread_local=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        return None
    return lock


def mode_of(status: os.stat_result) -> int:
    """Return the permissions of a file: 0o600 if only its owner may read and write it."""
    return stat.S_IMODE(status.st_mode)
