"""Optional dependencies: a missing one is reported in the same words everywhere.

Used where a module imports a package that only an extra installs.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["MissingExtra", "extra"]


class MissingExtra(ModuleNotFoundError):
    """A package that an extra of this one installs is not there; the text is the command that installs it."""


@contextmanager
def extra(name: str, needed_by: str, *packages: str) -> Generator[None, None, None]:
    """Name the extra to install if an import inside the block finds one of its packages missing.

    Args:
        name: The extra, e.g. `otel`.
        needed_by: What cannot be used without it, e.g. the module's `__name__`.
        packages: The import names of its packages. Any other missing module is a fault of its own and passes through.

    Raises:
        MissingExtra: One of the packages is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in packages:
            raise
        text = f"{needed_by} needs {missing}: pip install 'ev-energy-async[{name}]'"
        raise MissingExtra(text, name=error.name) from None
