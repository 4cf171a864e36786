"""Put a new generation in the place of the old one, so that there is never a mixture of the two.

The package's folder is built anew beside itself: generated files as they shall be, all others as hard links to what
they are. Then the two folders change places in ONE system call (`renameat2` with RENAME_EXCHANGE on Linux,
`renamex_np` with RENAME_SWAP on macOS), and what is now the old one is removed. Killed at any moment, the package is
the old or the new one; what a killed run leaves are folders beside it (`.ev_energy_async-made`, `-new`, `-old`), which
nothing imports and the next run of the generator removes.

Where the file system cannot exchange folders (some network mounts, the lower layer of a container's image), the files
are replaced one by one instead. There a kill in between does leave a mixture, but also the complete new generation
with a mark that says so: the next run of the generator, `--check` included, finishes the replacement before anything
else (`recover`).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

_CACHE: Final = "__pycache__"
_COMPLETE: Final = ".complete"
_AT_CWD: Final = -100
_RENAME_EXCHANGE: Final = 2  # the same number on Linux and (RENAME_SWAP) on macOS
_CANNOT_EXCHANGE: Final = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV, errno.EPERM, errno.EBUSY)


@contextlib.contextmanager
def alone(package: Path) -> Generator[None, None, None]:
    """Let no two runs of the generator touch one package; the system frees the lock of a killed one."""
    if not package.parent.is_dir():
        yield
        return
    descriptor = os.open(package.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def scratch(package: Path) -> Path:
    """Return an empty folder on the file system of a package, where a generation can be made."""
    folder = _beside(package, "made")
    _remove(folder)
    folder.mkdir()
    return folder


def put_in_place(made: Path, package: Path, owned: tuple[str, ...]) -> None:
    """Replace what is owned in a package by what was made.

    Args:
        made: The new generation: files at their paths below the package. On the file system of the package.
        package: The package.
        owned: The folders and files below the package that a generation owns.
    """
    beside = _beside(package, "new")
    _remove(beside)
    _link_others(package, beside, owned)
    for name in owned:
        if (made / name).exists():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).rename(beside / name)
    _sync(beside)
    if _exchange(beside, package):
        _sync_folder(package.parent)
        _keep_what_came_meanwhile(beside, package, owned)
        _remove(beside)
    else:
        (beside / _COMPLETE).write_text("\n".join(owned), encoding="utf-8")
        _sync(beside)
        recover(package)


def recover(package: Path) -> bool:
    """Finish or clear away what a killed run left; returns whether there was a replacement to finish."""
    beside = _beside(package, "new")
    unfinished = (beside / _COMPLETE).is_file()
    if unfinished:
        owned = (beside / _COMPLETE).read_text(encoding="utf-8").split("\n")
        wanted = {p.relative_to(beside) for p in _owned_files(beside, owned)}
        for path in sorted(wanted):
            (package / path).parent.mkdir(parents=True, exist_ok=True)
            # Copied beside the old file first: the complete generation stays complete until the very end.
            copy = (package / path).with_name(f".{path.name}.new")
            shutil.copyfile(beside / path, copy)
            copy.replace(package / path)
        for path in sorted(set(_owned_files(package, owned)) - {package / p for p in wanted}):
            path.unlink()
        _sync(package)
    _remove(beside)
    _remove(_beside(package, "made"))
    return unfinished


def _beside(package: Path, what: str) -> Path:
    return package.with_name(f".{package.name}-{what}")


def _remove(folder: Path) -> None:
    """Remove a folder; under another name first, so that a partial one is never taken for a complete one."""
    old = _beside(folder, "old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
        shutil.rmtree(old, ignore_errors=True)


def _owned_files(root: Path, owned: list[str] | tuple[str, ...]) -> Iterator[Path]:
    for name in owned:
        if (root / name).is_file():
            yield root / name
        yield from (p for p in (root / name).rglob("*") if p.is_file() and _CACHE not in p.parts)


def _is_owned(path: Path, owned: tuple[str, ...]) -> bool:
    return any(path == Path(name) or Path(name) in path.parents for name in owned)


def _link_others(package: Path, beside: Path, owned: tuple[str, ...]) -> None:
    """Make a twin of a folder, of the same files; what is owned and what is compiled stays out."""
    beside.mkdir()
    shutil.copystat(package, beside)
    for path in sorted(package.rglob("*")):
        inner = path.relative_to(package)
        if _is_owned(inner, owned) or _CACHE in inner.parts:
            continue
        if path.is_symlink():
            (beside / inner).symlink_to(path.readlink())
        elif path.is_dir():
            (beside / inner).mkdir()
            shutil.copystat(path, beside / inner)
        else:
            _link(path, beside / inner)


def _link(path: Path, twin: Path) -> None:
    try:
        os.link(path, twin)
    except OSError:
        # No hard links here; a copy of the bytes, the mode and the times serves as well.
        shutil.copy2(path, twin)


def _keep_what_came_meanwhile(old: Path, package: Path, owned: tuple[str, ...]) -> None:
    """Carry over what an editor saved in the old folder while the new one was made."""
    for path in sorted(old.rglob("*")):
        inner = path.relative_to(old)
        if path.is_dir() or _is_owned(inner, owned) or _CACHE in inner.parts:
            continue
        twin = package / inner
        if not twin.exists() or path.lstat().st_mtime_ns > twin.lstat().st_mtime_ns:
            twin.parent.mkdir(parents=True, exist_ok=True)
            path.replace(twin)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system has no such step."""
    library: Any = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        function, arguments = "renamex_np", (*names, _RENAME_EXCHANGE)
    else:
        function, arguments = "renameat2", (_AT_CWD, names[0], _AT_CWD, names[1], _RENAME_EXCHANGE)
    if not hasattr(library, function):
        return False
    if getattr(library, function)(*arguments) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _sync(folder: Path) -> None:
    """Have all files and folders below a folder on the disk."""
    for path in [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()]:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    for path in [folder, *(p for p in folder.rglob("*") if p.is_dir() and not p.is_symlink())]:
        _sync_folder(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
